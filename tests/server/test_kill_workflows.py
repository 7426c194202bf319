"""SIGKILL in every state of a workflow: one upstream job at the most, one success, every file there.

One server is killed in all of them, one after the other. What happened is counted from the upstream's own journal.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Literal, NamedTuple

import pytest

from tests.providers.comfyui.requests import BOOK, CLIP, WORDS
from tests.server.comfy import FLOWS
from tests.server.process import ServerProcess
from tests.upstreams import bizyair
from tests.upstreams.bizyair import FakeBizyair
from tests.upstreams.comfyui import FakeComfy
from tests.upstreams.comfyui_graphs import png

Fake = FakeComfy | FakeBizyair
KEY = "key-of-the-proxy-in-front-0123456789"
PAGES = {"model": "picture-book", "operation": "workflow", "prompt": "a boat"}
PICTURE = f"data:image/png;base64,{base64.b64encode(png(320, 320)).decode()}"
MOVES = {"model": "clip", "operation": "workflow", "inputs": [{"role": "image", "data": PICTURE}]}
APP = f"""
[[workflows]]
web_app_id = {bizyair.PAGE}
name = "picture-book"
prompt = "17:BizyAir_NanoBananaPro.prompt"
makes = "image"
"""


class Row(NamedTuple):
    """An upstream of workflows, and what a kill there comes to."""

    provider: str
    fake: Callable[[], Fake]
    key: str
    channel: str
    """What the configuration says of it, and of the workflows."""
    graphs: dict[str, Any]
    """By the name of their file."""
    states: tuple[tuple[str, dict[str, Any], int, Literal["succeeded", "failed"]], ...]
    """Where a request is held when the server is killed, the create, how many jobs there are in the end, and how the
    task ends."""


ROWS = [
    Row(
        "comfyui",
        lambda: FakeComfy(api_key=KEY),
        KEY,
        f'models = ["*"]\n{FLOWS}',
        {"book": BOOK, "clip": CLIP, "words": WORDS},
        (
            ("upload", MOVES, 1, "succeeded"),
            ("create", MOVES, 1, "succeeded"),  # it had nothing, and is sent it again under the same id
            ("accepted", PAGES, 1, "succeeded"),
            ("query", PAGES, 1, "succeeded"),
            ("file", PAGES, 1, "succeeded"),
        ),
    ),
    Row(
        "bizyair",
        FakeBizyair,
        bizyair.API_KEY,
        f'models = ["*"]\n{APP}',
        {},
        (
            ("create", PAGES, 0, "failed"),  # nobody can be asked, so that it is not sent again
            ("accepted", PAGES, 1, "failed"),
            ("query", PAGES, 1, "succeeded"),
            ("file", PAGES, 1, "succeeded"),
        ),
    ),
    Row(
        "bizyair",
        FakeBizyair,
        bizyair.API_KEY,
        f'models = ["*"]\noptions = {{ mode = "sync" }}\n{APP}',
        {},
        (
            ("accepted", PAGES, 1, "failed"),  # while the upstream works at it
            ("file", PAGES, 1, "succeeded"),
        ),
    ),
]


@pytest.fixture(params=ROWS, ids=["comfyui", "bizyair", "bizyair, synchronous"])
def row(request: pytest.FixtureRequest) -> Row:
    found: Row = request.param
    return found


@pytest.fixture
def fake(row: Row) -> Iterator[Fake]:
    with row.fake().in_thread() as running:
        running.autofinish(0.02)
        yield running


@pytest.fixture
def process(tmp_path: Path, row: Row, fake: Fake) -> Iterator[ServerProcess]:
    for name, graph in row.graphs.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(graph), encoding="utf-8")
    made = ServerProcess(tmp_path, fake.base_url, row.key, provider=row.provider, channel=row.channel)
    with made:
        yield made


def ended(process: ServerProcess, count: int) -> Any:
    """The newest of the tasks, once so many have ended; its client may never have been told its id."""

    def all_ended(page: Any) -> bool:
        return len(page["data"]) == count and all(one["status"] in ("succeeded", "failed") for one in page["data"])

    return process.until("/v1/tasks", all_ended)["data"][0]


def test_killed_in_every_state(process: ServerProcess, fake: Fake, row: Row) -> None:
    for number, (held, body, jobs, end) in enumerate(row.states, 1):
        before = fake.count("accepted")
        fake.hold(held)
        with closing(process.send("POST", "/v1/tasks", body)):
            fake.wait_held(held, timeout=20)
            process.kill()
        fake.release(held, drop=True)
        process.start()
        task = ended(process, number)
        assert task["status"] == end, (held, task)
        assert end == "succeeded" or task["error"]["code"] == "submission_unknown", (held, task)
        made = fake.entries("accepted")[before:]
        assert len(made) == jobs, held
        assert len({one.handle for one in made}) == jobs, held
        links = [one["url"].removeprefix(process.address) for one in task["outputs"]]
        assert [process.call("GET", link)[0] for link in links] == [200] * len(links), held
        assert bool(links) is (end == "succeeded"), held
        assert list((process.data / "tmp").iterdir()) == [], held
    downloads = fake.count("download")
    process.kill()
    process.start()
    assert ended(process, len(row.states))["status"] == row.states[-1][3]
    assert (fake.count("download"), process.call("GET", "/v1/tasks")[0]) == (downloads, 200), "what has ended stays so"

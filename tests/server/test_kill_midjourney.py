"""SIGKILL in front of a Midjourney proxy: whatever state a job is in, the proxy has made it once. One kill hits all."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.server.live import eventually
from tests.server.process import ServerProcess
from tests.upstreams.midjourney import API_KEY, FakeMidjourney

GRID = {"model": "midjourney", "prompt": "a paper boat"}


@pytest.fixture
def fake() -> Iterator[FakeMidjourney]:
    with FakeMidjourney(apart=False).in_thread() as running:
        yield running


@pytest.fixture
def process(tmp_path: Path, fake: FakeMidjourney) -> Iterator[ServerProcess]:
    more = 'models = ["midjourney"]\n'
    made = ServerProcess(tmp_path, fake.base_url, API_KEY, provider="midjourney", channel=more, speed=60)
    with made:
        yield made


def hung_up(process: ServerProcess, fake: FakeMidjourney, held: str, *bodies: dict[str, Any]) -> None:
    """Have jobs asked for whose clients hang up when that is as far as `held`."""
    fake.hold(held)
    for number, body in enumerate(bodies, 1):
        with closing(process.send("POST", "/v1/tasks", body)):
            fake.wait_held(held, 20, number)


def test_killed_in_every_state_at_once(process: ServerProcess, fake: FakeMidjourney) -> None:
    """A job that was made and not answered is found again, one that never was is not made, one that runs goes on, and
    a window that was opened is opened anew, which bills nobody, before its one modal."""
    status, done = process.call("POST", "/v1/tasks", GRID)
    assert status == 200
    eventually(lambda: fake.count("accepted") == 1, "the job of the grid")
    fake.finish()
    process.until(f"/v1/tasks/{done['id']}", lambda found: found["status"] == "succeeded", 30)
    upscale = {"operation": "upscale", "source": {"task": done["id"]}, "parameters": {"index": 1}}
    _, one = process.call("POST", "/v1/tasks", {"model": "midjourney", **upscale})
    eventually(lambda: fake.count("accepted") == 2, "the job of the upscale")
    fake.finish()
    process.until(f"/v1/tasks/{one['id']}", lambda found: found["status"] == "succeeded", 30)
    _, runs = process.call("POST", "/v1/tasks", GRID)
    eventually(lambda: fake.count("accepted") == 3, "a job that runs")
    zoom = {"operation": "zoom", "source": {"task": one["id"]}, "prompt": "a sea", "parameters": {"factor": 1.8}}
    hung_up(process, fake, "create", {"model": "midjourney", **zoom}, GRID | {"prompt": "never had"})
    process.kill()
    fake.release("create", drop=True)
    process.start()
    eventually(lambda: fake.count("accepted") == 4, "the modal of the window")
    hung_up(process, fake, "accepted", GRID)
    process.kill()
    fake.release("accepted", drop=True)
    process.start()

    def settled(page: Any) -> bool:
        fake.finish()
        return len(page["data"]) == 6 and all(task["status"] in ("succeeded", "failed") for task in page["data"])

    found = process.until("/v1/tasks", settled, 60)["data"]
    assert [(task["operation"], task["status"]) for task in found] == [
        ("text_to_image", "succeeded"),
        ("text_to_image", "failed"),
        ("zoom", "succeeded"),
        ("text_to_image", "succeeded"),
        ("upscale", "succeeded"),
        ("text_to_image", "succeeded"),
    ]
    assert found[1]["error"]["code"] == "submission_unknown"
    assert runs["id"] == found[3]["id"]
    assert fake.count("accepted") == 5
    handles = [entry.handle for entry in fake.entries("accepted")]
    assert len(set(handles)) == 5
    assert list((process.data / "tmp").iterdir()) == []

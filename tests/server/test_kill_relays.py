"""SIGKILL in front of relays in every form at once: whatever state a job is in, its relay has made it once."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest

from tests.server.live import eventually
from tests.server.process import ServerProcess
from tests.upstreams.relay import API_KEY, FakeRelay, Form

ASKED: tuple[Form, ...] = ("official", "unified", "new-api")
"""Forms whose jobs are asked about; a chat's answer is its result."""
Relays = dict[str, FakeRelay]


@pytest.fixture
def relays() -> Iterator[Relays]:
    with ExitStack() as stack:
        found: Relays = {form: stack.enter_context(FakeRelay(form).in_thread()) for form in (*ASKED, "chat")}
        found["chat"].autofinish(None)
        yield found


@pytest.fixture
def process(tmp_path: Path, relays: Relays) -> Iterator[ServerProcess]:
    others = "".join(
        f"""
[[channels]]
name = "{form}"
provider = "relay"
base_url = "{relays[form].base_url}"
api_key = "{API_KEY}"
allow_private = true
models = [{{ public = "by-{form}", upstream = "sora-2" }}]
options = {{ form = "{form}" }}
"""
        for form in ("unified", "new-api", "chat")
    )
    first = 'models = [{ public = "by-official", upstream = "sora-2" }]\noptions = { form = "official" }\n'
    made = ServerProcess(
        tmp_path, relays["official"].base_url, API_KEY, provider="relay", channel=first + others, speed=20
    )
    with made:
        yield made


def begun(process: ServerProcess, relays: Relays, forms: tuple[Form, ...], held: str) -> None:
    """Have a job made in each form whose client hangs up when that is as far as `held`."""
    for form in forms:
        relays[form].hold(held)
        caller = process.send("POST", "/v1/tasks", {"model": f"by-{form}", "prompt": "a paper boat"})
        with closing(caller):
            relays[form].wait_held(held, 20)


def ended(process: ServerProcess, number: int) -> list[Any]:
    """All tasks, once they have ended."""

    def all_ended(page: Any) -> bool:
        return len(page["data"]) == number and all(one["status"] in ("succeeded", "failed") for one in page["data"])

    found: list[Any] = process.until("/v1/tasks", all_ended, 30)["data"]
    return found


def test_killed_while_submits_are_in_flight(process: ServerProcess, relays: Relays) -> None:
    begun(process, relays, ("official",), "create")
    begun(process, relays, ("unified", "new-api"), "accepted")
    with closing(process.send("POST", "/v1/tasks", {"model": "by-chat", "prompt": "a paper boat"})):
        eventually(lambda: relays["chat"].jobs, "a job")
    process.kill()
    relays["chat"].finish()
    for form, held in (("official", "create"), ("unified", "accepted"), ("new-api", "accepted")):
        relays[form].release(held, drop=True)
    process.start()
    assert {one["error"]["code"] for one in ended(process, 4)} == {"submission_unknown"}
    time.sleep(0.5)
    assert [len(relay.jobs) for relay in relays.values()] == [0, 1, 1, 1]


def test_killed_while_jobs_run_and_while_files_come(process: ServerProcess, relays: Relays) -> None:
    begun(process, relays, ASKED, "query")
    process.kill()
    for form in ASKED:
        relays[form].finish()
        relays[form].hold("file")
        relays[form].release("query")
    process.start()
    with closing(process.send("POST", "/v1/tasks", {"model": "by-chat", "prompt": "a paper boat"})):
        eventually(lambda: relays["chat"].jobs, "a job")
    relays["chat"].hold("file")
    relays["chat"].finish()
    for relay in relays.values():
        relay.wait_held("file", 20)
    process.kill()
    for relay in relays.values():
        relay.release("file")
    process.start()
    assert [one["status"] for one in ended(process, 4)] == ["succeeded"] * 4
    assert [relay.count("accepted") for relay in relays.values()] == [1, 1, 1, 1]
    files = process.files("*.mp4")
    assert [file.read_bytes() for file in files] == [relay.file for relay in relays.values()]
    assert list((process.data / "tmp").iterdir()) == []

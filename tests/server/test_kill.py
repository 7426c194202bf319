"""SIGKILL in every state of a task. What happened is counted from the upstream's own journal."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.server.process import ServerProcess
from tests.upstreams.kling import API_KEY, FakeKling

CREATE = {"model_name": "kling-v2-5-turbo", "prompt": "a paper boat", "duration": "5", "external_task_id": "mine"}
PATH = "/kling/v1/videos/text2video"


@pytest.fixture
def kling() -> Iterator[FakeKling]:
    with FakeKling().in_thread() as fake:
        yield fake


def server(tmp_path: Path, kling: FakeKling, **options: Any) -> ServerProcess:
    return ServerProcess(tmp_path, kling.base_url, API_KEY, **options)


def ended(answer: Any) -> bool:
    return answer["data"]["task_status"] in ("succeed", "failed")


def succeeds_once(process: ServerProcess, kling: FakeKling, name: str = "mine") -> None:
    """Exactly one upstream job, one success, one output file, and nothing left lying about."""
    answer = process.until(f"{PATH}/{name}", ended)
    assert answer["data"]["task_status"] == "succeed", answer
    assert len(kling.jobs) == 1
    (video,) = process.files("*.mp4")
    assert video.read_bytes() == kling.file
    (url,) = [one["url"] for one in answer["data"]["task_result"]["videos"]]
    status, content = process.call("GET", url.removeprefix(process.address))
    assert (status, content) == (200, kling.file)
    assert list((process.data / "tmp").iterdir()) == []


def test_killed_before_the_upstream_has_the_job(tmp_path: Path, kling: FakeKling) -> None:
    process = server(tmp_path, kling)
    kling.autofinish(0.2)
    kling.hold("create")
    with process:
        caller = process.send("POST", PATH, CREATE)
        kling.wait_held("create")
        process.kill()
        caller.close()
        kling.release("create", drop=True)
        process.start()
        succeeds_once(process, kling)


def test_killed_after_the_upstream_has_the_job_and_before_we_know(tmp_path: Path, kling: FakeKling) -> None:
    process = server(tmp_path, kling)
    kling.hold("accepted")
    with process:
        caller = process.send("POST", PATH, CREATE)
        kling.wait_held("accepted")
        process.kill()
        caller.close()
        kling.release("accepted")
        process.start()
        process.until(f"{PATH}/mine", lambda answer: answer["data"]["task_status"] in ("submitted", "processing"))
        kling.finish()
        succeeds_once(process, kling)


def test_killed_while_it_waits_for_a_slot(tmp_path: Path, kling: FakeKling) -> None:
    process = server(tmp_path, kling, channel="max_in_flight = 1")
    with process:
        process.call("POST", PATH, {**CREATE, "external_task_id": "first"})
        process.call("POST", PATH, CREATE)
        assert len(kling.jobs) == 1
        process.kill()
        process.start()
        time.sleep(0.5)
        assert len(kling.jobs) == 1, "the slot of the running job is still taken after the start"
        kling.autofinish(0.1)
        kling.finish()
        process.until(f"{PATH}/first", ended)
        answer = process.until(f"{PATH}/mine", ended)
        assert answer["data"]["task_status"] == "succeed"
        assert len(kling.jobs) == 2


def test_killed_while_it_runs(tmp_path: Path, kling: FakeKling) -> None:
    process = server(tmp_path, kling)
    with process:
        process.call("POST", PATH, CREATE)
        kling.begin()
        kling.hold("query")
        kling.wait_held("query")
        process.kill()
        kling.finish()
        kling.release("query")
        process.start()
        succeeds_once(process, kling)


def test_killed_while_it_collects(tmp_path: Path, kling: FakeKling) -> None:
    process = server(tmp_path, kling)
    kling.autofinish(0.05)
    kling.hold("file")
    with process:
        process.call("POST", PATH, CREATE)
        kling.wait_held("file")
        process.kill()
        kling.release("file")
        process.start()
        succeeds_once(process, kling)


@pytest.mark.parametrize("where", ["accepted", "file"])
def test_a_start_that_finds_no_schedule_makes_it_anew(tmp_path: Path, kling: FakeKling, where: str) -> None:
    process = server(tmp_path, kling)
    kling.autofinish(0.05)
    kling.hold(where)
    with process:
        caller = process.send("POST", PATH, CREATE)
        kling.wait_held(where)
        process.kill()
        caller.close()
        kling.release(where)
        with contextlib.closing(sqlite3.connect(process.data / "telecine.db")) as records, records:
            assert records.execute("DELETE FROM schedule").rowcount == 1
        process.start()
        succeeds_once(process, kling)


def test_killed_after_it_ended(tmp_path: Path, kling: FakeKling) -> None:
    process = server(tmp_path, kling)
    kling.autofinish(0.05)
    with process:
        process.call("POST", PATH, CREATE)
        process.until(f"{PATH}/mine", ended)
        process.kill()
        process.start()
        succeeds_once(process, kling)
        assert kling.count("download") == 1


def test_killed_again_and_again(tmp_path: Path, kling: FakeKling) -> None:
    process = server(tmp_path, kling)
    with process:
        process.call("POST", PATH, CREATE)
        for delay in (0.0, 0.05, 0.1, 0.2, 0.3):
            time.sleep(delay)
            process.kill()
            process.start()
        kling.finish()
        succeeds_once(process, kling)


def test_an_upstream_that_cannot_be_asked_never_gets_a_second_job(tmp_path: Path, kling: FakeKling) -> None:
    process = server(tmp_path, kling, options=["--blind"])
    kling.hold("accepted")
    with process:
        caller = process.send("POST", PATH, CREATE)
        kling.wait_held("accepted")
        process.kill()
        caller.close()
        kling.release("accepted")
        process.start()
        answer = process.until(f"{PATH}/mine", ended)
        assert answer["data"]["task_status"] == "failed"
        status, task = process.call("GET", f"/v1/tasks/{answer['data']['task_id']}")
        assert (status, task["error"]["code"]) == (200, "submission_unknown")
        time.sleep(0.5)
        assert len(kling.jobs) == 1


@pytest.mark.parametrize("kind", ["create", "accepted"])
def test_a_client_that_hangs_up_changes_nothing(tmp_path: Path, kling: FakeKling, kind: str) -> None:
    kling.autofinish(0.1)
    kling.hold(kind)
    with server(tmp_path, kling) as process:
        caller = process.send("POST", PATH, CREATE)
        kling.wait_held(kind)
        caller.close()
        kling.release(kind)
        succeeds_once(process, kling)


def test_a_dropped_answer_is_looked_up_and_never_sent_twice(tmp_path: Path, kling: FakeKling) -> None:
    kling.autofinish(0.1)
    kling.hold("accepted")
    with server(tmp_path, kling) as process:
        caller = process.send("POST", PATH, CREATE)
        kling.wait_held("accepted")
        kling.release("accepted", drop=True)
        assert caller.getresponse().status == 200
        caller.close()
        succeeds_once(process, kling)


def test_a_stop_signal_finishes_the_step_and_leaves_the_rest(tmp_path: Path, kling: FakeKling) -> None:
    process = server(tmp_path, kling)
    with process:
        process.call("POST", PATH, CREATE)
        assert process.stop() == 0
        kling.finish()
        process.start()
        succeeds_once(process, kling)

"""SIGKILL in front of an upstream that cannot be asked about a handle of ours: nothing is ever sent twice."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.server.process import ServerProcess
from tests.upstreams.openai_videos import API_KEY, FakeOpenAI

CREATE = {"model": "sora-2", "prompt": "a paper boat", "seconds": "4"}


@pytest.fixture
def upstream() -> Iterator[FakeOpenAI]:
    with FakeOpenAI().in_thread() as fake:
        yield fake


def server(tmp_path: Path, upstream: FakeOpenAI) -> ServerProcess:
    return ServerProcess(tmp_path, f"{upstream.base_url}/v1", API_KEY, provider="openai")


def the_video(process: ServerProcess) -> Any:
    """The one video of the account, once it has ended; its client may never have been told its id."""
    listed = process.until("/v1/videos", lambda page: all(v["status"] in ("completed", "failed") for v in page["data"]))
    (video,) = listed["data"]
    return video


def succeeds_once(process: ServerProcess, upstream: FakeOpenAI) -> None:
    """Exactly one upstream job, one success, one output file, and nothing left lying about."""
    video = the_video(process)
    assert video["status"] == "completed", video
    assert jobs_of_a_handle(upstream) == [1]
    (file,) = process.files("*.mp4")
    assert file.read_bytes() == upstream.file
    assert process.call("GET", f"/v1/videos/{video['id']}/content") == (200, upstream.file)
    assert list((process.data / "tmp").iterdir()) == []


def jobs_of_a_handle(upstream: FakeOpenAI) -> list[int]:
    """How many jobs were made for each submit, counted from the upstream's own journal."""
    return list(Counter(entry.handle for entry in upstream.entries("accepted")).values())


@pytest.mark.parametrize(("held", "jobs"), [("create", []), ("accepted", [1])])
def test_killed_while_the_submit_is_in_flight(tmp_path: Path, upstream: FakeOpenAI, held: str, jobs: list[int]) -> None:
    process = server(tmp_path, upstream)
    upstream.hold(held)
    with process:
        caller = process.send("POST", "/v1/videos", CREATE)
        upstream.wait_held(held)
        process.kill()
        caller.close()
        upstream.release(held, drop=True)
        process.start()
        video = the_video(process)
        assert video["status"] == "failed"
        status, task = process.call("GET", f"/v1/tasks/{video['id']}")
        assert (status, task["error"]["code"]) == (200, "submission_unknown")
        time.sleep(0.5)
        assert jobs_of_a_handle(upstream) == jobs
        assert upstream.count("dropped") == 1


def test_a_dropped_answer_is_told_as_unknown(tmp_path: Path, upstream: FakeOpenAI) -> None:
    upstream.hold("accepted")
    with server(tmp_path, upstream) as process:
        caller = process.send("POST", "/v1/videos", CREATE)
        upstream.wait_held("accepted")
        upstream.release("accepted", drop=True)
        answer = caller.getresponse()
        caller.close()
        assert (answer.status, answer.getheader("x-should-retry")) == (502, "false")
        assert the_video(process)["status"] == "failed"
        assert jobs_of_a_handle(upstream) == [1]


def test_killed_while_it_runs(tmp_path: Path, upstream: FakeOpenAI) -> None:
    process = server(tmp_path, upstream)
    with process:
        process.call("POST", "/v1/videos", CREATE)
        upstream.begin(progress=30)
        upstream.hold("query")
        upstream.wait_held("query")
        process.kill()
        upstream.finish()
        upstream.release("query")
        process.start()
        succeeds_once(process, upstream)


def test_killed_while_it_collects(tmp_path: Path, upstream: FakeOpenAI) -> None:
    process = server(tmp_path, upstream)
    upstream.autofinish(0.05)
    upstream.hold("file")
    with process:
        process.call("POST", "/v1/videos", CREATE)
        upstream.wait_held("file")
        process.kill()
        upstream.release("file")
        process.start()
        succeeds_once(process, upstream)


def test_killed_after_it_ended_a_remix_still_finds_its_source(tmp_path: Path, upstream: FakeOpenAI) -> None:
    process = server(tmp_path, upstream)
    upstream.autofinish(0.05)
    with process:
        process.call("POST", "/v1/videos", CREATE)
        succeeds_once(process, upstream)
        process.kill()
        process.start()
        first = the_video(process)
        status, remix = process.call("POST", f"/v1/videos/{first['id']}/remix", {"prompt": "a paper plane"})
        assert (status, remix["remixed_from_video_id"]) == (200, first["id"])
        done = process.until(f"/v1/videos/{remix['id']}", lambda video: video["status"] == "completed")
        assert done["prompt"] == "a paper plane"
        source, made = upstream.jobs.values()
        assert (made.remixed_from, made.fields) == (source.id, {"prompt": "a paper plane"})

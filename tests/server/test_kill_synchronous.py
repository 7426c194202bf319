"""SIGKILL in front of an upstream that answers a create only when the job is done: nothing is paid for twice, and what
has been answered is not lost."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.server.live import eventually
from tests.server.process import ServerProcess
from tests.upstreams.openai_videos import API_KEY, FakeOpenAI

CREATE = {"model": "sora-2", "prompt": "a paper boat", "seconds": "4"}


@pytest.fixture
def upstream() -> Iterator[FakeOpenAI]:
    with FakeOpenAI(links=True, synchronous=True).in_thread() as fake:
        yield fake


@pytest.fixture
def process(tmp_path: Path, upstream: FakeOpenAI) -> Iterator[ServerProcess]:
    made = ServerProcess(
        tmp_path, f"{upstream.base_url}/v1", API_KEY, provider="openai", options=("--submit-timeout", "30")
    )
    with made:
        yield made


def ended(process: ServerProcess) -> Any:
    """The one task, once it has ended; its client was never told its id."""
    listed = process.until("/v1/tasks", lambda page: all(t["status"] in ("succeeded", "failed") for t in page["data"]))
    (task,) = listed["data"]
    return task


def begun(process: ServerProcess, upstream: FakeOpenAI) -> None:
    """Send a create whose client hangs up while the upstream works at it."""
    with closing(process.send("POST", "/v1/videos", CREATE)):
        eventually(lambda: upstream.jobs, "a job")


def test_a_result_that_comes_with_the_answer(process: ServerProcess, upstream: FakeOpenAI) -> None:
    begun(process, upstream)
    time.sleep(1.0)  # a minute by the server's clock: longer than a lease lasts that nobody extends
    upstream.finish()
    assert ended(process)["status"] == "succeeded"
    assert (len(upstream.jobs), upstream.queries) == (1, 0)
    (file,) = process.files("*.mp4")
    assert file.read_bytes() == upstream.file
    assert process.files("*.answer.*") == []


def test_killed_while_the_upstream_works(process: ServerProcess, upstream: FakeOpenAI) -> None:
    begun(process, upstream)
    process.kill()
    upstream.finish()
    process.start()
    task = ended(process)
    assert (task["status"], task["error"]["code"]) == ("failed", "submission_unknown")
    assert len(upstream.jobs) == 1


def test_killed_after_the_answer_and_before_it_is_in_the_records(process: ServerProcess, upstream: FakeOpenAI) -> None:
    begun(process, upstream)
    with closing(sqlite3.connect(process.data / "telecine.db", timeout=20, isolation_level=None)) as records:
        records.execute("BEGIN IMMEDIATE")  # as a backup tool may: no step can be committed
        upstream.finish()
        eventually(lambda: process.files("*.answer.json"), "the answer in storage")
        process.kill()
    process.start()
    assert ended(process)["status"] == "succeeded"
    assert (len(upstream.jobs), upstream.queries) == (1, 0)
    (file,) = process.files("*.mp4")
    assert file.read_bytes() == upstream.file
    eventually(lambda: not process.files("*.answer.*"), "nothing left of it")

"""SIGKILL in front of an upstream whose answer is the pictures: never a second paid call, and what was answered is not
lost."""

from __future__ import annotations

import base64
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.server.live import eventually
from tests.server.process import ServerProcess
from tests.upstreams.openai_images import API_KEY, FakeImages, drawn

CREATE = {"model": "gpt-image-2", "prompt": "a paper boat", "size": "512x512"}
PATH = "/v1/images/generations"


@pytest.fixture
def upstream() -> Iterator[FakeImages]:
    with FakeImages().in_thread() as fake:
        yield fake


@pytest.fixture
def process(tmp_path: Path, upstream: FakeImages) -> Iterator[ServerProcess]:
    # As fast as the machine's clock: the client of a request that is sent again is joined for ten minutes.
    with ServerProcess(tmp_path, f"{upstream.base_url}/v1", API_KEY, provider="openai", speed=1.0) as made:
        yield made


def test_killed_while_it_is_drawn_and_before_the_answer_is_in_the_records(
    process: ServerProcess, upstream: FakeImages
) -> None:
    upstream.hold("accepted")
    with closing(process.send("POST", PATH, CREATE | {"prompt": "another"})):
        upstream.wait_held("accepted")
        process.kill()
    upstream.release("accepted", drop=True)
    process.start()
    page = process.until("/v1/tasks", lambda page: page["data"][0]["status"] == "failed")
    assert page["data"][0]["error"]["code"] == "submission_unknown"
    assert len(upstream.jobs) == 1

    upstream.hold("accepted")
    with closing(process.send("POST", PATH, CREATE)):
        upstream.wait_held("accepted")
        with closing(sqlite3.connect(process.data / "telecine.db", timeout=20, isolation_level=None)) as records:
            records.execute("BEGIN IMMEDIATE")  # as a backup tool may: no step can be committed
            upstream.release("accepted")
            eventually(lambda: process.files("*.answer.json"), "the answer in storage")
            process.kill()
    process.start()
    process.until("/v1/tasks", lambda page: page["data"][0]["status"] == "succeeded")
    with closing(process.send("POST", PATH, CREATE, headers={"x-stainless-retry-count": "1"})) as connection:
        found = connection.getresponse().read()
    assert base64.b64encode(drawn("512x512")) in found
    assert len(upstream.jobs) == 2

"""SIGKILL in front of IMA: whatever state a job is in, it is made once, and what it has made is kept."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.server.process import ServerProcess
from tests.upstreams.ima import API_KEY, FakeIma
from tests.upstreams.suno_jobs import png

IMAGE, VIDEO = "gemini-3-pro-image-preview", "ima-pro"


@pytest.fixture
def fake() -> Iterator[FakeIma]:
    with FakeIma().in_thread() as running:
        yield running


@pytest.fixture
def process(tmp_path: Path, fake: FakeIma) -> Iterator[ServerProcess]:
    models = f'models = ["{IMAGE}", "{VIDEO}"]'
    with ServerProcess(tmp_path, fake.base_url, API_KEY, provider="ima", channel=models, speed=20) as made:
        yield made


def begun(process: ServerProcess, fake: FakeIma, model: str, held: str) -> None:
    """Have a job made whose client hangs up when that is as far as `held`."""
    fake.hold(held)
    with closing(process.send("POST", "/v1/tasks", {"model": model, "prompt": "a paper boat"})):
        fake.wait_held(held, 20)


def test_killed_while_a_submit_is_in_flight_a_job_runs_and_a_file_comes(process: ServerProcess, fake: FakeIma) -> None:
    begun(process, fake, IMAGE, "query")
    begun(process, fake, VIDEO, "accepted")
    process.kill()
    fake.release("accepted", drop=True)
    fake.finish()
    fake.hold("file")
    fake.release("query")
    process.start()
    fake.wait_held("file", 20)
    found = process.until("/v1/tasks", lambda page: page["data"][0]["status"] == "failed")["data"]
    assert [one["error"] and one["error"]["code"] for one in found] == ["submission_unknown", None]
    process.kill()
    fake.release("file")
    process.start()
    process.until("/v1/tasks", lambda page: page["data"][1]["status"] == "succeeded")
    assert fake.count("accepted") == len(fake.jobs) == 2
    (file,) = process.files("*.png")
    assert file.read_bytes() == png()
    assert list((process.data / "tmp").iterdir()) == []

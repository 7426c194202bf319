"""Creates that are sent again, against a whole server, a fake Kling behind it, and across a restart."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import openai
import pytest

from tests.dialects.house import base64_of, picture
from tests.server.live import KEY, LiveServer, eventually, kling_channel
from tests.upstreams.kling import API_KEY, FakeKling

PATH = "/kling/v1/videos/text2video"
CREATE = {"model_name": "kling-v2-5-turbo", "prompt": "a paper boat", "duration": "5"}
VIDEO: dict[str, Any] = {"model": "kling-v2-5-turbo", "prompt": "a paper boat", "seconds": "5"}
pytestmark = pytest.mark.filterwarnings("ignore:The Sora API is scheduled:DeprecationWarning")


@pytest.fixture
def kling() -> Iterator[FakeKling]:
    with FakeKling().in_thread() as fake:
        yield fake


def server(folder: Path, kling: FakeKling, more: str = "", speed: float = 20.0) -> LiveServer:
    return LiveServer(folder, kling_channel(kling.base_url, API_KEY, more), speed=speed)


def test_twenty_at_once_and_after_a_restart_are_one_job(tmp_path: Path, kling: FakeKling) -> None:
    headers = {"Idempotency-Key": "once"}
    with server(tmp_path, kling) as live, ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: live.call("POST", PATH, CREATE, headers=headers), range(20)))
        assert {one.status for one in answers} == {200}
        (name,) = {one.json["data"]["task_id"] for one in answers}
    with server(tmp_path, kling) as live:
        again = live.call("POST", PATH, CREATE, headers=headers)
        assert (again.status, again.json["data"]["task_id"]) == (200, name)
        other = live.call("POST", PATH, {**CREATE, "prompt": "another"}, headers=headers)
        assert (other.status, other.json["code"], other.headers["x-should-retry"]) == (409, 1201, "false")
        kling.finish()
        assert live.ended(name)["status"] == "succeeded"
    assert len(kling.jobs) == 1


def test_klings_external_id_is_its_key(tmp_path: Path, kling: FakeKling) -> None:
    body = {**CREATE, "external_task_id": "mine"}
    with server(tmp_path, kling) as live:
        first, again = live.call("POST", PATH, body).json, live.call("POST", PATH, body).json
        assert first["data"] == again["data"]
        other = live.call("POST", PATH, {**body, "duration": "10"})
        assert (other.status, other.json["code"]) == (400, 1201)
        assert "external_task_id" in other.json["message"]
    assert len(kling.jobs) == 1


def test_the_official_client(tmp_path: Path, kling: FakeKling) -> None:
    key = {"Idempotency-Key": "mine"}
    file = ("a.jpg", picture(), "image/jpeg")
    with server(tmp_path, kling) as live, openai.OpenAI(base_url=f"{live.address}/v1", api_key=KEY) as client:
        video = client.videos.create(**VIDEO, input_reference=file, extra_headers=key)
        assert client.videos.create(**VIDEO, input_reference=file, extra_headers=key).id == video.id
        assert len(live.files()) == 1, "the replay's picture is gone again"
        with pytest.raises(openai.ConflictError) as caught:
            client.videos.create(**VIDEO, extra_headers=key)
        assert caught.value.param == "Idempotency-Key"
        retried = client.videos.create(**VIDEO, input_reference=file, extra_headers={"x-stainless-retry-count": "1"})
        assert retried.id == video.id
        assert client.videos.create(**VIDEO, input_reference=file).id != video.id
    assert len(kling.jobs) == 2


def test_the_official_clients_own_retry_joins(tmp_path: Path, kling: FakeKling) -> None:
    """Its answer is late, it tries again without any key, and there is still one job."""
    kling.hold("create")
    with server(tmp_path, kling) as live:
        client = openai.OpenAI(base_url=f"{live.address}/v1", api_key=KEY, timeout=0.3, max_retries=1)
        with client, pytest.raises(openai.APITimeoutError):
            client.videos.create(**VIDEO)
        eventually(lambda: live.count("tasks"), "a task")
        kling.release("create")
        assert live.count("tasks") == 1
        kling.finish()
    assert len(kling.jobs) == 1


def test_a_read_waits_for_the_end(tmp_path: Path, kling: FakeKling) -> None:
    with server(tmp_path, kling, speed=5.0) as live:
        made = live.call("POST", "/v1/tasks", {"model": "kling-v2-5-turbo", "prompt": "a"}).json
        threading.Timer(0.2, kling.finish).start()
        began = time.monotonic()
        done = live.call("GET", f"/v1/tasks/{made['id']}?wait=60").json
        assert done["status"] == "succeeded"
        assert time.monotonic() - began < 11, "sixty of the server's seconds are twelve of ours"


def test_a_line_a_cancel_and_a_retry(tmp_path: Path, kling: FakeKling) -> None:
    picture_of = {"role": "first_frame", "data": base64_of(picture())}
    body = {"model": "kling-v2-5-turbo", "prompt": "a", "inputs": [picture_of]}
    with server(tmp_path, kling, "max_in_flight = 1") as live:
        running, waiting = (live.call("POST", "/v1/tasks", body).json for _ in range(2))
        assert waiting["queue"] == {"position": 1, "estimated_seconds": 20}
        assert running["queue"] is None
        gone = live.call("POST", f"/v1/tasks/{waiting['id']}/cancel").json
        assert (gone["status"], gone["cancellation"], gone["queue"]) == ("cancelled", "cancelled", None)
        marked = live.call("POST", f"/v1/tasks/{running['id']}/cancel").json
        assert (marked["cancellation"], marked["cancel_requested"]) == ("marked", True)
        retried = live.call("POST", f"/v1/tasks/{waiting['id']}/retry").json
        assert retried["retry_of"] == waiting["id"]
        assert len(live.files()) == 3, "a retry has its picture to itself"
        kling.autofinish(0.05)
        kling.finish()
        assert live.ended(retried["id"])["status"] == "succeeded"
    assert len(kling.jobs) == 2

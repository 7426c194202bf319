"""Kling's own wire against a running server, drawn by the sandbox and forwarded to a Kling channel."""

from __future__ import annotations

import base64
import re
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.server.live import LiveServer, kling_channel
from tests.server.pictures import picture, played
from tests.server.receiver import Receiver
from tests.upstreams.kling import API_KEY, FakeKling

PATH = "/kling/v1/videos/image2video"
TEXT = "/kling/v1/videos/text2video"
PHOTO = picture("JPEG", (480, 480))
# The example of the relay's documents, whose picture is cut short there.
PRINTED = """{
  "model_name":"kling-v2-5-turbo",
  "prompt": "宇航员站起身走了",
  "negative_prompt": "",
 // "image": "https://h2.inkwai.com/bs2/upload-ylab-stunt/se/ai_portal_queue_mmu_image_upscale_aiweb/raw_image_0.jpg",
  "image_tail": "",
  "aspect_ratio": "1:1",
  "duration": "5",
  "image": "PHOTO"
}""".replace("PHOTO", base64.b64encode(PHOTO).decode())
EXAMPLE = re.sub(r"\n *//.*", "", PRINTED).encode()
NEVER = {"model_name": "kling-v2-5-turbo", "prompt": "a [[delay:80000]]"}


@pytest.fixture
def kling() -> Iterator[FakeKling]:
    with FakeKling(video=(64, 64, 5)).in_thread() as fake:
        yield fake


@pytest.fixture
def channel(folder: Path, kling: FakeKling) -> Iterator[LiveServer]:
    with LiveServer(folder, kling_channel(kling.base_url, API_KEY)) as server:
        yield server


def made(server: LiveServer, path: str, body: Any) -> dict[str, Any]:
    """The `data` of a create's answer, which is as documented field for field."""
    answer = server.call("POST", path, body)
    assert answer.status == 200, answer
    assert list(answer.json) == ["code", "message", "request_id", "data"]
    assert (answer.json["code"], answer.json["message"]) == (0, "SUCCEED")
    assert answer.json["request_id"] == answer.headers["x-request-id"]
    data = answer.json["data"]
    assert list(data) == ["task_id", "task_status", "task_info", "created_at", "updated_at"]
    assert re.fullmatch(r"\d{15,19}", data["task_id"])
    assert data["task_status"] == "submitted"
    assert data["created_at"] == data["updated_at"]
    assert isinstance(data["created_at"], int)
    assert abs(data["created_at"] / 1000 - server.clock.now()) < 600
    return dict(data)


def succeeded(server: LiveServer, path: str) -> dict[str, Any]:
    """The `data` of a query once the task has succeeded."""
    answer = server.until(path, lambda found: found["data"]["task_status"] in ("succeed", "failed"))
    assert (answer["code"], answer["message"]) == (0, "SUCCEED")
    data = answer["data"]
    assert (data["task_status"], data["task_status_msg"]) == ("succeed", "")
    (video,) = data["task_result"]["videos"]
    assert (set(video), video["duration"]) == ({"id", "url", "duration"}, "5")
    assert re.fullmatch("[0-9a-z]+", video["id"])
    assert data["created_at"] < data["updated_at"]
    return dict(data)


@pytest.mark.parametrize("path", [PATH, "/v1/videos/image2video"])
def test_the_documented_example_is_drawn(sandbox: LiveServer, path: str) -> None:
    data = made(sandbox, path, EXAMPLE)
    assert data["task_info"] == {}
    found = succeeded(sandbox, f"{path}/{data['task_id']}")
    shown = played(sandbox.call("GET", found["task_result"]["videos"][0]["url"], key=None).content)
    assert shown.width == shown.height
    assert shown.seconds == pytest.approx(5.0, abs=0.05)


def test_the_documented_example_is_forwarded(channel: LiveServer, kling: FakeKling) -> None:
    data = made(channel, PATH, EXAMPLE)
    kling.finish()
    found = succeeded(channel, f"{PATH}/{data['task_id']}")
    assert found["final_unit_deduction"] == "2.5"
    assert channel.call("GET", found["task_result"]["videos"][0]["url"], key=None).content == kling.file

    (job,) = kling.jobs.values()
    assert job.operation == "image2video"
    assert base64.b64decode(job.body.pop("image"), validate=True) == PHOTO
    (handle,) = channel.rows("SELECT handle FROM attempts")[0]
    assert job.body == {
        "model_name": "kling-v2-5-turbo",
        "prompt": "宇航员站起身走了",
        "duration": "5",
        "external_task_id": handle,
    }


def test_what_we_do_not_know_is_forwarded_byte_for_byte(channel: LiveServer, kling: FakeKling) -> None:
    unknown = b'"new_knob": {"b": 1.50, "a": [1e2, "\\u4e00"], "big": 12345678901234567890}'
    body = (
        b'{"model_name":"kling-v2-5-turbo","prompt":"a","mode":"pro","cfg_scale":0.5,'
        b'"callback_url":"http://127.0.0.1:9/mine","external_task_id":"mine",' + unknown + b"}"
    )
    made(channel, TEXT, body)
    (job,) = kling.jobs.values()
    assert job.body["new_knob"] == {"b": 1.5, "a": [100.0, "一"], "big": 12345678901234567890}
    assert unknown.partition(b": ")[2] in kling.creates[0]
    assert (job.body["mode"], job.body["cfg_scale"]) == ("pro", 0.5)
    assert job.body["external_task_id"] != "mine", "the handle upstream is ours"
    assert "callback_url" not in job.body, "nobody is called back past us"


@pytest.mark.parametrize("path", [PATH, "/v1/videos/image2video"])
def test_the_example_as_printed_is_no_json(sandbox: LiveServer, path: str) -> None:
    before = sandbox.count("tasks")
    answer = sandbox.call("POST", path, PRINTED.encode())
    assert answer.status == 400
    assert list(answer.json) == ["code", "message", "request_id"]
    assert answer.json["code"] in (1200, 1201)
    assert "JSON" in answer.json["message"]
    assert sandbox.count("tasks") == before


def test_a_task_is_found_by_both_ids_and_in_the_list(sandbox: LiveServer) -> None:
    name = f"mine-{uuid.uuid4()} 第一"
    tasks = [made(sandbox, TEXT, {**NEVER, **more}) for more in ({}, {}, {"external_task_id": name})]
    data = tasks[-1]
    assert data["task_info"] == {"external_task_id": name}
    by_id = sandbox.call("GET", f"{TEXT}/{data['task_id']}").json["data"]
    assert by_id == sandbox.call("GET", f"{TEXT}/{quote(name)}").json["data"]
    assert (by_id["task_id"], by_id["task_info"]) == (data["task_id"], {"external_task_id": name})
    assert made(sandbox, TEXT, {**NEVER, "external_task_id": name})["task_id"] == data["task_id"], "a replay"
    again = sandbox.call("POST", TEXT, {**NEVER, "prompt": "another", "external_task_id": name})
    assert (again.status, again.json["code"]) == (400, 1201)
    assert "external_task_id" in again.json["message"]

    listed = [one["task_id"] for one in sandbox.call("GET", f"{TEXT}?pageNum=1&pageSize=3").json["data"]]
    assert listed == [one["task_id"] for one in reversed(tasks)]
    second = sandbox.call("GET", f"{TEXT}?pageNum=2&pageSize=1").json["data"]
    assert [one["task_id"] for one in second] == [tasks[1]["task_id"]]
    assert data["task_id"] not in sandbox.call("GET", f"{PATH}?pageSize=500").content.decode()
    assert sandbox.call("GET", f"{PATH}/{data['task_id']}").json["code"] == 1203, "a path shows its own tasks only"
    for one in tasks:
        assert sandbox.call("DELETE", f"/v1/videos/{one['task_id']}").status == 200


def test_one_name_asked_for_at_the_same_time_is_one_task(channel: LiveServer, kling: FakeKling) -> None:
    body = {"model_name": "kling-v2-5-turbo", "prompt": "a", "external_task_id": "mine"}
    with ThreadPoolExecutor(8) as callers:
        answers = list(callers.map(lambda _: channel.call("POST", TEXT, body), range(8)))
    assert [answer.status for answer in answers] == [200] * 8
    assert len({answer.json["data"]["task_id"] for answer in answers}) == 1
    assert len(kling.jobs) == channel.count("tasks") == 1


def test_every_change_of_status_is_posted_in_order(channel: LiveServer, kling: FakeKling) -> None:
    with Receiver(refusals=2).in_thread() as receiver:
        wanted = {"model_name": "kling-v2-5-turbo", "prompt": "a", "external_task_id": "mine"}
        data = made(channel, TEXT, {**wanted, "callback_url": receiver.url})
        assert receiver.wait(1)[0]["task_status"] == "submitted"
        kling.begin()
        assert receiver.wait(2)[1]["task_status"] == "processing"
        kling.finish()
        bodies = receiver.wait(3)
        assert [one["task_status"] for one in bodies] == ["submitted", "processing", "succeed"]
        assert receiver.refused == [bodies[0]] * 2, "the first is tried again before the next is sent"
        for body in bodies:
            assert (body["task_id"], body["task_info"]) == (data["task_id"], {"external_task_id": "mine"})
            assert "code" not in body
            assert "data" not in body
        assert bodies[-1] == channel.call("GET", f"{TEXT}/mine").json["data"]
        assert channel.call("GET", bodies[-1]["task_result"]["videos"][0]["url"], key=None).content == kling.file


def test_a_failure_is_posted_with_its_reason(channel: LiveServer, kling: FakeKling) -> None:
    with Receiver().in_thread() as receiver:
        made(channel, TEXT, {"model_name": "kling-v2-5-turbo", "prompt": "a", "callback_url": receiver.url})
        kling.fail(message="Failure to pass the risk control system")
        last = receiver.wait(2)[-1]
        assert (last["task_status"], last["task_status_msg"]) == ("failed", "Failure to pass the risk control system")
        assert "task_result" not in last

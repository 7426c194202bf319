"""Kling's calls that answer at once, and the lip-sync that goes on from one: paid once, in Kling's words, each where
its source lives."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from telecine.nouns.ids import output_id, parse_task_id
from tests.server.live import ADMIN_KEY, OTHER_KEY, Answer, LiveServer, eventually, kling_channel
from tests.server.pictures import picture
from tests.server.receiver import Receiver
from tests.upstreams.kling import API_KEY, FakeKling, Fault

FACE, LOOK, SYNC = (f"/kling/v1/videos/{one}" for one in ("identify-face", "image-recognize", "advanced-lip-sync"))
TEXT = "/kling/v1/videos/text2video"
CLIP = "https://example.com/boat.mp4"
MONEY = """
public_url = "{address}"
[[prices]]
model = "kling-*"
unit = "call"
price = 0
[[prices]]
model = "kling-identify-face"
unit = "call"
price = 0.05
[[accounts]]
name = "default"
balance = 1
[[accounts]]
name = "other"
balance = 1
"""
ELSEWHERE = """
[[channels]]
name = "elsewhere"
provider = "kling"
base_url = "{base_url}"
api_key = "{api_key}"
priority = 9
models = ["kling-v1"]
"""


@pytest.fixture(scope="module")
def kling() -> Iterator[FakeKling]:
    with FakeKling(video=(64, 64, 1)).in_thread() as fake:
        fake.autofinish(0.05)
        yield fake


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, kling: FakeKling) -> Iterator[LiveServer]:
    elsewhere = ELSEWHERE.format(base_url=kling.base_url, api_key=API_KEY)
    config = MONEY + kling_channel(kling.base_url, API_KEY) + elsewhere
    with LiveServer(tmp_path_factory.mktemp("calls"), config) as found:
        yield found


@pytest.fixture(scope="module")
def video(server: LiveServer) -> str:
    """The id of a video that Kling has made."""
    return made(server, "kling-v2-5-turbo")


def made(server: LiveServer, model: str) -> str:
    task = good(server.call("POST", TEXT, {"model_name": model, "prompt": "a boat"}))
    found = server.until(f"{TEXT}/{task['task_id']}", ended)
    return str(found["data"]["task_result"]["videos"][0]["id"])


def ended(found: Any) -> bool:
    assert found["data"]["task_status"] != "failed", found
    return bool(found["data"]["task_status"] == "succeed")


def good(answer: Answer) -> Any:
    assert answer.status == 200, answer
    assert (answer.json["code"], answer.json["message"]) == (0, "SUCCEED")
    assert answer.json["request_id"] == answer.headers["x-request-id"]
    return answer.json["data"]


def refused(answer: Answer, status: int, code: int, *names: str) -> str:
    assert (answer.status, answer.json["code"]) == (status, code), answer
    assert list(answer.json) == ["code", "message", "request_id"]
    for name in names:
        assert name in answer.json["message"]
    assert answer.headers["x-should-retry"] == "false"
    return str(answer.json["message"])


def money(server: LiveServer) -> tuple[str, str, str]:
    found = server.call("GET", "/v1/account").json
    return found["balance"], found["held"], found["spent"]


def sent(kling: FakeKling, path: str) -> list[Any]:
    """The bodies of all jobs that were made at a path."""
    return [job.body for job in kling.jobs.values() if job.path == f"videos/{path}"]


def clip_of(kling: FakeKling) -> str:
    """What Kling calls the first video that it has made."""
    return next(f"v{name}" for name, job in kling.jobs.items() if job.path == "videos/text2video")


def chosen(**more: Any) -> dict[str, Any]:
    return {
        "face_id": "0",
        "sound_file": "https://example.com/words.mp3",
        "sound_start_time": 500,
        "sound_end_time": 3250,
        "sound_insert_time": 1001,
        **more,
    }


def test_faces_are_found_at_once_and_paid_for_once(server: LiveServer, kling: FakeKling) -> None:
    before, calls = money(server), len(sent(kling, "identify-face"))
    answer = server.call("POST", FACE, {"video_url": CLIP}, headers={"idempotency-key": "faces-1"})
    data = good(answer)
    assert list(data) == ["session_id", "final_unit_deduction", "final_balance_deduction", "face_data"]
    assert (data["final_unit_deduction"], data["final_balance_deduction"]) == (
        "0.05",
        {"quota": "0.35", "list_price": "0.5"},
    )
    (face,) = data["face_data"]
    assert {name: face[name] for name in ("face_id", "start_time", "end_time")} == {
        "face_id": "0",
        "start_time": 0,
        "end_time": 5200,
    }
    assert server.call("GET", face["face_image"], key=None).headers["content-type"] == "image/png"
    assert sent(kling, "identify-face")[calls:] == [{"video_url": CLIP}], "neither a name nor a callback"
    after = money(server)
    assert float(before[0]) - float(after[0]) == pytest.approx(0.05)
    assert after[1] == "0.000000"
    again = server.call("POST", FACE, {"video_url": CLIP}, headers={"idempotency-key": "faces-1"})
    assert good(again) == data
    assert len(sent(kling, "identify-face")) == calls + 1
    assert money(server) == after


def test_a_refused_call_is_refused_in_klings_words_and_costs_nothing(server: LiveServer, kling: FakeKling) -> None:
    before = money(server)
    kling.faults.append(Fault("create", "refuse", code=1201, message="video_url is invalid: no face"))
    refused(server.call("POST", FACE, {"video_url": CLIP}), 400, 1200, "video_url is invalid: no face")
    kling.faults.append(Fault("create", "refuse", code=1301, message="the video is sensitive"))
    refused(server.call("POST", FACE, {"video_url": CLIP}), 400, 1301)
    assert money(server) == before


def test_a_call_of_which_nobody_knows_is_never_made_again(server: LiveServer, kling: FakeKling) -> None:
    before, calls = money(server), len(kling.creates)
    kling.faults.append(Fault("create", "drop", created=True))
    answer = server.call("POST", FACE, {"video_url": CLIP}, headers={"idempotency-key": "faces-2"})
    refused(answer, 500, 5000)
    assert len(kling.creates) == calls + 1
    again = server.call("POST", FACE, {"video_url": CLIP}, headers={"idempotency-key": "faces-2"})
    refused(again, 500, 5000)
    assert len(kling.creates) == calls + 1
    assert money(server) == before, "what nobody knows of is not charged"


def test_a_picture_is_recognized_by_link_and_inline(server: LiveServer, kling: FakeKling) -> None:
    inline = base64.b64encode(picture("PNG", (320, 320))).decode()
    for image in ("https://example.com/boat.png", inline):
        data = good(server.call("POST", "/v1/videos/image-recognize", {"image": image}))
        assert list(data) == ["task_result", "final_unit_deduction", "final_balance_deduction"]
        parts = data["task_result"]["images"]
        assert [(one["type"], one["is_contain"], "url" in one) for one in parts] == [
            ("object_seg", True, True),
            ("head_seg", True, True),
            ("cloth_seg", False, False),
        ]
        assert server.call("GET", parts[0]["url"], key=None).status == 200
    assert [one["image"] for one in sent(kling, "image-recognize")[-2:]] == ["https://example.com/boat.png", inline]
    refused(server.call("POST", LOOK, {"image": f"data:image/png;base64,{inline}"}), 400, 1201, "image")
    small = base64.b64encode(picture("PNG", (200, 320))).decode()
    refused(server.call("POST", LOOK, {"image": small}), 400, 1201, "image", "300")


@pytest.mark.parametrize(
    "path", ["/v1/videos/Identify-face", "/kling/v1/videos/IDENTIFY-FACE", "/v1/videos/identify-face/"]
)
def test_its_path_is_served_in_whatever_case(server: LiveServer, path: str) -> None:
    assert "session_id" in good(server.call("POST", path, {"video_url": CLIP}))
    refused(server.call("GET", path), 404, 1202)


@pytest.mark.parametrize(
    ("body", "names"),
    [
        ({}, ("video_id", "video_url")),
        ({"video_url": CLIP, "video_id": "x"}, ("exclude",)),
        ({"video_url": 7}, ("video_url",)),
        ({"video_url": "boat.mp4"}, ("video_url",)),
        ({"video_url": "http://10.0.0.1/boat.mp4"}, ("video_url",)),
        ({"video_Url": CLIP}, ("video_Url",)),
    ],
)
def test_what_no_call_can_be_made_of_is_refused_by_name(server: LiveServer, body: Any, names: tuple[str, ...]) -> None:
    refused(server.call("POST", FACE, body), 400, 1201, *names)


def test_a_session_leads_back_to_where_it_lives(server: LiveServer, kling: FakeKling, video: str) -> None:
    session = good(server.call("POST", FACE, {"video_id": video}))["session_id"]
    looked = sent(kling, "identify-face")[-1]
    assert looked == {"video_id": clip_of(kling)}, "as Kling calls it"
    with Receiver().in_thread() as receiver:
        body = {
            "session_id": session,
            "face_choose": [chosen(sound_volume=1.5, original_audio_volume=0)],
            "callback_url": receiver.url,
            "external_task_id": "lips",
        }
        data = good(server.call("POST", SYNC, body))
        found = server.until(f"{SYNC}/{data['task_id']}", ended)["data"]
        eventually(lambda: [one for one in receiver.bodies if one["task_status"] == "succeed"], "the last callback")
        told = receiver.bodies
    job = list(kling.jobs.values())[-1]
    theirs = next(name for name, one in kling.jobs.items() if one.body == looked)
    assert job.path == "videos/advanced-lip-sync"
    assert (job.body["session_id"], job.body["face_choose"]) == (f"s{theirs}", body["face_choose"])
    assert job.body["callback_url"].startswith(f"{server.address}/callbacks/")
    assert {one["task_id"] for one in told} == {data["task_id"]}
    assert told[0]["task_info"] == {"external_task_id": "lips"}
    assert told[-1]["task_result"]["videos"][0]["id"] == found["task_result"]["videos"][0]["id"]
    listed = good(server.call("GET", f"{SYNC}?pageSize=5"))
    assert [one["task_id"] for one in listed] == [data["task_id"]]
    back = [entry.code for entry in kling.entries("callback") if entry.task_id == job.task_id]
    assert back == [200] * len(back) != [], "what Kling calls back is taken"
    refused(server.call("GET", f"{TEXT}/{data['task_id']}"), 404, 1203)


@pytest.mark.parametrize(
    ("change", "names"),
    [
        ({"session_id": None}, ("session_id",)),
        ({"face_choose": []}, ("face_choose",)),
        ({"face_choose": [chosen(), chosen()]}, ("face_choose",)),
        ({"face_choose": [chosen(face_id="")]}, ("face_choose[0].face_id",)),
        ({"face_choose": [{name: one for name, one in chosen().items() if name != "face_id"}]}, ("face_id",)),
        ({"face_choose": [{name: one for name, one in chosen().items() if name != "sound_insert_time"}]}, ("insert",)),
        ({"face_choose": [chosen(audio_id="a")]}, ("audio_id", "sound_file")),
        ({"face_choose": [chosen(sound_file="")]}, ("audio_id", "sound_file")),
        ({"face_choose": [chosen(sound_end_time=2499)]}, ("sound_end_time", "2000")),
        ({"face_choose": [chosen(sound_start_time=-1)]}, ("sound_start_time",)),
        ({"face_choose": [chosen(sound_volume=2.1)]}, ("sound_volume",)),
        ({"face_choose": [chosen(original_audio_volume=-0.1)]}, ("original_audio_volume",)),
        ({"face_choose": [chosen(louder=True)]}, ("louder",)),
        ({"face_choose": [chosen(sound_file="data:audio/mpeg;base64,AAAA")]}, ("sound_file", "data:")),
    ],
)
def test_what_lips_cannot_follow_is_refused_by_name(server: LiveServer, change: Any, names: tuple[str, ...]) -> None:
    body = {"session_id": "0d3v8tqk2m5xa00", "face_choose": [chosen()]} | change
    refused(server.call("POST", SYNC, body), 400, 1201, *names)


def test_what_is_anothers_or_was_made_elsewhere_is_refused_by_name(
    server: LiveServer, kling: FakeKling, video: str
) -> None:
    session = good(server.call("POST", FACE, {"video_id": video}))["session_id"]
    other, calls = made(server, "kling-v1"), len(kling.creates)
    sync = {"session_id": session, "face_choose": [chosen()]}
    kling_name = clip_of(kling)
    extend, lips, avatar = (f"/kling/v1/videos/{one}" for one in ("video-extend", "lip-sync", "avatar/image2video"))
    said = {"mode": "text2video", "text": "hello", "voice_id": "v"}
    face = {"image": "https://example.com/face.png"}
    for answer, name in (
        (server.call("POST", extend, {"video_id": video}, key=OTHER_KEY), "video_id"),
        (server.call("POST", extend, {"video_id": "nobody's"}), "video_id"),
        (server.call("POST", lips, {"input": {**said, "video_id": video}}, key=OTHER_KEY), "input.video_id"),
        (server.call("POST", lips, {"input": {**said, "video_id": other}}), "input.video_id"),
        (server.call("POST", avatar, {**face, "audio_id": "nobody's"}), "audio_id"),
        (server.call("POST", avatar, {**face, "audio_id": other}), "audio_id"),
        (server.call("POST", FACE, {"video_id": video}, key=OTHER_KEY), "video_id"),
        (server.call("POST", FACE, {"video_id": kling_name}, key=OTHER_KEY), "video_id"),
        (server.call("POST", FACE, {"video_id": "nobody's"}), "video_id"),
        (server.call("POST", FACE, {"video_id": other}), "video_id"),
        (server.call("POST", SYNC, sync, key=OTHER_KEY), "session_id"),
        (server.call("POST", SYNC, sync | {"session_id": video}), "session_id"),
        (server.call("POST", SYNC, sync | {"session_id": "nobody's"}), "session_id"),
        (server.call("POST", SYNC, sync | {"face_choose": [chosen(audio_id="nobody's", sound_file=None)]}), "audio_id"),
    ):
        assert answer.status in (400, 404), answer
        refused(answer, answer.status, {400: 1201, 404: 1203}[answer.status], name)
    assert len(kling.creates) == calls, "nothing of it was sent"
    assert good(server.call("POST", FACE, {"video_id": kling_name}))["session_id"] != session


def test_our_own_api_can_do_the_same(server: LiveServer, kling: FakeKling, video: str) -> None:
    look = {
        "model": "kling-identify-face",
        "operation": "kling:identify_face",
        "source": {"output": video},
    }
    task = server.call("POST", "/v1/tasks", look).json
    (text,) = (one for one in server.ended(task["id"])["outputs"] if one["kind"] == "text")
    assert json.loads(text["text"]) == [{"face_id": "0", "start_time": 0, "end_time": 5200}]
    sync = {
        "model": "kling-advanced-lip-sync",
        "operation": "lip_sync",
        "source": {"output": output_id(parse_task_id(task["id"]) or 0, 0)},
        "inputs": [{"role": "audio", "url": "https://example.com/words.mp3"}],
        "parameters": {"face": "0", "sound_start": 0, "sound_end": 2.5, "insert_at": 0.25},
    }
    answer = server.call("POST", "/v1/tasks", sync)
    assert answer.status in (200, 201), answer
    assert server.ended(answer.json["id"])["status"] == "succeeded"
    assert sent(kling, "advanced-lip-sync")[-1]["face_choose"] == [
        chosen(sound_start_time=0, sound_end_time=2500, sound_insert_time=250)
    ]


def test_its_tasks_are_in_the_books(server: LiveServer) -> None:
    assert server.call("GET", "/admin/v1/doctor", key=ADMIN_KEY).status == 200
    assert money(server)[1] == "0.000000"


def test_the_sandbox_looks_at_pictures_too(folder: Path) -> None:
    inline = base64.b64encode(picture("PNG", (320, 320))).decode()
    with LiveServer(folder) as server:
        parts = good(server.call("POST", LOOK, {"image": inline}))["task_result"]["images"]
        assert [(one["type"], one["is_contain"]) for one in parts] == [("object_seg", True)]
        assert server.call("GET", parts[0]["url"], key=None).headers["content-type"].startswith("image/")

"""Kling's new generation through the whole house: against a Kling, and one Telecine behind another."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import pytest

from tests.server.live import KEY, OTHER_KEY, LiveServer, eventually, kling_channel
from tests.server.pictures import picture
from tests.server.receiver import Receiver
from tests.upstreams.clip import mp4
from tests.upstreams.kling import API_KEY
from tests.upstreams.kling2 import FakeKling2

MODEL = "kling-3.0"
BODY = {"prompt": "a paper boat", "settings": {"duration": 3, "resolution": "720p"}}


@pytest.fixture(scope="module")
def kling() -> Iterator[FakeKling2]:
    with FakeKling2(video=(64, 64, 3)).in_thread() as fake:
        yield fake


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, kling: FakeKling2) -> Iterator[LiveServer]:
    """With a Kling channel, whose callbacks reach it."""
    config = 'public_url = "{address}"\n' + kling_channel(kling.base_url, API_KEY, more="[limits]\nfirst_step = 200\n")
    with LiveServer(tmp_path_factory.mktemp("kling2"), config) as found:
        yield found


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory, server: LiveServer, kling: FakeKling2) -> Iterator[LiveServer]:
    """A gateway whose Kling is `server`, behind which jobs end by themselves from now on."""
    kling.autofinish(0.1)
    with LiveServer(tmp_path_factory.mktemp("front"), kling_channel(server.address, KEY)) as found:
        yield found
    kling.autofinish(None)


def made(server: LiveServer, path: str, body: Any) -> str:
    answer = server.call("POST", path, body)
    assert answer.status == 200, answer
    assert list(answer.json["data"]) == ["id", "status", "create_time", "update_time", "external_id"]
    name: str = answer.json["data"]["id"]
    return name


def task(server: LiveServer, name: str) -> Any:
    (found,) = server.call("GET", f"/kling/tasks?task_ids={name}").json["data"]
    return found


def ended(server: LiveServer, name: str) -> Any:
    """The task once it has ended."""

    def read() -> Any:
        found = task(server, name)
        return found if found["status"] in ("succeeded", "failed") else None

    return eventually(read, f"the end of {name}")


def test_a_task_of_each_answer(server: LiveServer, kling: FakeKling2) -> None:
    """A client and a Kling of the new generation: callbacks in, callbacks out, units, the file."""
    with Receiver().in_thread() as receiver:
        options = {"callback_url": receiver.url, "external_task_id": "mine"}
        name = made(server, f"/kling/text-to-video/{MODEL}", {**BODY, "options": options})
        (job,) = kling.jobs.values()
        assert (job.operation, job.body["prompt"], job.body["settings"]) == (
            "text-to-video",
            "a paper boat",
            BODY["settings"],
        )
        assert job.body["options"]["external_task_id"] != "mine", "ours"
        assert job.body["options"]["callback_url"].startswith(f"{server.address}/callbacks/")
        assert made(server, f"/text-to-video/{MODEL}", {**BODY, "options": options}) == name, "a replay"
        kling.begin()
        assert receiver.wait(2)[1]["status"] == "processing"
        kling.finish()
        bodies = receiver.wait(3)
        assert [one["status"] for one in bodies] == ["submitted", "processing", "succeeded"]
        shown = task(server, name)
        assert bodies[-1] == shown == server.call("GET", "/tasks?external_task_ids=mine").json["data"][0]
        (video,) = shown["outputs"]
        assert server.call("GET", video["url"], key=None).content == kling.file
        assert shown["billing"] == [{"charge_type": "unit", "amount": "1.5", "package_type": "video"}]
        assert kling.count("accepted") == 1
        kling.wait_noted("callback", 20, 2)
        assert [(one.code, one.detail) for one in kling.entries("callback")] == [
            (200, "processing"),
            (200, "succeeded"),
        ]
        assert server.call("GET", f"/kling/tasks?task_ids={name}", key=OTHER_KEY).json["data"] == []
        assert "callback_url" not in str(shown)


def test_a_failure_and_a_refusal_are_told_in_klings_words(server: LiveServer, kling: FakeKling2) -> None:
    frame = {"type": "first_frame", "url": "https://pictures.example/a.png"}
    name = made(server, f"/image-to-video/{MODEL}", {"contents": [frame]})
    kling.fail(message="Failure to pass the risk control system")
    found = ended(server, name)
    assert (found["message"], found["outputs"]) == ("Failure to pass the risk control system", [])
    refused = server.call("POST", f"/kling/text-to-video/{MODEL}", {**BODY, "settings": {"resolution": "16k"}})
    assert (refused.status, refused.json["code"]) == (400, 1200), "Kling's own judgement of a word that is new"
    assert "settings.resolution" in refused.json["message"]


def test_other_dialects_run_on_the_new_generation(server: LiveServer, kling: FakeKling2) -> None:
    wanted = {"model": MODEL, "prompt": "a fox", "size": "1080x1920", "seconds": "5"}
    assert server.call("POST", "/v1/videos", wanted).status == 200
    job = list(kling.jobs.values())[-1]
    assert job.operation == "text-to-video"
    assert job.body["settings"] == {"aspect_ratio": "9:16", "resolution": "1080p", "duration": 5}
    legacy = {"model_name": MODEL, "prompt": "a fox", "mode": "pro", "duration": "5"}
    assert server.call("POST", "/v1/videos/text2video", legacy).status == 200
    assert list(kling.jobs.values())[-1].body["settings"] == {"resolution": "1080p", "duration": 5}


PHOTO = base64.b64encode(picture("JPEG", (480, 480))).decode()
CLIP = base64.b64encode(mp4(64, 64, 3, None)).decode()
FRAME = {"type": "first_frame", "url": PHOTO}
LOOP: dict[str, dict[str, Any]] = {
    "text-to-video": BODY,
    "image-to-video": {"contents": [{"type": "prompt", "text": "a boat"}, FRAME], "settings": {"multi_shot": False}},
    "motion-control": {
        "contents": [{**FRAME, "type": "image"}, {"type": "video", "url": CLIP}],
        "settings": {"character_orientation": "video", "audio": "off"},
    },
}


@pytest.mark.parametrize("path", LOOP)
def test_the_dialect_is_an_upstream_of_the_provider(
    front: LiveServer, server: LiveServer, kling: FakeKling2, path: str
) -> None:
    """What a client says to one Telecine reaches the Kling behind another, and what that made comes back."""
    name = made(front, f"/kling/{path}/{MODEL}", LOOP[path])
    found = ended(front, name)
    assert (found["status"], found["message"]) == ("succeeded", "")
    (video,) = found["outputs"]
    assert front.call("GET", video["url"], key=None).content == kling.file
    theirs = server.call("POST", "/kling/tasks", {"limit": 1}).json["data"]["result"][0]
    assert (theirs["outputs"][0]["duration"], theirs["billing"]) == (video["duration"], found["billing"])
    job = list(kling.jobs.values())[-1]
    assert job.operation == path
    assert {name: job.body[name] for name in LOOP[path]} == LOOP[path]
    assert server.address not in str(found)

"""What `@ai-sdk/klingai` sends, and what its schemas demand of the answers (github.com/vercel/ai, packages/klingai/src:
klingai-video-model.ts, klingai-auth.ts, at version 4.0.31), against a running server with a Kling behind it.

The bodies are those that the package builds, written down: npm's registry does not have it everywhere.
"""

from __future__ import annotations

import base64
import time
from collections.abc import Iterator
from typing import Any

import jwt
import msgspec
import pytest

from tests.server.live import Answer, LiveServer, eventually, kling_channel
from tests.server.pictures import picture
from tests.upstreams.kling import API_KEY
from tests.upstreams.kling2 import FakeKling2

ACCESS, SECRET = "0f1e2d3c4b5a69788796a5b4c3d2e1f0", "s3cret-0f-the-cl1ent-that-nobody-else-kn0ws"
CONFIG = f"""
[[keys]]
name = "signed"
key = "kY9-of-the-clients-that-sign-0x7f31-q"
access_key = "{ACCESS}"
secret_key = "{SECRET}"
"""
PHOTO = base64.b64encode(picture("JPEG", (480, 480))).decode()
BODIES: dict[str, dict[str, Any]] = {
    "text2video": {
        "model_name": "kling-v2-6",
        "prompt": "A cat plays the piano",
        "negative_prompt": "fog",
        "sound": "on",
        "mode": "pro",
        "aspect_ratio": "16:9",
        "duration": "5",
        "watermark_info": {"enabled": False},
    },
    "image2video": {
        "model_name": "kling-v3",
        "prompt": "It turns around",
        "image": PHOTO,
        "image_tail": PHOTO,
        "mode": "pro",
        "multi_shot": False,
        "duration": "10",
    },
    "multi-image2video": {
        "model_name": "kling-v1-6",
        "prompt": "They meet",
        "image_list": [{"image": PHOTO}, {"image": PHOTO}],
        "mode": "std",
        "aspect_ratio": "1:1",
    },
    "motion-control": {
        "model_name": "kling-v2-6",
        "video_url": "https://clips.example/dance.mp4",
        "character_orientation": "image",
        "mode": "std",
        "prompt": "They dance",
        "image_url": PHOTO,
        "keep_original_sound": "yes",
    },
}


class Info(msgspec.Struct):
    external_task_id: str | None = None


class Watermark(msgspec.Struct):
    enabled: bool | None = None


class Video(msgspec.Struct):
    id: str | None = None
    url: str | None = None
    watermark_url: str | None = None
    duration: str | None = None


class Result(msgspec.Struct):
    videos: list[Video] | None = None


class Data(msgspec.Struct):
    """`klingaiTaskStatusSchema`; `klingaiCreateTaskSchema` asks for less."""

    task_id: str
    task_status: str
    task_status_msg: str | None = None
    task_info: Info | None = None
    watermark_info: Watermark | None = None
    final_unit_deduction: str | None = None
    created_at: float | None = None
    updated_at: float | None = None
    task_result: Result | None = None


class Told(msgspec.Struct):
    code: float
    message: str
    request_id: str | None = None
    data: Data | None = None


class Refused(msgspec.Struct):
    """`klingaiErrorDataSchema`: of every answer that is no 2xx."""

    code: float
    message: str


@pytest.fixture(scope="module")
def kling() -> Iterator[FakeKling2]:
    with FakeKling2(video=(64, 64, 5)).in_thread() as fake:
        fake.autofinish(0.1)
        yield fake


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, kling: FakeKling2) -> Iterator[LiveServer]:
    with LiveServer(tmp_path_factory.mktemp("ai"), kling_channel(kling.base_url, API_KEY, CONFIG)) as found:
        yield found


def asked(server: LiveServer, method: str, path: str, body: Any = None, **headers: str) -> Answer:
    now = int(time.time())
    token = jwt.encode({"iss": ACCESS, "exp": now + 1800, "nbf": now - 5}, SECRET, "HS256")
    sent = {"user-agent": "ai-sdk/klingai/4.0.31 runtime/node.js/24", **headers}
    return server.call(method, path, body, key=token, headers=sent)


def told(answer: Answer) -> Data:
    assert answer.status == 200, answer
    found = msgspec.json.decode(answer.content, type=Told).data
    assert found is not None
    return found


@pytest.mark.parametrize("path", BODIES)
def test_a_video_from_its_start_to_its_end(server: LiveServer, kling: FakeKling2, path: str) -> None:
    place, key = f"/v1/videos/{path}", {"idempotency-key": f"aisdk_vid_{path}"}
    data = told(asked(server, "POST", place, BODIES[path], **key))
    assert data.task_status == "submitted"
    assert told(asked(server, "POST", place, BODIES[path], **key)).task_id == data.task_id, "it tries again by itself"

    def read() -> Data | None:
        found = told(asked(server, "GET", f"{place}/{data.task_id}"))
        assert found.task_status in ("submitted", "processing", "succeed"), found
        return found if found.task_status == "succeed" else None

    done = eventually(read, "the end")
    assert done is not None
    assert done.task_result is not None
    assert done.task_result.videos
    (video,) = done.task_result.videos
    assert video.duration == "5"
    assert server.call("GET", str(video.url), key=None).content == kling.file
    jobs = [job for job in kling.jobs.values() if job.operation == path]
    assert len(jobs) == 1
    assert {name: jobs[0].body.get(name) for name in BODIES[path]} == BODIES[path]


@pytest.mark.parametrize(
    ("body", "status"), [({"model_name": "kling-v2-6"}, 400), ({"model_name": "nobodys", "prompt": "a"}, 404)]
)
def test_it_can_read_why_it_is_refused(server: LiveServer, body: dict[str, Any], status: int) -> None:
    answer = asked(server, "POST", "/v1/videos/text2video", body)
    assert answer.status == status
    assert msgspec.json.decode(answer.content, type=Refused).message

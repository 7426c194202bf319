"""IMA-Pro videos: both forms of a request at both paths, Kling's fields, and the two answers to a query."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from telecine.dialects.bodies import parse_object
from telecine.dialects.ima import IMA
from telecine.dialects.ima.videos import parse_video
from telecine.nouns import catalogue
from telecine.nouns.errors import GatewayError, TaskError
from telecine.nouns.ids import TASK
from telecine.nouns.parameters import VideoParameters
from telecine.nouns.request import GenerationRequest, MediaInput, Role
from telecine.nouns.task import State, Tokens, Usage
from telecine.wires.ima.images import ImaImageTaskFetchResponse
from telecine.wires.ima.videos import ImaProCreateResponse, ImaProQueryResponse
from tests.dialects.house import NOW, House

VIDEOS, GENERATIONS = "/ima/v1/videos", "/ima/v1/video/generations"
URL, OTHER, CLIP = "https://pictures.test/a.png", "https://pictures.test/b.png", "https://pictures.test/a.mp4"
SOUND = "https://pictures.test/a.mp3"
MODEL = "seedance-x"
"""One that nobody here knows."""
TEXT = GenerationRequest(operation="text_to_video", model=MODEL, prompt="a boat")
ASKED = {"type": "text", "text": "a boat"}


@pytest.fixture
def house() -> House:
    return House(IMA)


def parsed(body: dict[str, Any]) -> GenerationRequest:
    """What a body comes to, its media as they are written."""
    request, media = parse_video(parse_object(msgspec.json.encode({"model": MODEL, **body})), catalogue.load())
    return msgspec.structs.replace(request, inputs=tuple(one.placeholder() for one in media))


def wanted(**fields: Any) -> GenerationRequest:
    return msgspec.structs.replace(TEXT, **fields)


def made_of(operation: str, *inputs: tuple[Role, str], **fields: Any) -> GenerationRequest:
    return wanted(operation=operation, inputs=tuple(MediaInput(role, url=url) for role, url in inputs), **fields)


def item(kind: str, url: str, role: str | None = None) -> dict[str, Any]:
    return {"type": kind, kind: {"url": url}, **({"role": role} if role else {})}


LIKE: dict[str, Any] = {"reference_video_urls": [CLIP], "reference_audio_urls": [SOUND]}
FIRST: list[tuple[dict[str, Any], GenerationRequest]] = [
    ({}, wanted()),
    ({"model": None}, wanted(model="ima-pro")),
    ({"duration": 5, "metadata": {"aspect_ratio": "16:9", "resolution": "720p", "audio": False}},
     wanted(duration=5.0, aspect_ratio="16:9", resolution="720p", audio=False)),
    ({"seconds": "8", "size": "1280x720"}, wanted(duration=8.0, size="1280x720")),
    ({"metadata": {"audio": "true", "seed": 7, "watermark": True}},
     wanted(audio=True, seed=7, parameters=VideoParameters(watermark=True))),
    ({"Metadata": {"AspectRatio": "9:16", "RoleMode": "frame"}, "images": [URL, OTHER]},
     made_of("image_to_video", ("first_frame", URL), ("last_frame", OTHER), aspect_ratio="9:16")),
    ({"images": [URL]}, made_of("reference_to_video", ("reference", URL))),
    ({"input_reference": URL, "images": [URL]}, made_of("reference_to_video", ("reference", URL))),
    ({"image": URL, "metadata": {"role_mode": "frame"}}, made_of("image_to_video", ("first_frame", URL))),
    ({"images": [URL, OTHER], "metadata": LIKE},
     made_of("reference_to_video", ("reference", URL), ("reference", OTHER), ("video", CLIP), ("audio", SOUND))),
    ({"model": "sora-2", "images": [URL]}, made_of("image_to_video", ("first_frame", URL), model="sora-2")),
    ({"callback_url": "https://me.test/h"}, wanted(callback_url="https://me.test/h")),
]  # fmt: skip
SECOND: list[tuple[dict[str, Any], GenerationRequest]] = [
    ({}, wanted()),
    ({"ratio": "16:9", "resolution": "1080P", "duration": 5, "generate_audio": True, "watermark": False, "seed": -1},
     wanted(aspect_ratio="16:9", resolution="1080p", duration=5.0, audio=True,
            parameters=VideoParameters(watermark=False))),
    ({"content": [ASKED, item("image_url", URL)]}, made_of("image_to_video", ("first_frame", URL))),
    ({"content": [ASKED, item("image_url", URL, "first_frame"), item("image_url", OTHER, "last_frame")]},
     made_of("image_to_video", ("first_frame", URL), ("last_frame", OTHER))),
    ({"content": [item("image_url", URL, "reference_image"), item("video_url", CLIP), item("audio_url", SOUND)]},
     made_of("reference_to_video", ("reference", URL), ("video", CLIP), ("audio", SOUND), prompt="")),
]  # fmt: skip


@pytest.mark.parametrize(("body", "expected"), FIRST)
def test_every_field_of_the_first_form_lands_in_its_place(body: dict[str, Any], expected: GenerationRequest) -> None:
    assert parsed({"prompt": "a boat", **body}) == expected


@pytest.mark.parametrize(("body", "expected"), SECOND)
def test_every_field_of_the_second_form_lands_in_its_place(body: dict[str, Any], expected: GenerationRequest) -> None:
    assert parsed({"content": [ASKED], **body}) == expected


def test_what_nobody_knows_is_kept_for_an_upstream_of_this_kind() -> None:
    native = parsed({"prompt": "a", "camera_fixed": True, "metadata": {"mcp_list": [{"Name": "x"}]}}).native
    assert native is not None
    assert {name: msgspec.json.decode(raw) for name, raw in native.fields.items()} == {
        "camera_fixed": True,
        "metadata.mcp_list": [{"Name": "x"}],
    }


@pytest.mark.parametrize(
    ("body", "param", "words"),
    [
        ({"prompt": ""}, "prompt", "text_to_video requires one text content item"),
        ({"prompt": None, "content": []}, "prompt", "text_to_video requires one text content item"),
        ({"prompt": None, "content": [ASKED, ASKED]}, "content", "text_to_video requires one text content item"),
        ({"content": [ASKED]}, "prompt", "content"),
        ({"prompt": None, "images": [URL], "content": [ASKED]}, "images", "content"),
        ({"prompt": None, "content": [ASKED], "metadata": LIKE}, "metadata.reference_video_urls", "content"),
        ({"prompt": None, "content": [ASKED | {"duration": 9}]}, "content[0].duration", "not known"),
        ({"prompt": None, "content": [item("image_url", URL) | {"image_url": {"url": URL, "fps": 2}}]},
         "content[0].image_url.fps", "unknown"),
        ({"prompt": None, "content": [item("model_url", URL)]}, "content[0].type", "audio_url"),
        ({"prompt": None, "content": [{"type": "image_url"}]}, "content[0].image_url", "required"),
        ({"prompt": None, "content": [item("image_url", URL, "reference_video")]}, "content[0].role", "last_frame"),
        ({"prompt": None, "content": [item("image_url", "a.png")]}, "content[0].image_url.url", "URL"),
        ({"metadata": {"role_mode": "last"}}, "metadata.role_mode", "reference, frame"),
        ({"metadata": {"role_mode": "frame"}}, "images", "at least one"),
        ({"images": [URL, OTHER, CLIP], "metadata": {"role_mode": "frame"}}, "images", "up to 2"),
        ({"images": [URL], "metadata": {"role_mode": "frame", **LIKE}}, "metadata.role_mode", "mixed"),
        ({"images": [f"{URL}{number}" for number in range(15)]}, "images", "at most 14"),
        ({"metadata": {"reference_video_urls": [f"{CLIP}{number}" for number in range(4)]}},
         "metadata.reference_video_urls", "at most 3"),
        ({"metadata": {"reference_audio_urls": [SOUND, CLIP]}}, "metadata.reference_audio_urls", "at most 1"),
        ({"duration": 5, "seconds": "8"}, "duration", "seconds"),
        ({"aspect_ratio": "16:9", "metadata": {"aspect_ratio": "1:1"}}, "aspect_ratio", "metadata.aspect_ratio"),
        ({"duration": 0}, "duration", "more than 0"),
        ({"size": "1280x720", "metadata": {"resolution": "1080p"}}, "resolution", "1080p"),
        ({"metadata": {"mcp_list": [{"endpoint": URL}]}}, "endpoint", "where to call"),
    ],
)  # fmt: skip
def test_bad_input_is_refused_by_name(body: dict[str, Any], param: str, words: str) -> None:
    with pytest.raises(GatewayError) as refused:
        parsed({"prompt": "a boat", **body})
    assert (refused.value.param, words in refused.value.message) == (param, True), refused.value.message


@pytest.mark.parametrize("path", [VIDEOS, GENERATIONS])
async def test_asynchronous_video_create(house: House, path: str) -> None:
    """创建异步视频任务, `POST /v1/videos` and its other path: either form, and `ImaProCreateResponse`."""
    for body in ({"prompt": "a boat", "duration": 4}, {"content": [ASKED], "duration": 4}):
        answer = await house.call("POST", path, json={"model": "sora-2", **body})
        assert answer.status_code == 200, answer.text
        told = msgspec.json.decode(answer.content, type=ImaProCreateResponse)
        assert answer.json() == {
            "id": TASK.write([*house.tasks.views][-1]), "task_id": told.id, "object": "video", "model": "sora-2",
            "status": "queued", "progress": 0, "amount_usd": 0.0, "created_at": int(NOW),
        }  # fmt: skip
    answer = await house.call("POST", path, json={"model": "sora-2"})
    assert (answer.status_code, answer.json()["code"], answer.json()["data"]) == (400, "invalid_request", None)
    answer = await house.call("POST", path, data={"model": "sora-2", "prompt": "a", "metadata[audio]": "true"})
    assert (answer.status_code, house.tasks.created[-1].audio) == (200, True), answer.text


@pytest.mark.parametrize("body", [
    {"model": "kling-v2-6", "prompt": "a boat", "duration": 10, "mode": "pro"},
    {"model": "kling-v2-6", "image": URL, "duration": 10},
])  # fmt: skip
async def test_kling_takes_its_own_fields_and_answers_as_any(house: House, body: dict[str, Any]) -> None:
    path = "/ima/kling/v1/videos/" + ("image2video" if "image" in body else "text2video")
    answer = await house.call("POST", path, json=body)
    assert answer.status_code == 200, answer.text
    told = msgspec.json.decode(answer.content, type=ImaProCreateResponse)
    assert (told.object, told.model, house.request.duration) == ("video", "kling-v2-6", 10.0)
    assert (await house.call("GET", f"{VIDEOS}/{told.task_id}")).json()["status"] == "queued"


@pytest.mark.parametrize(
    ("state", "status"),
    [("queued", "queued"), ("running", "in_progress"), ("succeeded", "completed"), ("failed", "failed")],
)
async def test_video_task_status_and_result(house: House, state: State, status: str) -> None:
    """查询任务状态与结果, `GET /v1/videos/{task_id}`: `ImaProQueryResponse`; the other as a picture."""
    done, ended = state == "succeeded", state in ("succeeded", "failed")
    view = house.tasks.add(
        TEXT,
        state=state,
        started_at=NOW if state != "queued" else None,
        ended_at=NOW + 9 if ended else None,
        outputs=1 if done else 0,
        usage=Usage(tokens=Tokens(input=5, output=7)) if done else None,
        error=TaskError("upstream_failed", "Portraits are not supported.") if state == "failed" else None,
    )
    name, link = TASK.write(view.task.id), "https://media.test/0/file.mp4"
    answer = await house.call("GET", f"{VIDEOS}/{name}")
    msgspec.json.decode(answer.content, type=ImaProQueryResponse)
    error = {"code": "upstream_failed", "message": "Portraits are not supported."}
    assert answer.json() == {
        "id": name, "task_id": name, "object": "video", "model": MODEL, "status": status,
        "progress": 100 if done else 0, "amount_usd": 0.0, "created_at": int(NOW),
        **({"completed_at": int(NOW + 9)} if ended else {}),
        **({
            "metadata": {"url": link},
            "results": [{"url": link, "width": 1280, "height": 720, "duration": 5, "size": 3,
                         "content_type": "video/mp4"}],
            "usage": {"prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 12},
        } if done else {}),
        **({"error": error} if state == "failed" else {}),
    }  # fmt: skip
    other = await house.call("GET", f"{GENERATIONS}/{name}")
    told = msgspec.json.decode(other.content, type=ImaImageTaskFetchResponse).data
    assert (told.status, told.url) == (
        {"in_progress": "processing", "completed": "succeeded"}.get(status, status), link if done else "",
    )  # fmt: skip
    assert (told.error == error) is (state == "failed")


async def test_a_video_of_anothers_is_not_there(house: House) -> None:
    task_id = house.tasks.done(TEXT).task.id
    for path in (VIDEOS, GENERATIONS):
        answer = await house.call("GET", f"{path}/{task_id}", headers={"x-account": "2"})
        assert (answer.status_code, answer.json()["code"]) == (400, "task_not_exist")

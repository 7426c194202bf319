"""new-api's form of the Videos API, and gpt-best's, over the house of fakes."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from telecine.dialects.openai import NEW_API
from telecine.nouns.errors import TaskError
from telecine.nouns.ids import video_id
from telecine.nouns.parameters import VideoParameters
from telecine.nouns.request import GenerationRequest, MediaInput
from telecine.nouns.task import State, Tokens, Usage
from telecine.webhooks.delivery import Tidings
from tests.dialects.house import NOW, House

URL, OTHER = "https://pictures.test/a.png", "https://pictures.test/b.png"
TEXT = GenerationRequest(operation="text_to_video", model="sora-2", prompt="a cat")
CREATE, BEST = "/v1/video/generations", "/sora/v1/videos"
# Names as new-api's code has them.
OPENAI_VIDEO = ["id", "object", "model", "status", "progress", "created_at", "completed_at", "expires_at", "seconds"]
TASK_DTO = [
    *("id", "created_at", "updated_at", "task_id", "platform", "user_id", "group", "channel_id", "quota", "action"),
    *("status", "fail_reason", "result_url", "submit_time", "start_time", "finish_time", "progress", "properties"),
    *("data", "usage"),
]


def request(**fields: Any) -> GenerationRequest:
    return GenerationRequest(**{"operation": "text_to_video", "model": "sora-2", "prompt": "a cat", **fields})


@pytest.fixture
def house() -> House:
    return House(NEW_API)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, request()),
        ({"duration": 8.0}, request(duration=8.0)),
        ({"width": 1280, "height": 720}, request(size="1280x720")),
        ({"width": 1280, "height": 720, "size": "1280x720"}, request(size="1280x720")),
        ({"seed": 3, "n": 1, "response_format": "url"}, request(seed=3)),
        ({"seconds": "8", "size": "9x16"}, request(duration=8.0, aspect_ratio="9:16")),
        ({"metadata": {"resolution": "720p", "ratio": "16:9"}}, request(resolution="720p", aspect_ratio="16:9")),
        ({"metadata": {"negative_prompt": "dogs", "seed": 3}}, request(negative_prompt="dogs", seed=3)),
        ({"metadata": {"watermark": False}}, request(parameters=VideoParameters(watermark=False))),
        ({"metadata": None}, request()),
        ({"image": URL}, request(operation="image_to_video", inputs=(MediaInput("first_frame", url=URL),))),
        ({"image": URL, "metadata": {"image_tail": OTHER}},
         request(operation="image_to_video",
                 inputs=(MediaInput("first_frame", url=URL), MediaInput("last_frame", url=OTHER)))),
        ({"notify_hook": "https://me.test/h"}, request(callback_url="https://me.test/h")),
    ],
)  # fmt: skip
@pytest.mark.parametrize("path", [CREATE, BEST])
async def test_every_field_lands_in_its_place(
    house: House, path: str, body: dict[str, Any], expected: GenerationRequest
) -> None:
    answer = await house.call("POST", path, json={"prompt": "a cat", "model": "sora-2", **body})
    assert answer.status_code == 200, answer.text
    native = house.request.native
    assert native is None or not (native.fields or native.novel), "all of it is known"
    assert msgspec.structs.replace(house.request, native=None) == expected


async def test_what_a_vendor_alone_knows_reaches_an_upstream_of_this_family(house: House) -> None:
    body = {"prompt": "a", "fps": 24, "metadata": {"resolution": "720p", "cfg": 0.5, "camera": {"pan": 1}}}
    await house.call("POST", CREATE, json=body)
    native = house.request.native
    assert native is not None
    assert {name: msgspec.json.decode(raw) for name, raw in native.fields.items()} == {
        "fps": 24,
        "metadata": {"cfg": 0.5, "camera": {"pan": 1}},
    }
    assert house.request.metadata is None


@pytest.mark.parametrize(
    ("body", "status", "code", "param"),
    [
        ({"prompt": ""}, 400, "invalid_request", "prompt"),
        ({"width": 1280}, 400, "invalid_request", "height"),
        ({"height": 720}, 400, "invalid_request", "width"),
        ({"width": 1280, "height": 720, "size": "720x1280"}, 400, "invalid_request", "width"),
        ({"width": 0, "height": 720}, 400, "invalid_request", "width"),
        ({"resolution": "1080p", "metadata": {"resolution": "720p"}}, 400, "invalid_request", "metadata.resolution"),
        ({"metadata": {"image_tail": OTHER}}, 400, "invalid_request", "metadata.image_tail"),
        ({"metadata": "x"}, 400, "invalid_request", "metadata"),
        ({"metadata": {"more": {"callback_url": "https://me.test/h"}}}, 400, "unsupported_parameter", "callback_url"),
        ({"metadata": {"a": "b" * 300_000}}, 413, "too_large", None),
        ({"storyboard": [{"webhook": "https://me.test/h"}]}, 400, "unsupported_parameter", "webhook"),
        ({"response_format": "b64_json"}, 400, "unsupported_parameter", "response_format"),
        ({"model": "gpt-9"}, 404, "not_found", "model"),
        ({"image": "a.png"}, 400, "invalid_request", "image"),
        ({"duration": 7}, 400, "invalid_request", "duration"),
    ],
)
async def test_bad_input_gets_new_apis_envelope(
    house: House, body: dict[str, Any], status: int, code: str, param: str | None
) -> None:
    answer = await house.call("POST", CREATE, json={"prompt": "a cat", **body})
    found = answer.json()
    assert list(found) == ["code", "message", "data", "error"]
    assert (answer.status_code, found["code"], found["data"]) == (status, code, None)
    assert found["error"] == {"message": found["message"], "code": code, "param": param}
    assert house.untouched


@pytest.mark.parametrize("path", [CREATE, BEST])
async def test_a_create_answers_the_video_object(house: House, path: str) -> None:
    answer = await house.call("POST", path, json={"prompt": "a cat", "model": "sora-2"})
    (task_id,) = house.tasks.views
    found = answer.json()
    assert list(found)[: len(OPENAI_VIDEO)] == OPENAI_VIDEO
    assert (found["id"], found["task_id"], found["status"]) == (video_id(task_id), video_id(task_id), "queued")


@pytest.mark.parametrize(
    ("state", "started", "word", "best"),
    [
        ("queued", None, "QUEUED", "NOT_START"),
        ("running", NOW + 1, "IN_PROGRESS", "IN_PROGRESS"),
        ("succeeded", NOW + 1, "SUCCESS", "SUCCESS"),
        ("failed", NOW + 1, "FAILURE", "FAILURE"),
        ("cancelled", None, "FAILURE", "FAILURE"),
    ],
)
async def test_status_words(house: House, state: State, started: float | None, word: str, best: str) -> None:
    view = house.tasks.add(TEXT, state=state, started_at=started, progress=42)
    for path, expected in ((CREATE, word), (BEST, best)):
        found = (await house.call("GET", f"{path}/{video_id(view.task.id)}")).json()
        assert list(found) == ["code", "message", "data"]
        assert (found["code"], found["message"]) == ("success", "")
        assert list(found["data"]) == TASK_DTO
        assert found["data"]["status"] == expected
        assert found["data"]["progress"] == ("100%" if state == "succeeded" else "42%")


async def test_a_finished_task_has_its_link_and_its_usage(house: House) -> None:
    view = house.tasks.done(TEXT, usage=Usage(tokens=Tokens(input=10, output=40)))
    found = (await house.call("GET", f"{CREATE}/{video_id(view.task.id)}")).json()["data"]
    link = "https://media.test/0/file.mp4"
    assert (found["result_url"], found["data"]["metadata"], found["data"]["url"]) == (link, {"url": link}, link)
    assert found["usage"] == {"prompt_tokens": 10, "completion_tokens": 40, "total_tokens": 50}
    assert (found["submit_time"], found["start_time"], found["finish_time"]) == (int(NOW), int(NOW + 1), int(NOW + 9))
    assert (found["platform"], found["action"]) == ("openai", "textGenerate")
    assert found["properties"] == {"input": "a cat", "origin_model_name": "sora-2"}


async def test_a_failed_task_says_why(house: House) -> None:
    view = house.tasks.add(TEXT, state="failed", error=TaskError("content_policy", "No."), ended_at=NOW)
    found = (await house.call("GET", f"{CREATE}/{view.task.id}")).json()["data"]
    assert (found["fail_reason"], found["result_url"], found["finish_time"]) == ("No.", "", int(NOW))


@pytest.mark.parametrize("path", [CREATE, BEST])
async def test_what_is_not_ones_own_does_not_exist(house: House, path: str) -> None:
    for name in (str(house.tasks.done(TEXT, account_id=2).task.id), "nonsense"):
        answer = await house.call("GET", f"{path}/{name}")
        assert (answer.status_code, answer.json()["code"]) == (400, "task_not_exist")


async def test_a_hook_is_told_what_a_query_shows(house: House) -> None:
    view = house.tasks.done(TEXT)
    assert NEW_API.announce is not None
    message = NEW_API.announce(view, Tidings("task.succeeded", NOW + 9), house.edge)
    assert message is not None
    assert msgspec.json.decode(message.body) == (await house.call("GET", f"{CREATE}/{view.task.id}")).json()

"""A caller reads the names of the fields that it wrote, whoever objects to them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from telecine.dialects.dialect import Dialect
from telecine.dialects.fields import renamed
from telecine.dialects.kling import KLING
from telecine.dialects.openai import OPENAI
from telecine.dialects.suno import SUNO
from telecine.dialects.tasks import TASKS
from telecine.nouns.errors import GatewayError, TaskError
from telecine.nouns.request import GenerationRequest
from tests.dialects.house import NOW, House

PATHS = {"openai": "/v1/videos", "kling": "/kling/v1/videos/text2video", "tasks": "/v1/tasks",
         "suno": "/suno/submit/music"}  # fmt: skip


def said(dialect: Dialect, answer: Any) -> tuple[str, str | None]:
    """(message, param) of an error."""
    body = answer.json()
    if dialect in (KLING, SUNO):
        return body["message"], None
    return body["error"]["message"], body["error"]["param"]


@pytest.mark.parametrize(
    ("dialect", "param", "message", "name"),
    [
        (OPENAI, "duration", "The Videos API counts whole seconds; the duration 7.5 is none.", "seconds"),
        (OPENAI, "duration", "'sora-2' has no duration 7.", "seconds"),
        (OPENAI, "count", "'sora-2' makes 1 to 4 at a time.", "n"),
        (OPENAI, "inputs", "'sora-2' takes at most 3 images.", "input_reference"),
        (OPENAI, "inputs.mask", "The provider 'kling' cannot honour 'mask' for this operation.", "input_reference"),
        (OPENAI, "parameters.watermark", "The provider 'x' cannot honour 'watermark'.", "watermark"),
        (KLING, "audio", "The provider 'openai' cannot honour 'audio' for this operation.", "sound"),
        (KLING, "inputs.last_frame", "The provider 'openai' cannot honour 'last_frame'.", "image_tail"),
        (KLING, "parameters.camera", "The provider 'openai' cannot honour 'camera'.", "camera_control"),
        (KLING, "model", "This model is not for you.", "model_name"),
        (KLING, "external_id", "The external id must have 1 to 256 characters.", "external_task_id"),
        (SUNO, "parameters.style", "The provider 'x' cannot honour 'style'.", "tags"),
        (SUNO, "parameters.lyrics", "The provider 'x' cannot honour 'lyrics'.", "prompt"),
        (SUNO, "source", "'chirp-v4' follows nothing up.", "continue_clip_id"),
        (TASKS, "callback_url", "The URL in 'callback_url' cannot be used.", "webhook_url"),
        (TASKS, "duration", "'kling-v1' has no duration 7.", "duration"),
    ],
    ids=lambda value: value.name if isinstance(value, Dialect) else None,
)
async def test_messages_name_the_callers_fields(dialect: Dialect, param: str, message: str, name: str) -> None:
    house = House(dialect)
    house.tasks.refusal = GatewayError("invalid_request", message, param=param)
    models = {"openai": {"model": "sora-2"}, "suno": {"mv": "chirp-v4"}}
    body = {"prompt": "a", **models.get(dialect.name, {"model": "kling-v1"})}
    text, shown = said(dialect, await house.call("POST", PATHS[dialect.name], json=body))
    assert name in text
    assert shown in (name, None)
    neutral = param.rpartition(".")[2]
    assert neutral in (name, "model", "external_id") or f"'{neutral}'" not in text


@pytest.mark.parametrize(
    ("dialect", "path", "name"),
    [(OPENAI, "/v1/videos/{id}", "seconds"), (KLING, "/kling/v1/videos/text2video/{id}", "duration"),
     (TASKS, "/v1/tasks/{id}", "duration")],
    ids=["openai", "kling", "tasks"],
)  # fmt: skip
async def test_the_error_of_a_task_does_too(dialect: Dialect, path: str, name: str) -> None:
    house = House(dialect)
    error = TaskError("invalid_request", "The duration 7 is none of 4, 8.", "duration")
    request = GenerationRequest(operation="text_to_video", model="sora-2", prompt="a")
    view = house.tasks.add(request, state="failed", ended_at=NOW, error=error)
    answer = await house.call("GET", path.format(id=view.task.id))
    assert f"The {name} 7 is none of 4, 8." in json.dumps(answer.json())


def test_a_path_may_call_a_field_otherwise() -> None:
    error = GatewayError("not_found", "source: what this refers to does not exist.", param="source", retry_after=2.0)
    found = renamed(error, {"source": "video_id", "inputs.video": "video_url"})
    assert (found.message, found.param) == ("video_id: what this refers to does not exist.", "video_id")
    assert (found.code, found.retry_after, found.may_retry) == ("not_found", 2.0, True)
    assert renamed(error, {"inputs.video": "video_url"}) is error

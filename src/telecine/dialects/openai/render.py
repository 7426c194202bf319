"""From tasks and errors to OpenAI's objects."""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec import UNSET, UnsetType
from starlette.responses import Response

from telecine.dialects.base import Media
from telecine.dialects.bodies import json_response
from telecine.dialects.document import Sent
from telecine.dialects.errors import Errors, Told
from telecine.dialects.fields import Fields
from telecine.nouns.catalogue import Catalogue
from telecine.nouns.errors import HTTP_STATUS, ErrorCode, GatewayError
from telecine.nouns.ids import video_id
from telecine.nouns.task import Output, Status, Task, Tokens
from telecine.tasks.view import Cancellation, View, asked_seconds, made_seconds, results

# The official pollers stop at any other word.
STATUS: Final[dict[Status, str]] = {
    "draft": "queued",
    "queued": "queued",
    "running": "in_progress",
    "succeeded": "completed",
    "failed": "failed",
    "cancelled": "failed",
}
_DEFAULT_POLL_MS: Final = 1000
# The codes that OpenAI's own clients and their users look for; all others keep our own words.
_CODES: Final[dict[ErrorCode, str]] = {
    "authentication": "invalid_api_key",
    "insufficient_balance": "insufficient_quota",
    "rate_limited": "rate_limit_exceeded",
    "content_policy": "content_policy_violation",
}
TYPES: Final[dict[ErrorCode, str]] = {
    "insufficient_balance": "insufficient_quota",
    "rate_limited": "rate_limit_error",
    "capacity": "rate_limit_error",
    "upstream_failed": "server_error",
    "submission_unknown": "server_error",
    "expired": "server_error",
    "unavailable": "server_error",
    "internal": "server_error",
}
FIELDS: Final = Fields(
    {
        "duration": "seconds",
        "inputs": "input_reference",
        "count": "n",
        "parameters.watermark": "watermark",
        "source": "video_id",
    },
    media="input_reference",
)


class OpenAIErrorBody(msgspec.Struct, frozen=True):
    """What went wrong. `param` names the field at fault."""

    message: str
    type: str
    param: str | None
    code: str


class OpenAIError(msgspec.Struct, frozen=True):
    """OpenAI's error envelope."""

    error: OpenAIErrorBody


class VideoError(msgspec.Struct, frozen=True):
    """Why a video failed."""

    code: str
    message: str


class VideoUsage(msgspec.Struct, frozen=True):
    """Tokens as relays tell them of a video (new-api's `usage`): what was read, what was generated, and both."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class Video(msgspec.Struct, frozen=True, kw_only=True):
    """The official Video object and, after it, what relay applications look for. Times are whole seconds."""

    id: str
    object: str = "video"
    model: str
    status: str
    progress: int
    created_at: int
    completed_at: int | None
    expires_at: int | None
    seconds: str | None
    size: str | None
    prompt: str | None
    remixed_from_video_id: str | None
    error: VideoError | None
    task_id: str
    url: str | UnsetType = UNSET
    video_url: str | UnsetType = UNSET
    usage: VideoUsage | UnsetType = UNSET


class DeletedVideo(msgspec.Struct, frozen=True, kw_only=True):
    """What a delete answers. `cancellation` is ours, and absent where the video had ended before: what became of the
    job, which may run on, and cost what it costs."""

    id: str
    object: str = "video.deleted"
    deleted: bool = True
    cancellation: Cancellation | UnsetType = UNSET


class VideoList(msgspec.Struct, frozen=True):
    """One page; the SDKs ask for the next with the last item's id."""

    data: list[Video]
    has_more: bool
    first_id: str | None
    last_id: str | None
    object: str = "list"


def video(view: View, media: Media, models: Catalogue) -> Video:
    """The Video object of `view`."""
    task = view.task
    name = video_id(task.id)
    status = STATUS[task.status]
    completed = status == "completed"
    output = shown(view) if completed else None
    link = media.link(output) if output is not None else None
    expires = media.link_expires_at(output) if output is not None and link is not None else None
    return Video(
        id=name,
        model=task.model,
        status=status,
        progress=100 if completed else task.progress,
        created_at=int(task.created_at),
        completed_at=int(task.ended_at) if completed and task.ended_at is not None else None,
        expires_at=None if expires is None else int(expires),
        seconds=video_seconds(view, models),
        size=video_size(view, models),
        prompt=task.request.prompt or None,
        remixed_from_video_id=None if task.source_task is None else video_id(task.source_task),
        error=error_of(task),
        task_id=name,
        url=link or UNSET,
        video_url=link or UNSET,
        usage=_usage(task.usage.tokens if task.usage is not None else None),
    )


def shown(view: View) -> Output | None:
    """The one file of a video: the first that can be had, now or soon; None where all are lost."""
    return next((one for one in results(view, "video") if one.state != "lost"), None)


def answer(view: View, body: msgspec.Struct) -> Response:
    """`body`, which shows `view`, and how soon asking again is worth while."""
    headers = None
    if not view.task.ended:
        poll_ms = _DEFAULT_POLL_MS if view.poll_after is None else max(0, round(view.poll_after * 1000))
        headers = {"openai-poll-after-ms": str(poll_ms)}
    return json_response(body, headers=headers)


def _finer(error: GatewayError) -> tuple[int, str] | None:
    return (404, "model_not_found") if error.code == "not_found" and error.param == "model" else None


def _envelope(told: Told) -> OpenAIError:
    """The request id is in a header only."""
    kind = TYPES.get(told.error.code, "invalid_request_error")
    return OpenAIError(OpenAIErrorBody(told.message, kind, told.param, str(told.code)))


def envelope(message: str, code: str, status: int, *, kind: str = "invalid_request_error") -> Response:
    """An error of OpenAI's that our taxonomy does not have."""
    return json_response(OpenAIError(OpenAIErrorBody(message, kind, None, code)), status)


ERRORS: Final = Errors(
    envelope=_envelope,
    shape=OpenAIError,
    codes={code: (HTTP_STATUS[code], word) for code, word in _CODES.items()},
    finer=_finer,
    fields=FIELDS,
)
_SENT_EXAMPLE: Final = {
    "id": "video_06xx11d95wm5j",
    "object": "video",
    "model": "sora-2",
    "status": "completed",
    "progress": 100,
}
SENT: Final = Sent(
    "openai", "video", "A video's new status, to the webhook_url of POST /v1/videos", Video, _SENT_EXAMPLE
)


def video_seconds(view: View, models: Catalogue) -> str | None:
    """How long the finished video is; until then what the upstream is asked for, or what the model makes by default."""
    output = shown(view)
    seconds = made_seconds(view, output.index) if output is not None else None
    if seconds is None:
        seconds = asked_seconds(view.task)
    if seconds is None:
        ability = models.ability(view.task.model, view.task.operation)
        seconds = ability.default_duration if ability is not None else None
    return None if seconds is None else f"{round(seconds, 3):g}"


def video_size(view: View, models: Catalogue) -> str | None:
    """The size of the finished video; until then what the upstream is asked for, None where nobody knows."""
    task = view.task
    for output in results(view, "video") if task.status == "succeeded" else ():
        if output.width and output.height:
            return f"{output.width}x{output.height}"
    request = task.request
    if request.size is None and request.inputs and not (request.aspect_ratio or request.resolution):
        return None  # it may follow the picture
    if task.asked is not None:
        return task.asked.size
    if request.size is not None or request.aspect_ratio or request.resolution:
        return request.size
    ability = models.ability(task.model, task.operation)
    return ability.default_size if ability is not None else None


def _usage(tokens: Tokens | None) -> VideoUsage | UnsetType:
    """Sound counts as generated."""
    if tokens is None:
        return UNSET
    generated = tokens.output + tokens.audio
    return VideoUsage(tokens.total - generated, generated, tokens.total)


def error_of(task: Task, fields: Fields = FIELDS) -> VideoError | None:
    """Why a task came to nothing, with a dialect's own names of fields."""
    if task.status == "cancelled":
        return VideoError("cancelled", task.error.message if task.error else "The task was cancelled.")
    if task.status != "failed":
        return None
    if task.error is None:
        return VideoError("internal", "The task failed.")
    return VideoError(task.error.code, fields.error(task.error))

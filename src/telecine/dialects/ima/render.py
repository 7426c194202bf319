"""From tasks and errors to IMA's objects."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from msgspec import UNSET, UnsetType

from telecine.dialects.base import Edge
from telecine.dialects.errors import Errors, Told
from telecine.dialects.fields import Fields
from telecine.dialects.openai.image_render import Images
from telecine.dialects.openai.render import STATUS as VIDEO_STATUS
from telecine.dialects.openai.render import TYPES, error_of
from telecine.nouns.errors import ErrorCode, GatewayError
from telecine.nouns.ids import TASK
from telecine.nouns.operations import makes_of
from telecine.nouns.parameters import ImageParameters
from telecine.nouns.task import Output, Status, Task, Tokens
from telecine.tasks.view import View, made_seconds, results
from telecine.wires.ima.errors import ErrorBody, ErrorResponse, TaskErrorResponse
from telecine.wires.ima.images import ImaImageCreateTaskResponse, ImaImageTaskFetchResponse, ImaTaskData, ImaUsage
from telecine.wires.ima.videos import (
    ImaProCreateResponse,
    ImaProQueryResponse,
    ImaVideoError,
    ImaVideoLink,
    ImaVideoResult,
    ImaVideoUsage,
)

IMAGE_STATUS: Final[dict[Status, str]] = {
    "draft": "queued",
    "queued": "queued",
    "running": "processing",
    "succeeded": "succeeded",
    "failed": "failed",
    "cancelled": "failed",
}
_DOLLARS: Final = "USD"
_MICROS: Final = 1_000_000
_UNKNOWN_TASK: Final = "task_not_exist"
# new-api's, on which the service is built.
_CODES: Final[dict[ErrorCode, tuple[int, str]]] = {"insufficient_balance": (403, "quota_not_enough")}
FIELDS: Final = Fields(
    {"inputs": "images", "count": "n", **{f"parameters.{name}": name for name in ImageParameters.__struct_fields__}},
    media="images",
)


class ImaImageGenerationResponse(Images, frozen=True, kw_only=True):
    """The pictures, for who wants them at once: OpenAI's answer."""


def _head(view: View, edge: Edge, words: Mapping[Status, str]) -> dict[str, Any]:
    """What every answer about a task begins with."""
    task, name = view.task, TASK.write(view.task.id)
    return {
        "id": name,
        "task_id": name,
        "model": task.model,
        "status": words[task.status],
        "progress": _progress(task),
        "amount_usd": _dollars(task, edge),
        "created_at": int(task.created_at),
    }


def image_created(view: View, edge: Edge) -> ImaImageCreateTaskResponse:
    """The answer to a create."""
    return ImaImageCreateTaskResponse(**_head(view, edge, IMAGE_STATUS))


def fetched(view: View, edge: Edge) -> ImaImageTaskFetchResponse:
    """The answer to a query of a picture, and of a video at the path that answers so."""
    task, kind = view.task, makes_of(view.task.request)
    links: list[str] = []
    first: Output | None = None
    if task.status == "succeeded":
        for one in results(view, kind):
            link = edge.media.link(one) if one.state != "lost" else None
            if link is not None:
                first = first or one
                links.append(link)
    error = error_of(task, FIELDS)
    return ImaImageTaskFetchResponse(
        data=ImaTaskData(
            task_id=TASK.write(task.id),
            status=IMAGE_STATUS[task.status],
            format=_format(first) if first is not None else "",
            url=links[0] if links else "",
            error=UNSET if error is None else {"code": error.code, "message": error.message},
            usage=_usage(task.usage.tokens if task.usage is not None else None),
            urls=links if len(links) > 1 else UNSET,
        )
    )


def video_created(view: View, edge: Edge) -> ImaProCreateResponse:
    """The answer to a create."""
    return ImaProCreateResponse(**_head(view, edge, VIDEO_STATUS))


def video_task(view: View, edge: Edge) -> ImaProQueryResponse:
    """The answer to a query."""
    task = view.task
    made = [one for one in results(view, "video") if one.state != "lost"] if task.status == "succeeded" else []
    shown = [found for one in made if (found := _result(view, one, edge)) is not None]
    error, tokens = error_of(task, FIELDS), task.usage.tokens if task.usage is not None else None
    usage = _usage(tokens)
    return ImaProQueryResponse(
        **_head(view, edge, VIDEO_STATUS),
        completed_at=int(task.ended_at) if task.ended_at is not None else UNSET,
        metadata=ImaVideoLink(url=shown[0].url) if shown else UNSET,
        results=shown or UNSET,
        usage=UNSET
        if tokens is None
        else ImaVideoUsage(
            prompt_tokens=usage.input_tokens, completion_tokens=usage.output_tokens, total_tokens=usage.total_tokens
        ),
        error=UNSET if error is None else ImaVideoError(code=error.code, message=error.message),
    )


def told(view: View, edge: Edge) -> ImaImageTaskFetchResponse | ImaProQueryResponse:
    """What a task's own URL is sent: the answer to a query."""
    return video_task(view, edge) if makes_of(view.task.request) == "video" else fetched(view, edge)


def _result(view: View, output: Output, edge: Edge) -> ImaVideoResult | None:
    link = edge.media.link(output)
    if link is None:
        return None
    seconds = made_seconds(view, view.outputs.index(output))
    return ImaVideoResult(
        url=link,
        width=output.width or UNSET,
        height=output.height or UNSET,
        duration=UNSET if seconds is None else round(seconds),
        size=output.bytes or UNSET,
        content_type=output.content_type or UNSET,
    )


def _progress(task: Task) -> int:
    return 100 if task.status == "succeeded" else task.progress


def _dollars(task: Task, edge: Edge) -> float | UnsetType:
    """What it costs, or may cost; nothing where the books are kept in another currency."""
    if edge.accounts.currency != _DOLLARS:
        return UNSET
    return (task.held if task.charged is None else task.charged) / _MICROS


def _format(output: Output) -> str:
    """`png`, `jpeg`, `mp4`: what kind of file it is."""
    return (output.content_type or "").rpartition("/")[2]


def _usage(tokens: Tokens | None) -> ImaUsage:
    """Sound counts as generated."""
    if tokens is None:
        return ImaUsage()
    made = tokens.output + tokens.audio
    return ImaUsage(input_tokens=tokens.total - made, output_tokens=made, total_tokens=tokens.total)


def _finer(error: GatewayError) -> tuple[int, str] | None:
    """A task that is not there is an error of the request, as at new-api."""
    return (400, _UNKNOWN_TASK) if error.code == "not_found" and error.param == "id" else None


def _refusal(told: Told) -> ErrorResponse:
    kind = TYPES.get(told.error.code, "invalid_request_error")
    body = ErrorBody(message=told.message, type=kind, param=told.param, code=str(told.code))
    return ErrorResponse(message=told.message, error=body)


ERRORS: Final = Errors(
    envelope=lambda told: TaskErrorResponse(code=str(told.code), message=told.message),
    shape=TaskErrorResponse,
    codes=_CODES,
    finer=_finer,
    fields=FIELDS,
)
OTHER_ERRORS: Final = Errors(
    envelope=_refusal, shape=ErrorResponse, codes=_CODES, fields=Fields({"about": "description", "type": "group_type"})
)
"""Of what is no task."""

"""new-api's form of the Videos API: `/v1/video/generations`, and gpt-best's `/sora/v1/videos` (wire table C.6).

What is made is answered with the Video object and its `metadata.url`; a query with new-api's task in its envelope.
`metadata` of a create has the vendor's fields: those that are known here count as if they stood outside, all others
reach an upstream of this family as they came. That a create at gpt-best takes and answers the same is reconstructed,
and so are `platform`, `action` and `properties` (new-api's names for what it keeps). Our ids are texts; channels,
groups and other accounts are nobody's business.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec
from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from telecine.dialects import scalars
from telecine.dialects.base import Edge
from telecine.dialects.bodies import Body, Known
from telecine.dialects.dialect import Claim, Dialect, each_status
from telecine.dialects.errors import Errors
from telecine.dialects.fields import Fields
from telecine.dialects.openai.create import hook_of, parse_create
from telecine.dialects.openai.form import OFFICIAL
from telecine.dialects.openai.pictures import REPEATABLE
from telecine.dialects.openai.render import Video, answer, error_of, shown, video
from telecine.dialects.openai.rows import PROMPT
from telecine.dialects.rows import Create, Parsed, Read
from telecine.nouns.catalogue import Catalogue
from telecine.nouns.errors import ErrorCode, GatewayError, invalid
from telecine.nouns.ids import VIDEO, video_id
from telecine.nouns.request import Native
from telecine.nouns.task import Status
from telecine.tasks.view import View

STATUS: Final[dict[Status, str]] = {
    "draft": "NOT_START",
    "queued": "QUEUED",
    "running": "IN_PROGRESS",
    "succeeded": "SUCCESS",
    "failed": "FAILURE",
    "cancelled": "FAILURE",
}
_BEST: Final[dict[str, str]] = {"QUEUED": "NOT_START"}
"""gpt-best has one word less."""
_ROOTS: Final = ("/v1/video/generations", "/sora/v1/videos")
_MICROS_A_UNIT: Final = 2
"""new-api counts money in 1/500000 of the currency."""
_VENDORS: Final = {
    "resolution": "resolution",
    "ratio": "aspect_ratio",
    "aspect_ratio": "aspect_ratio",
    "aspectRatio": "aspect_ratio",
    "negative_prompt": "negative_prompt",
    "seed": "seed",
    "size": "size",
    "watermark": "watermark",
}
"""By its name within `metadata`, the field that says the same outside."""
_NOTHING: Final = Known(())
"""What is known here of the rest."""
_ACTIONS: Final = {
    "text_to_video": "textGenerate",
    "image_to_video": "generate",
    "reference_to_video": "referenceGenerate",
    "remix": "remixGenerate",
}
FIELDS: Final = Fields({"inputs": "image", "count": "n", "parameters.watermark": "watermark"}, media="image")
_UNKNOWN_TASK: Final = "task_not_exist"
_CODES: Final[dict[ErrorCode, tuple[int, str]]] = {
    "insufficient_balance": (403, "quota_not_enough"),
    "not_found": (404, "not_found"),
}


class Generation(msgspec.Struct):
    """new-api's own fields. All those of `/v1/videos` may stand beside them."""

    prompt: str
    model: str | None = None
    image: Any = None
    duration: float | str | None = None
    width: int | None = None
    height: int | None = None
    fps: int | None = None
    seed: int | None = None
    n: int | None = None
    response_format: str | None = None
    user: str | None = None
    metadata: dict[str, Any] | None = None


class Link(msgspec.Struct, frozen=True):
    """Where the video is, once it is there."""

    url: str


class GeneratedVideo(Video, frozen=True, kw_only=True):
    """The Video object as new-api has it."""

    metadata: Link | UnsetType = UNSET


class Properties(msgspec.Struct, frozen=True, kw_only=True):
    """What it was made from."""

    input: str
    origin_model_name: str


class TaskDto(msgspec.Struct, frozen=True, kw_only=True):
    """A task. Times in whole seconds, 0 for what has not happened; `quota` in 1/500000 of the currency; `data` is the
    Video object."""

    id: str
    created_at: int
    updated_at: int
    task_id: str
    platform: str
    user_id: int = 0
    group: str = "default"
    channel_id: int = 0
    quota: int
    action: str
    status: str
    fail_reason: str
    result_url: str
    submit_time: int
    start_time: int
    finish_time: int
    progress: str
    properties: Properties
    data: GeneratedVideo
    usage: Any = None


class TaskAnswer(msgspec.Struct, frozen=True):
    """The envelope of a query."""

    code: str
    message: str
    data: TaskDto


class NewApiErrorBody(msgspec.Struct, frozen=True):
    """The same in OpenAI's shape."""

    message: str
    code: str
    param: str | None


class NewApiError(msgspec.Struct, frozen=True):
    """new-api's envelope of errors; `error` is beside it because kinoapi 0.1.0 reads no other."""

    code: str
    message: str
    data: None
    error: NewApiErrorBody


def generated(view: View, edge: Edge) -> GeneratedVideo:
    """The Video object of `view`."""
    made = video(view, edge.media, edge.catalogue)
    link = Link(made.url) if isinstance(made.url, str) else UNSET
    return GeneratedVideo(**msgspec.structs.asdict(made), metadata=link)


def task_answer(view: View, edge: Edge, *, best: bool = False) -> TaskAnswer:
    """The task of `view`, in its envelope; `best`: in gpt-best's words."""
    task, word = view.task, STATUS[view.task.status]
    known, error = edge.catalogue.find(task.model), error_of(task, FIELDS)
    output = shown(view) if task.status == "succeeded" else None
    made = generated(view, edge)
    dto = TaskDto(
        id=str(task.id),
        created_at=int(task.created_at),
        updated_at=int(task.ended_at or task.started_at or task.created_at),
        task_id=video_id(task.id),
        platform=known.vendor if known is not None else "",
        quota=(task.held if task.charged is None else task.charged) // _MICROS_A_UNIT,
        action=_ACTIONS.get(task.operation, task.operation),
        status=_BEST.get(word, word) if best else word,
        fail_reason=error.message if error is not None else "",
        result_url=(edge.media.link(output) if output is not None else None) or "",
        submit_time=int(task.created_at),
        start_time=int(task.started_at or 0),
        finish_time=int(task.ended_at or 0),
        progress=f"{made.progress}%",
        properties=Properties(input=task.request.prompt, origin_model_name=task.model),
        data=made,
        usage=None if made.usage is UNSET else made.usage,
    )
    return TaskAnswer("success", "", dto)


def parse_generation(body: Body, models: Catalogue) -> Parsed:
    """The request, and its media. Raises GatewayError."""
    fields = {**body.fields}
    vendors = _vendors(fields)
    width, height = (scalars.integer(fields.pop(name, None), name, least=1) for name in ("width", "height"))
    if (width is None) != (height is None):
        lacking = "width" if width is None else "height"
        raise invalid(f"{lacking}: width and height go together.", lacking)
    if width is not None:
        _say(fields, "size", f"{width}x{height}", "width")
    _tail(fields, vendors)
    if fields.pop("response_format", None) not in (None, "", "url"):
        message = "response_format: a video comes as a link; must be url."
        raise GatewayError("unsupported_parameter", message, param="response_format")
    request, media = parse_create(Body(fields, files=body.files), models)
    if not vendors:
        return request, media
    native = request.native or Native("openai", {})
    rest = Body({"metadata": vendors}).unknown(_NOTHING)
    return replace(request, native=replace(native, fields={**native.fields, **rest})), media


def _vendors(fields: dict[str, Any]) -> dict[str, Any]:
    """What stands within `metadata` and is known nowhere; what is known is put outside. Raises GatewayError."""
    said = fields.pop("metadata", None) or {}
    if not isinstance(said, dict):
        raise invalid("metadata: must be an object.", "metadata")
    for inner, outer in _VENDORS.items():
        value = said.pop(inner, None) if inner in said else None
        if value is not None and value != "":
            _say(fields, outer, value, f"metadata.{inner}")
    return said


def _say(fields: dict[str, Any], name: str, value: object, param: str) -> None:
    """Put `value` into the field `name`. Raises GatewayError where something else stands there."""
    there = fields.get(name)
    if there not in (None, "") and str(there) != str(value):
        raise invalid(f"{param} and {name} say different things; send one of them.", param)
    fields[name] = value


def _tail(fields: dict[str, Any], vendors: dict[str, Any]) -> None:
    """`image_tail` is the last frame, after `image`. Raises GatewayError."""
    last = vendors.pop("image_tail", None)
    if last is None or last == "":
        return
    first = fields.get("image")
    if not isinstance(first, str) or not first:
        raise invalid("metadata.image_tail: needs an image before it.", "metadata.image_tail")
    fields["image"] = [first, last]


def _finer(error: GatewayError) -> tuple[int, str] | None:
    """A task that is not there is an error of the request."""
    return (400, _UNKNOWN_TASK) if error.code == "not_found" and error.param == "id" else None


ERRORS: Final = Errors(
    envelope=lambda told: NewApiError(
        str(told.code), told.message, None, NewApiErrorBody(told.message, str(told.code), told.param)
    ),
    shape=NewApiError,
    codes=_CODES,
    finer=_finer,
    fields=FIELDS,
)


def _rows(root: str) -> tuple[Create, Read]:
    best = root == _ROOTS[1]
    return (
        Create(
            root,
            "Create a video, in gpt-best's form" if best else "Create a video, in new-api's form",
            answer=GeneratedVideo,
            body=Generation,
            example={"model": "sora-2", "prompt": PROMPT, "duration": 4},
            parse=lambda call, body: parse_generation(body, call.edge.catalogue),
            hook=hook_of,
            repeatable=REPEATABLE,
            show=lambda call, view: answer(view, generated(view, call.edge)),
        ),
        Read(
            f"{root}/{{id}}",
            "Read a video, in gpt-best's form" if best else "Read a video, in new-api's form",
            answer=TaskAnswer,
            find=OFFICIAL.find,
            show=lambda call, view: answer(view, task_answer(view, call.edge, best=best)),
        ),
    )


NEW_API: Final = Dialect(
    name="newapi",
    title="new-api",
    about="Videos as new-api has them, and gpt-best.",
    claimed=tuple(Claim(root) for root in _ROOTS),
    rows=tuple(row for root in _ROOTS for row in _rows(root)),
    id_form=VIDEO,
    errors=ERRORS,
    announce=each_status(task_answer),
)

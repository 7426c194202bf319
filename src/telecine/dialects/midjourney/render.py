"""From tasks and errors to the protocol's objects."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from telecine.dialects.base import Edge
from telecine.dialects.call import Call
from telecine.dialects.errors import Errors, Told
from telecine.dialects.fields import Fields
from telecine.dialects.midjourney.buttons import buttons_of
from telecine.dialects.midjourney.create import DIALECT, STATE
from telecine.dialects.midjourney.image import image_link, picture_of
from telecine.nouns.errors import ErrorCode
from telecine.nouns.ids import UUID
from telecine.nouns.request import GenerationRequest
from telecine.nouns.task import Output, Status
from telecine.nouns.task import Task as OurTask
from telecine.tasks.view import View, results
from telecine.wires import midjourney as wire

_WORDS: Final[dict[Status, str]] = {
    "draft": wire.WAITS,
    "queued": wire.SUBMITTED,
    "running": wire.IN_PROGRESS,
    "succeeded": wire.SUCCESS,
    "failed": wire.FAILURE,
    "cancelled": wire.FAILURE,  # most clients know no other end
}
# By our taxonomy: HTTP status and code. A full queue and a banned word are told with 200, as all servers
# do; what is wrong with a request with 400, as new-api does (the first server says 200, which looks like success).
_CODES: Final[dict[ErrorCode, tuple[int, int]]] = {
    "invalid_request": (400, wire.INVALID),
    "unsupported_parameter": (400, wire.INVALID),
    "too_large": (413, wire.INVALID),
    "conflict": (409, wire.INVALID),
    "authentication": (401, wire.INVALID),
    "permission": (403, wire.INVALID),
    "insufficient_balance": (402, wire.INVALID),
    "not_found": (404, wire.NOT_FOUND),
    "rate_limited": (429, wire.BUSY),
    "capacity": (200, wire.QUEUE_FULL),
    "content_policy": (200, wire.BANNED),
    "upstream_refused": (400, wire.FAILED),
    "upstream_failed": (502, wire.FAILED),
    "submission_unknown": (502, wire.FAILED),
    "expired": (504, wire.FAILED),
    "cancelled": (409, wire.FAILED),
    "unavailable": (503, wire.FAILED),
    "internal": (500, wire.FAILED),
}
FIELDS: Final = Fields(
    {
        "source": "taskId",
        "aspect_ratio": "--ar",
        "negative_prompt": "--no",
        "seed": "--seed",
        "parameters.bot": "botType",
        "parameters.speed": "mode",
        "parameters.custom_id": "customId",
        "parameters.motion": "motion",
        "parameters.loop": "loop",
        "resolution": "videoType",
        "inputs.mask": "maskBase64",
        "callback_url": "notifyHook",
    },
    media="base64Array",
)


class Refused(msgspec.Struct, frozen=True):
    """An error: the protocol's four fields, and what clients read beside them where the status is no 200 (new-api's
    `type`, and `error.message`)."""

    code: int
    description: str
    type: str
    error: dict[str, Any]
    result: str | None = None
    properties: dict[str, Any] = {}


def submitted(code: int, view: View, description: str, **properties: Any) -> wire.Submitted:
    """The answer that names the task of `view`."""
    return wire.Submitted(code, description, str(view.task.id), properties)


async def accepted(call: Call, view: View) -> wire.Submitted:
    """That a task was taken; where it stands in line, how many are before it."""
    place = (await call.edge.tasks.places([view])).get(view.task.id)
    if place is None:
        return wire.Submitted(result=str(view.task.id))
    before = place.position - 1
    return submitted(wire.IN_QUEUE, view, f"排队中,前面还有{before}个任务", numberOfQueues=before)


def cancelled(view: View) -> wire.Submitted:
    """What came of a wish to cancel."""
    name = str(view.task.id)
    if view.cancellation is None:
        return wire.Submitted(wire.FAILED, "The task has ended already.", name)
    if view.cancellation == "marked":
        return wire.Submitted(wire.FAILED, "The task cannot be stopped any more; it runs on.", name)
    return wire.Submitted(description="成功", result=name)


def seed(view: View) -> wire.Submitted:
    """The number that a task was drawn from, where anybody knows it."""
    found = seed_of(view.task)
    if found is None:
        return wire.Submitted(wire.FAILED, "Nobody has said which seed this task has.")
    return wire.Submitted(description="成功", result=found)


def task_object(view: View, edge: Edge) -> wire.Task:
    """The whole task."""
    task, request = view.task, view.task.request
    said = _said(task)
    shown, pictures = picture_of(view), _links(results(view, "image"), edge)
    clips = _links(results(view, "video"), edge)
    text, done = _text(view), task.status == "succeeded"
    failed = _WORDS[task.status] == wire.FAILURE
    return wire.Task(
        id=str(task.id),
        action=action_of(request, task.form),
        status=_WORDS[task.status],
        prompt=text if text is not None and task.operation == "describe" else words(request),
        prompt_en=said.prompt_en or words(request),
        description=said.description or _described(request),
        state=(request.metadata or {}).get(STATE, ""),
        submit_time=_ms(task.created_at),
        start_time=_ms(task.started_at),
        finish_time=_ms(task.ended_at),
        progress="" if failed else f"{100 if done else task.progress}%",
        image_url=image_link(view, edge),
        fail_reason=_reason(task) if failed else None,
        properties=_properties(view, said),
        buttons=buttons_of(view),
        bot_type=_bot(request),
        mode=(speed_of(request) or "").upper() or None,
        image_width=said.image_width or (shown.width if shown is not None else None),
        image_height=said.image_height or (shown.height if shown is not None else None),
        image_urls=pictures if len(pictures) > 1 else None,
        thumbnail_url=edge.media.link(shown, "poster") if shown is not None else None,
        video_url=clips[0].url if clips else None,
        video_urls=clips or None,
        parent_id=str(task.source_task) if task.source_task is not None else None,
        seed=seed_of(task),
        job_id=said.job_id,
    )


def status_word(view: View) -> str:
    """Its status in the protocol's word."""
    return _WORDS[view.task.status]


def words(request: GenerationRequest) -> str:
    """The prompt as its client wrote it: here with its parameters, elsewhere without."""
    native = request.native
    if native is not None and native.dialect == DIALECT and "prompt" in native.own:
        return native.own["prompt"][1]
    return request.prompt


def action_of(request: GenerationRequest, form: str | None = None) -> str:
    """The protocol's word for what a task is; what its button said goes first (`form`), whatever was done instead."""
    dialect, _, does = (form or "").partition(":")
    if dialect == DIALECT and does in wire.ACTIONS:
        return wire.ACTIONS[does]
    changed = request.operation == "image_to_image" and any(request.with_role("image", "mask"))
    return wire.EDIT if changed else wire.ACTIONS.get(request.operation, "IMAGINE")


def speed_of(request: GenerationRequest) -> str | None:
    """How soon it is wanted."""
    found: str | None = getattr(request.parameters, "speed", None)
    return found


def seed_of(task: OurTask) -> str | None:
    """What its upstream says that it was drawn from, or what its client asked for."""
    seed = _said(task).seed
    if seed is None and task.request.seed is not None:
        return str(task.request.seed)
    return seed


def _said(task: OurTask) -> wire.Said:
    """What a Midjourney upstream said of it; nothing where none did."""
    return (task.facts.read(DIALECT, wire.Said) if task.facts is not None else None) or wire.Said()


def _described(request: GenerationRequest) -> str:
    """As the first server writes it: `/imagine a cat`."""
    return f"/{action_of(request).lower()} {words(request)}".rstrip()


def _text(view: View) -> str | None:
    """What was written, where that was asked for."""
    if view.task.status != "succeeded":
        return None
    return next((one.text for one in results(view, "text") if one.text is not None), None)


def _properties(view: View, said: wire.Said) -> dict[str, Any]:
    """What its upstream said goes first: clients make buttons of its hash."""
    task, request = view.task, view.task.request
    ours = {"notifyHook": request.callback_url, "botType": _bot(request), "messageHash": UUID.write(task.id)}
    text = _text(view)
    if text is not None:
        return ours | said.properties | {"finalPrompt": text}
    return ours | ({"finalPrompt": words(request)} if task.status == "succeeded" else {}) | said.properties


def _bot(request: GenerationRequest) -> str:
    niji = request.model == wire.NIJI or getattr(request.parameters, "bot", None) == wire.NIJI
    return wire.NIJI_BOT if niji else wire.MIDJOURNEY_BOT


def _links(outputs: list[Output], edge: Edge) -> list[wire.Link]:
    found = ((edge.media.link(one), edge.media.link(one, "poster")) for one in outputs)
    return [wire.Link(url, thumbnail) for url, thumbnail in found if url is not None]


def _reason(task: OurTask) -> str:
    return FIELDS.error(task.error) if task.error is not None else "The task was cancelled."


def _ms(seconds: float | None) -> int:
    return int(seconds * 1000) if seconds is not None else 0


def _envelope(told: Told) -> Refused:
    code = told.code if isinstance(told.code, int) else wire.FAILED
    error = {"message": told.message, "type": told.error.code, "param": told.param, "code": str(code)}
    return Refused(code, told.message, told.error.code, error)


ERRORS: Final = Errors(envelope=_envelope, shape=Refused, codes=_CODES, fields=FIELDS)

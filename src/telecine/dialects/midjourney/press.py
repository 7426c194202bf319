"""From the bodies that do something with a task to a GenerationRequest: change, simple-change, action and modal.

What can be done is said by a button's `customId`; the first server's three actions mean the same as three of those.
At a Midjourney upstream its own button is pressed. Elsewhere an operation is asked for that follows up the task, and
that may come to another one (`telecine.tasks.instead`).
"""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from telecine.dialects import scalars
from telecine.dialects.base import idempotency_of
from telecine.dialects.bodies import Body, typed
from telecine.dialects.call import Call
from telecine.dialects.inline import Source
from telecine.dialects.midjourney.buttons import is_ours, lines, upstream_buttons
from telecine.dialects.midjourney.create import DIALECT, Asked, asked, check_words, parse_imagine, picture, read_body
from telecine.dialects.rows import Parsed, by_name
from telecine.nouns.errors import GatewayError, invalid
from telecine.nouns.operations import makes_of
from telecine.nouns.parameters import ChangeParameters, VideoParameters
from telecine.nouns.request import GenerationRequest, Native, Reference
from telecine.tasks.view import Filter, View
from telecine.wires.midjourney import CLIPS, GRID
from telecine.wires.midjourney.bodies import Action, Change, Common, Modal, SimpleChange
from telecine.wires.midjourney.buttons import Press, read
from telecine.wires.midjourney.prompt import read as read_prompt

_SIMPLE: Final = re.compile(r"([UV])([1-4])|(R)", re.IGNORECASE)
"""The second word of a simple change."""
_WORDS: Final = {"U": "UPSCALE", "V": "VARIATION", "R": "REROLL"}
_CHANGES: Final = {"UPSCALE": "upscale", "VARIATION": "vary", "REROLL": "reroll"}
_REMIXED: Final = frozenset({"vary", "reroll", "zoom", "pan"})
"""What takes a new prompt, where remixing is on (Plus, trueai)."""
_OPERATIONS: Final = {"animate": "image_to_video", "imagine": "text_to_image"}
_ZOOMS: Final = (1.0, 2.0)
"""What `--zoom` of a window may say (docs.midjourney.com, "Zoom Out")."""


class Answered(Exception):  # noqa: N818  it is no error
    """The request is answered with a task that is there: the very same upscale, or a new description of its picture."""

    def __init__(self, view: View, *, existing: bool) -> None:
        super().__init__()
        self.view = view
        self.existing = existing


async def parse_change(call: Call, body: Body) -> Parsed:
    """One of the first server's actions. Raises GatewayError naming the field, and Answered."""
    wire, unknown = read_body(body, Change)
    return await _changed(call, wire, unknown, wire.action, scalars.integer(wire.index, "index", least=1, most=GRID))


async def parse_simple_change(call: Call, body: Body) -> Parsed:
    """The same in one line. Raises GatewayError naming the field, and Answered."""
    wire, unknown = read_body(body, SimpleChange)
    task_id, found = _simple(wire.content or "")
    if found is None:
        raise invalid("content: must be a task's id and U1 to U4, V1 to V4 or R.", "content")
    letter, number, again = found.groups()
    told = Change(**{name: getattr(wire, name) for name in Common.__struct_fields__}, task_id=task_id)
    action = _WORDS[(letter or again).upper()]
    return await _changed(call, told, unknown, action, int(number) if number else None)


def _simple(content: str) -> tuple[str, re.Match[str] | None]:
    """The task's id, and what is to be done with it; None where that is nothing."""
    words = content.split()
    return (words[0], _SIMPLE.fullmatch(words[1])) if len(words) == 2 else ("", None)


async def _changed(
    call: Call, wire: Change, unknown: dict[str, msgspec.Raw], action: str | None, index: int | None
) -> Parsed:
    does: Any = _CHANGES.get((action or "").upper())
    if does is None:
        raise invalid(f"action: must be one of: {', '.join(_CHANGES)}.", "action")
    if does != "reroll" and index is None:
        raise invalid("index: is required; 1 to 4.", "index")
    source = await followed(call, wire.task_id)
    press = Press(does=does, index=None if does == "reroll" else index)
    return await pressed(call, wire, unknown, source, press)


async def parse_action(call: Call, body: Body) -> Parsed:
    """A button pressed. Raises GatewayError naming the field, and Answered."""
    wire, unknown = read_body(body, Action)
    custom_id = wire.custom_id
    if not custom_id:
        raise invalid("customId: is required; the task's buttons have it.", "customId")
    source = await followed(call, wire.task_id)
    theirs = {one.custom_id for one in upstream_buttons(source)}
    if not (custom_id in theirs if theirs else is_ours(custom_id, source.task.id)):
        raise invalid("customId: is no button of this task.", "customId")
    return await pressed(call, wire, unknown, source, read(custom_id), custom_id=custom_id if theirs else None)


async def followed(call: Call, task_id: str | None) -> View:
    """The task that something is done with. Raises GatewayError, also where it is not done."""
    view = await _named(call, task_id)
    if view.task.status == "draft":
        raise GatewayError("conflict", "taskId: the task waits for its modal.", param="taskId", may_retry=False)
    if view.task.status != "succeeded":
        message = "taskId: the task has failed." if view.task.ended else "taskId: the task is not done yet."
        raise GatewayError("conflict", message, param="taskId", may_retry=False)
    return view


async def _named(call: Call, task_id: str | None) -> View:
    if not task_id:
        raise invalid("taskId: is required.", "taskId")
    try:
        return await by_name(call, task_id)
    except GatewayError as error:
        if error.code != "not_found":
            raise
        raise GatewayError(error.code, f"taskId: there is no task '{task_id[:64]}'.", param="taskId") from None


async def pressed(
    call: Call,
    wire: Common,
    unknown: dict[str, msgspec.Raw],
    source: View,
    press: Press | None,
    *,
    custom_id: str | None = None,
) -> Parsed:
    """What a press comes to; None where nobody here knows the button, but its upstream does. Raises GatewayError, and
    Answered."""
    does = press.does if press is not None else "action"
    if does == "describe":
        raise Answered(await _described(call, source), existing=False)
    told = _told(call, wire, unknown, source)
    if press is not None and does == "imagine" and custom_id is None:
        return _line(call, wire, source, press)
    if press is None or does == "imagine":
        given = ChangeParameters(custom_id=custom_id, speed=told.speed, bot=told.bot)
        count = GRID if does == "imagine" else 1
        return _asking(told, source, "midjourney:action", count=count, parameters=given), []
    if does in ("animate", "extend"):
        video = VideoParameters(motion=press.motion, speed=told.speed, index=press.index, custom_id=custom_id)
        return _asking(told, source, _OPERATIONS.get(does, does), count=CLIPS, parameters=video), []
    if does == "upscale" and press.style is None and press.factor is None:
        await _check_new(call, source, press)
    count = 1 if does == "upscale" else GRID
    given = ChangeParameters(
        index=press.index,
        style=press.style,
        factor=press.factor,
        strength=press.strength,
        direction=press.direction,
        custom_id=custom_id,
        speed=told.speed,
        bot=told.bot,
        grid=True if count > 1 else None,
    )
    return _asking(told, source, does, count=count, parameters=given), []


async def _described(call: Call, source: View) -> View:
    """Its picture described again: a task like its own, and one alone, however often this is sent."""
    said = idempotency_of(call.request)
    return await call.edge.tasks.retry(call.principal, source.task.id, idempotency=said)


def _told(call: Call, wire: Common, unknown: dict[str, msgspec.Raw], source: View) -> Asked:
    """What the body says beside what is done; its model is its source's, where it names none."""
    told = asked(call, wire, unknown)
    if not wire.model:
        told.model = source.task.model
        told.bot = getattr(source.task.request.parameters, "bot", None)
    return told


def _asking(told: Asked, source: View, operation: str, **more: Any) -> GenerationRequest:
    """The request; where it is no upstream's own, with the words of its source."""
    before, native = source.task.request, told.native
    prompt = "" if _at_midjourney(source) else before.prompt
    own = before.native.own if prompt and before.native is not None and before.native.dialect == DIALECT else {}
    if own:
        native = replace(native or Native(DIALECT, {}), own=own)
    return GenerationRequest(
        operation=operation,
        model=told.model,
        prompt=prompt,
        source=Reference(task=source.task.id),
        native=native,
        **told.common,
        **more,
    )


def _at_midjourney(view: View) -> bool:
    return view.task.facts is not None and view.task.facts.vendor == DIALECT


def _line(call: Call, wire: Common, source: View, press: Press) -> Parsed:
    """A grid of what a line of a description says."""
    found = lines(source) if makes_of(source.task.request) == "text" else []
    if press.index is None or press.index > len(found):
        raise invalid("customId: the task has no such line.", "customId")
    same = {
        "notifyHook": wire.notify_hook,
        "state": wire.state,
        "mode": wire.mode,
        "accountFilter": wire.account_filter,
    }
    model = wire.model or source.task.model
    return parse_imagine(call, Body({"prompt": found[press.index - 1], "model": model, **same}))


async def _check_new(call: Call, source: View, press: Press) -> None:
    """Raise Answered where that picture is a task of its own already, as the first server does."""
    wanted = Filter(limit=GRID * 4, source=source.task.id, operations=("upscale",))
    page = await call.edge.tasks.list(call.principal, wanted)
    for view in page.views:
        given = view.task.request.parameters
        if view.task.status in ("failed", "cancelled", "draft") or not isinstance(given, ChangeParameters):
            continue
        if given.index == press.index and given.style is None and given.factor is None:
            raise Answered(view, existing=True)


def waits(body: Body) -> bool:
    """Whether a button opens a window, which a modal answers, before anything is done."""
    custom_id, wanted = body.fields.get("customId"), body.fields.get("accountFilter")
    press = read(custom_id) if isinstance(custom_id, str) else None
    if press is None or press.asks:
        return press is not None
    remix = body.fields.get("enableRemix")
    if isinstance(wanted, dict) and not wanted.get("remixAutoConsidered"):
        remix = remix or wanted.get("remix")
    return remix is True and press.does in _REMIXED


def form_of(body: Body) -> str | None:
    """What the task that is made is known by: what its button does."""
    custom_id, action = body.fields.get("customId"), body.fields.get("action")
    if isinstance(custom_id, str):
        press = read(custom_id)
        return f"{DIALECT}:{_OPERATIONS.get(press.does, press.does)}" if press is not None else None
    if not isinstance(action, str):
        _, found = _simple(str(body.fields.get("content")))
        action = _WORDS[(found[1] or found[3]).upper()] if found is not None else ""
    does = _CHANGES.get(action.upper())
    return f"{DIALECT}:{does}" if does is not None else None


def draft_id(_: Call, body: Body) -> str | None:
    """The task that a modal names."""
    return typed(body.fields, Modal).task_id


async def parse_modal(call: Call, body: Body) -> Parsed:
    """What a window asked for: the whole request of the task that waits. Raises GatewayError naming the field."""
    wire, unknown = read_body(body, Modal)
    view = await _named(call, wire.task_id)
    if view.task.status != "draft":
        raise GatewayError("conflict", "taskId: the task waits for no modal.", param="taskId", may_retry=False)
    return windowed(call, wire, unknown, view.task.request)


def windowed(call: Call, wire: Modal, unknown: dict[str, msgspec.Raw], before: GenerationRequest) -> Parsed:
    """What was asked for `before`, with what a window says of it. Raises GatewayError naming the field."""
    sources: list[Source] = []
    if before.operation == "inpaint":
        if wire.mask_base64 is None:
            raise invalid("maskBase64: is required; it is light where the picture is drawn anew.", "maskBase64")
        sources = [picture(wire.mask_base64, "maskBase64", "mask")]
    elif wire.mask_base64 is not None:
        raise invalid("maskBase64: only a region has one.", "maskBase64")
    request = _completed(call, wire, unknown, before)
    return (_zoomed(request, wire.prompt) if before.operation == "zoom" else request), sources


def _completed(
    call: Call, wire: Modal, unknown: dict[str, msgspec.Raw], before: GenerationRequest
) -> GenerationRequest:
    """`before` with what a modal says."""
    prompt = wire.prompt or ""
    check_words(call, prompt)
    said = read_prompt(prompt)
    flags = [(name, value) for name, value in said.flags if name != "zoom"]  # which is a parameter of its own
    spoken = " ".join([said.text, *(f"--{name} {value}".rstrip() for name, value in flags)]).strip()
    told = asked(call, wire, unknown, spoken)
    more: dict[str, Any] = {name: value for name, value in told.common.items() if value is not None}
    if wire.model or wire.bot_type:
        more["model"] = told.model
    if told.speed or told.bot:
        given = before.parameters
        more["parameters"] = replace(given, speed=told.speed, bot=told.bot) if given is not None else None
    if wire.prompt is not None:
        more |= {
            "prompt": said.text,
            "negative_prompt": ", ".join(value for name, value in flags if name == "no" and value) or None,
            "aspect_ratio": scalars.aspect_ratio(said.value("ar"), "prompt"),
            "seed": scalars.seed(said.value("seed"), "prompt"),
        }
    if wire.prompt is not None or unknown:
        more["native"] = told.native
    return replace(before, **more)


def _zoomed(request: GenerationRequest, prompt: str | None) -> GenerationRequest:
    """With how far its window steps back."""
    given = request.parameters
    if not isinstance(given, ChangeParameters) or given.factor is not None:
        return request
    said = read_prompt(prompt or "").value("zoom") or ""
    factor = float(said) if scalars.is_number(said) else 0.0
    least, most = _ZOOMS
    if not least <= factor <= most:
        raise invalid("prompt: needs --zoom with a number from 1 to 2.", "prompt")
    return replace(request, parameters=replace(given, factor=factor))

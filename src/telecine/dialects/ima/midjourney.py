"""Midjourney as IMA has it: the bodies of midjourney-proxy, one that does whatever can be done with a picture, and a
smaller task."""

from __future__ import annotations

from typing import Any, Final

from msgspec import UNSET
from msgspec.structs import replace
from starlette.responses import Response

from telecine.dialects import scalars
from telecine.dialects.base import Edge
from telecine.dialects.bodies import Body, present
from telecine.dialects.call import Call
from telecine.dialects.document import More, Query
from telecine.dialects.midjourney.buttons import buttons_of
from telecine.dialects.midjourney.create import DIALECT, check_words, parse_blend, parse_imagine, read_body
from telecine.dialects.midjourney.image import image, image_link
from telecine.dialects.midjourney.press import Answered, followed, parse_action, pressed, windowed
from telecine.dialects.midjourney.render import FIELDS, Refused, action_of, status_word
from telecine.dialects.rows import Create, Parsed, Plain, Read, Row
from telecine.nouns.errors import GatewayError, invalid
from telecine.tasks.view import View, results
from telecine.wires import midjourney as proxy
from telecine.wires.ima.midjourney import (
    ACTIONS,
    REMIX,
    YOUCHUAN_HEADER,
    MjBlend,
    MjChange,
    MjSubmitResponse,
    MjTaskFetchResponse,
)
from telecine.wires.midjourney.bodies import Imagine, Modal
from telecine.wires.midjourney.buttons import read as read_button

_PROMPT: Final = "A paper boat in a flooded library --niji 7 --ar 9:16"
_PICTURE: Final = "https://example.com/boat.png"
_WORDED: Final = frozenset({"vary", "reroll", "zoom", "pan", "inpaint"})
"""Operations that a prompt may change."""
_OPERATIONS: Final = {"animate": "image_to_video", "imagine": "text_to_image"}
"""Where what a button does has another name than its operation."""
_OWN: Final = ("action", "index", "prompt", "maskBase64")
"""Fields of a change that no press of a button has."""


def accepted(_: Call, view: View) -> MjSubmitResponse:
    """That a task was taken."""
    return _submitted(proxy.DONE, "提交成功", view)


def _submitted(code: int, description: str, view: View) -> MjSubmitResponse:
    return MjSubmitResponse(code=code, description=description, result=str(view.task.id))


def mj_task(view: View, edge: Edge) -> MjTaskFetchResponse:
    """The task."""
    task, word = view.task, status_word(view)
    failed, done = word == proxy.FAILURE, task.status == "succeeded"
    reason = FIELDS.error(task.error) if task.error is not None else "The task was cancelled."
    return MjTaskFetchResponse(
        mj_id=str(task.id),
        status=word,
        progress="" if failed else f"{100 if done else task.progress}%",
        image_url=image_link(view, edge) or UNSET,
        urls=[url for one in results(view, "image") if (url := edge.media.link(one))] if done else [],
        action=action_of(task.request, task.form),
        fail_reason=reason if failed else UNSET,
        buttons=buttons_of(view),
    )


def is_mj(view: View) -> bool:
    """Whether the task was asked for here, and its own URL is to be sent what a query answers here."""
    return (view.task.form or "").startswith(f"{DIALECT}:")


def parse_imagining(call: Call, body: Body) -> Parsed:
    """A grid. Raises GatewayError naming the field."""
    if call.request.headers.get(YOUCHUAN_HEADER):
        message = f"{YOUCHUAN_HEADER}: is for an upstream of IMA's alone, and is not passed on; leave it out."
        raise GatewayError("unsupported_parameter", message, param=YOUCHUAN_HEADER)
    return parse_imagine(call, body)


def parse_blending(call: Call, body: Body) -> Parsed:
    """Pictures made one, as a prompt says. Raises GatewayError naming the field."""
    wire, _ = read_body(body, MjBlend)
    check_words(call, wire.prompt or "")
    fields = {name: value for name, value in body.fields.items() if name != "prompt"}
    request, media = parse_blend(call, Body(fields))
    return replace(request, prompt=wire.prompt or ""), media


async def parse_changing(call: Call, body: Body) -> Parsed:
    """Something done with a picture of a task: what `action` says, or a button. Raises GatewayError naming the field,
    and Answered."""
    wire, unknown = read_body(body, MjChange)
    press = ACTIONS.get((wire.action or "").upper())
    if press is None and (wire.action or not wire.custom_id):
        raise invalid(f"action: must be one of: {', '.join(ACTIONS)}.", "action")
    index = scalars.integer(wire.index, "index", least=1, most=proxy.GRID)
    if wire.action is not None and wire.action.upper() == REMIX and not (wire.prompt or "").strip():
        raise invalid("prompt: is required for REMIX.", "prompt")
    if wire.custom_id:
        button = read_button(wire.custom_id)
        if press is not None and button is not None and button.does != press.does:
            raise invalid("customId: its button does something else than action says.", "customId")
        asks = button is not None and button.asks
        request, media = await parse_action(call, Body({k: v for k, v in body.fields.items() if k not in _OWN}))
    else:
        press = _meant(wire, index)
        asks = press.asks
        request, media = await pressed(call, wire, unknown, await followed(call, wire.task_id), press)
    if wire.prompt is None and wire.mask_base64 is None and not asks:
        return request, media
    if request.operation not in _WORDED:
        given = "prompt" if wire.prompt is not None else "maskBase64"
        raise GatewayError("unsupported_parameter", f"{given}: this takes none.", param=given)
    request, more = windowed(call, Modal(prompt=wire.prompt, mask_base64=wire.mask_base64), {}, request)
    return request, [*media, *more]


def _meant(wire: MjChange, index: int | None) -> Any:
    """What `action` and `index` say. Raises GatewayError."""
    press = ACTIONS[(wire.action or "").upper()]
    if press.does == "pan":
        raise invalid("customId: is required for PAN; the task's buttons have one for each direction.", "customId")
    if press.does == "reroll":
        return press
    if index is None:
        raise invalid("index: is required unless the action is REROLL; 1 to 4.", "index")
    return replace(press, index=index)


def _form(body: Body) -> str:
    """What a changed task is known by: what is done."""
    said = present(body.fields)
    custom_id, action = said.get("customId"), said.get("action")
    press = read_button(custom_id) if isinstance(custom_id, str) else ACTIONS.get(str(action).upper())
    does = press.does if press is not None else "action"
    return f"{DIALECT}:{_OPERATIONS.get(does, does)}"


class _Change(Create, frozen=True, kw_only=True):
    """The very same upscale is not made twice: its task is the answer."""

    async def serve(self, call: Call) -> Response:
        try:
            return await super().serve(call)
        except Answered as found:
            if not found.existing:
                return await self.answered(accepted(call, found.view))
            return await self.answered(_submitted(proxy.EXISTING, "任务已存在", found.view))


def _submit(path: str, what: str, *, kind: type[Create] = Create, **said: Any) -> Create:
    return kind(
        f"{proxy.PREFIX}{path}",
        what,
        answer=MjSubmitResponse,
        error=Refused,
        hook="notifyHook",
        show=accepted,
        **said,
    )


ROWS: Final[tuple[Row, ...]] = (
    _submit(
        proxy.IMAGINE,
        "Make a grid of four pictures",
        body=Imagine,
        example={"prompt": _PROMPT},
        parse=parse_imagining,
        form=f"{DIALECT}:text_to_image",
    ),
    _submit(
        proxy.BLEND,
        "Make one of several pictures",
        body=MjBlend,
        example={"base64Array": [_PICTURE, _PICTURE]},
        parse=parse_blending,
        form=f"{DIALECT}:blend",
    ),
    _submit(
        proxy.CHANGE,
        "Do something with a picture of a task",
        kind=_Change,
        body=MjChange,
        example={"taskId": "1712204995849323", "action": "UPSCALE", "index": 2},
        parse=parse_changing,
        form=_form,
    ),
    Read(
        f"{proxy.PREFIX}{proxy.FETCH}",
        "Read a task",
        answer=MjTaskFetchResponse,
        error=Refused,
        show=lambda call, view: mj_task(view, call.edge),
    ),
)
IMAGE: Final = Plain(
    f"{proxy.PREFIX}{proxy.IMAGE}",
    "Read a task as one picture: its grid, or the first",
    kind="image/*",
    error=Refused,
    ticket=True,
    query=(Query("ticket", "What `imageUrl` has, in the place of a key."),),
    more=(More(302, "The picture is still at its upstream, or is a preview."),),
    handle=image,
)
"""Bare, it is the one that `imageUrl` names in any case."""

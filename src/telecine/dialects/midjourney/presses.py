"""The rows of what is done with a task that is done."""

from __future__ import annotations

from typing import Any, Final

from starlette.responses import Response

from telecine.dialects.call import Call
from telecine.dialects.fields import renamed
from telecine.dialects.midjourney.image import image_link
from telecine.dialects.midjourney.press import (
    Answered,
    draft_id,
    form_of,
    parse_action,
    parse_change,
    parse_modal,
    parse_simple_change,
    waits,
)
from telecine.dialects.midjourney.render import accepted, status_word, submitted, words
from telecine.dialects.rows import Complete, Create, Row
from telecine.dialects.waiting import answered
from telecine.nouns.errors import GatewayError, invalid
from telecine.nouns.ids import parse_task_id
from telecine.tasks.view import View
from telecine.wires import midjourney as wire
from telecine.wires.midjourney import bodies

_ID: Final = "1712204995849323"
_BUTTON: Final = "MJ::JOB::upsample::2::03bd2f0c-1a2b-8c3d-8400-000000000000"


class Press(Create, frozen=True, kw_only=True):
    """Something is done with a task. The very same upscale is not made twice: its task is the answer."""

    async def serve(self, call: Call) -> Response:
        try:
            return await super().serve(call)
        except Answered as found:
            view = found.view
            if not found.existing:
                return await self.answered(accepted(call, view))
            told = {"status": status_word(view), "imageUrl": image_link(view, call.edge)}
            return await self.answered(submitted(wire.EXISTING, view, "任务已存在", **told))


class Confirm(Complete, frozen=True, kw_only=True):
    """A task that waits is given what it waits for; its body names it."""

    async def serve(self, call: Call) -> Response:
        try:
            wanted = await self._wanted(call)
            task_id = parse_task_id(wanted.call.manner or "")
            if task_id is None:
                raise invalid("taskId: is required.", "taskId")
            view = await call.edge.tasks.complete(call.principal, task_id, wanted.request)
        except GatewayError as error:
            raise renamed(error, {"id": "taskId"}) from None
        call, wait = wanted.call, wanted.wait
        return await answered(call, view, wait, lambda after: self.answered(self.show(call, after)))


async def _shown(call: Call, view: View) -> wire.Submitted:
    """A task that was taken, or that opens a window first."""
    if view.task.status != "draft":
        return await accepted(call, view)
    final = words(view.task.request)
    return submitted(wire.EXISTING, view, "Waiting for window confirm", remix=True, finalPrompt=final)


def _press(path: str, what: str, parse: Any, body: type, **example: Any) -> Press:
    return Press(
        path,
        what,
        answer=wire.Submitted,
        body=body,
        example=example,
        parse=parse,
        hook="notifyHook",
        form=form_of,
        draft=waits,
        show=_shown,
    )


ROWS: Final[tuple[Row, ...]] = (
    _press(
        wire.CHANGE,
        "Take one picture of a grid, vary one, or make all anew",
        parse_change,
        bodies.Change,
        taskId=_ID,
        action="UPSCALE",
        index=2,
    ),
    _press(wire.SIMPLE_CHANGE, "The same in one line", parse_simple_change, bodies.SimpleChange, content=f"{_ID} U2"),
    _press(wire.ACTION, "Press a button of a task", parse_action, bodies.Action, taskId=_ID, customId=_BUTTON),
    Confirm(
        wire.MODAL,
        "Say what a button asked for",
        answer=wire.Submitted,
        body=bodies.Modal,
        example={"taskId": _ID, "prompt": "A paper boat --zoom 1.5"},
        parse=parse_modal,
        manner=draft_id,
        hook="notifyHook",
        show=_shown,
    ),
)

"""The picture that shows the pictures of a grid together: drawn here once they are kept, as a companion of the first,
unless their upstream has made one."""

from __future__ import annotations

import structlog

from telecine.net.client import FetchError
from telecine.nouns.task import GRID, Output
from telecine.tasks.context import Context
from telecine.tasks.reads import Work

_log = structlog.get_logger(__name__)


def pictures(outputs: tuple[Output, ...]) -> list[Output]:
    """What a grid shows, in the order of its numbers."""
    return [one for one in outputs if one.main and one.kind == "image"]


async def grid_of(context: Context, work: Work) -> tuple[Output, ...]:
    """The new output, stored; nothing where none was asked for, is there already, or can be drawn (yet): no task fails
    for want of it."""
    shown = pictures(work.outputs)
    if not getattr(work.task.request.parameters, "grid", None) or len(shown) < 2:
        return ()
    keys = [one.object_key for one in shown if one.object_key is not None]
    if len(keys) < len(shown) or any(one.part == GRID for one in work.outputs):
        return ()
    index = max(one.index for one in work.outputs) + 1
    output = Output(task_id=work.task.id, index=index, part=GRID, kind="image")
    try:
        return (await context.library.grid(keys, output, work.task.account_id),)
    except (FetchError, OSError):
        _log.exception("grid_not_drawn", task=work.task.id)
        return ()

"""Waiting for a task: for its first step, for its end, for what a wish to cancel comes to."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from telecine.nouns.task import Task
from telecine.tasks.context import Context
from telecine.tasks.reads import Seen
from telecine.tasks.schedule import Schedule
from telecine.tasks.view import Cancellation

_LOOK_AGAIN: Final = 1.0
"""Seconds between two looks for whoever waits: steps of other processes wake nobody here."""
_LOOK_ALONE: Final = 10.0
"""The same where there is no other process."""


async def until(context: Context, task_id: int, reached: Callable[[Task], bool], seconds: float) -> None:
    """Wait until a step makes `reached` true of the task, until `seconds` are over, or this process is to end.

    Whoever waits costs a little memory and no more: the looks of all go together, and a task is read only where it has
    changed.
    """
    end = context.clock.elapsed() + seconds
    pause = _LOOK_ALONE if context.database.sqlite else _LOOK_AGAIN
    seen: Seen | None = None
    with context.watch.watching(task_id) as changed:
        while True:
            changed.clear()
            now = await context.reads.seen(task_id)
            if now is None or (now != seen and await _is(context, task_id, reached)):
                return
            seen, left = now, end - context.clock.elapsed()
            if left <= 0 or context.closing:
                return
            await context.clock.wait(changed, min(left, pause))


async def _is(context: Context, task_id: int, reached: Callable[[Task], bool]) -> bool:
    found = await context.reads.task(task_id)
    return found is None or reached(found[0])


async def join(context: Context, schedule: Schedule, task_id: int) -> None:
    """Wait for the first step of a task that another request has made, as that one does."""
    found = await context.reads.task(task_id)
    if found is None or found[0].state not in ("queued", "submitting"):
        return
    patience = context.limits.first_step
    step = schedule.underway(task_id)
    if step is not None:
        await asyncio.wait([step], timeout=patience)
    else:
        await until(context, task_id, lambda task: task.state != "submitting", patience)


async def cancellation(context: Context, task: Task) -> Cancellation | None:
    """What a wish to cancel `task` has come to; None where it had ended otherwise."""
    if task.ended:
        return "cancelled" if task.state == "cancelled" else None
    work = await context.reads.work(task.id)
    found = context.router.of(work.attempt) if work is not None and work.attempt is not None else None
    traits = found[1].traits_of(task.operation, work.attempt.model) if found and work and work.attempt else None
    can = traits is not None and traits.cancel and not task.cancel_refused
    # What was never accepted has no job that could be named to the upstream.
    asked = can and task.state in ("running", "reconciling") and task.expires_at is not None
    return "requested_upstream" if asked else "marked"

"""How tasks end, and how attempts do."""

from __future__ import annotations

from typing import Literal

from msgspec.structs import replace

from telecine.accounts.ledger import Ref, Settlement
from telecine.nouns.errors import TaskError
from telecine.nouns.task import Attempt, AttemptState, Task
from telecine.tasks.context import Context
from telecine.tasks.idempotency import FORGIVEN, refused_at_once
from telecine.tasks.reads import Work
from telecine.tasks.writes import Change

_CANCELLED = TaskError("cancelled", "The task was cancelled.")


def closed(attempt: Attempt, state: AttemptState, now: float, error: TaskError | None = None) -> Attempt:
    """`attempt` at its end, its slot given back."""
    return replace(attempt, state=state, ended_at=now, error=error, slot_held=False, slot_until=None)


def slot_of(attempt: Attempt | None) -> str | None:
    """The pool in which `attempt` holds slots, to be given back."""
    return attempt.pool if attempt is not None and attempt.slot_held else None


def released(task: Task, now: float) -> tuple[Task, Settlement | None]:
    """`task` with its hold given back; nothing to do where it has a price of nothing."""
    return _settled(task, "release", 0, now)


def charged(task: Task, amount: int, now: float) -> tuple[Task, Settlement | None]:
    """`task` with its hold ended by a charge of `amount` micro-units."""
    return _settled(task, "charge", amount, now)


def _settled(task: Task, kind: Literal["charge", "release"], amount: int, now: float) -> tuple[Task, Settlement | None]:
    if not task.prices or task.charged is not None:
        return task, None
    settlement = Settlement(
        task.account_id, Ref.task(task.id), task.key_id, kind, task.held, amount, task.created_at, now
    )
    return replace(task, charged=amount), settlement


async def fail(
    context: Context,
    work: Work,
    error: TaskError,
    *,
    attempt_state: AttemptState = "ended",
    keep_slot_until: float | None = None,
) -> Task:
    """End the task as failed; as cancelled where its owner had asked for that.

    `keep_slot_until`: an upstream job may still be running, so its slot stays taken until then.
    """
    now = context.now()
    cancelled = work.task.cancel_requested_at is not None and error.code not in ("submission_unknown", "expired")
    shown = _CANCELLED if cancelled else error
    task = replace(work.task, state="cancelled" if cancelled else "failed", ended_at=now, error=shown)
    attempt, free = work.attempt, None
    if attempt is not None and attempt.ended_at is None:
        if keep_slot_until is None:
            free = slot_of(attempt)
            attempt = closed(attempt, attempt_state, now, error)
        else:
            attempt = replace(attempt, state=attempt_state, ended_at=now, error=error, slot_until=keep_slot_until)
    if error.code in FORGIVEN and refused_at_once(task, context.limits.first_step) is not None:
        task = replace(task, external_id=None)  # the client was answered with a refusal, and may send it again
    task, settlement = released(task, now)
    change = Change(task=task, attempt=attempt, free=free, outputs=work.outputs, settlement=settlement)
    change = context.moved(work.task, change, task.state, shown.message)
    await context.commit(change)
    return change.task


async def cancel(context: Context, work: Work) -> Task:
    """End a task that has no job upstream (any more) as cancelled."""
    return await fail(context, work, _CANCELLED)

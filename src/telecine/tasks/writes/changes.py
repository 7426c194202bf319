"""What a step changes of a task, and the statements that write it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, bindparam, insert, select, update

from telecine.accounts.ledger import Settlement, settle
from telecine.assets.writes import drop_uses
from telecine.nouns.task import Attempt, Handle, Output, Task
from telecine.store import tables
from telecine.store.locks import Locks
from telecine.store.prepared import Prepared
from telecine.tasks.rows import attempt_values, new_attempt_values, new_output_values, output_values, task_values
from telecine.tasks.writes.handles import forget_handles, keep_handles
from telecine.webhooks.delivery import Delivery, add_deliveries


class StaleError(Exception):
    """Somebody else has moved this task on, or the lease is lost: whatever was about to happen must not."""


class Event(msgspec.Struct, frozen=True):
    """One line of a task's timeline."""

    type: str
    at: float
    detail: str | None = None
    news: str | None = None
    """What clients are told of it (`task.running` …); None where it is none of theirs."""


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """What one step changes besides the schedule. `task` is the task afterwards, its version already raised."""

    task: Task
    event: Event | None = None
    new_attempt: Attempt | None = None
    attempt: Attempt | None = None
    new_outputs: tuple[Output, ...] = ()
    outputs: tuple[Output, ...] = ()
    deliveries: tuple[Delivery, ...] = ()
    free: str | None = None
    """The pool to which this step gives back the slots of its `attempt`."""
    settlement: Settlement | None = None
    """How the task's hold ends, where this step ends it."""
    handles: tuple[Handle, ...] = ()
    """The upstream's ids that this step has learnt."""
    forgets: bool = False
    """Nothing that the task has made can be referred to any more."""

    @property
    def locks(self) -> Locks:
        """The rows that it changes."""
        mine = frozenset({self.task.id})
        return Locks(
            tasks=mine,
            schedule=mine,
            pools=frozenset() if self.free is None else frozenset({self.free}),
            accounts=frozenset() if self.settlement is None else frozenset({self.settlement.account_id}),
        )


def held(connection: Connection, task_ids: Iterable[int]) -> dict[int, Any]:
    """The version, token, attempt, wish to cancel, lease owner, wake and line of tasks that are locked, by id. The last
    three are None too where nothing is left to do for the task."""
    rows = connection.execute(_HELD, {"b_ids": sorted(task_ids)})
    return {row["id"]: row for row in rows.mappings()}


def write_changes(connection: Connection, changes: Sequence[tuple[Change, int]]) -> None:
    if not changes:
        return
    ordered = sorted(changes, key=lambda item: item[0].task.id)
    _UPDATE_TASK.run(connection, [{"b_id": one.task.id, **task_values(one.task, token)} for one, token in ordered])
    ATTEMPTS.run(connection, [new_attempt_values(one.new_attempt) for one, _ in ordered if one.new_attempt])
    old = [{"b_id": one.attempt.id, **attempt_values(one.attempt)} for one, _ in ordered if one.attempt]
    _UPDATE_ATTEMPT.run(connection, old)
    _OUTPUTS.run(connection, [new_output_values(output) for one, _ in ordered for output in one.new_outputs])
    changed = [
        {"b_task_id": output.task_id, "b_index": output.index, **output_values(output)}
        for one, _ in ordered
        for output in one.outputs
    ]
    _UPDATE_OUTPUT.run(connection, changed)
    add_events(connection, [(one.task, one.event) for one, _ in ordered if one.event])
    keep_handles(connection, [handle for one, _ in ordered for handle in one.handles])
    if forgotten := [one.task.id for one, _ in ordered if one.forgets]:
        forget_handles(connection, forgotten)
        drop_uses(connection, forgotten)
    add_deliveries(connection, [delivery for one, _ in ordered for delivery in one.deliveries])
    settle(connection, [one.settlement for one, _ in ordered if one.settlement])


def add_events(connection: Connection, events: Sequence[tuple[Task, Event]]) -> None:
    """Write what has happened to tasks, which are as they are after it."""
    rows = [
        {
            "task_id": task.id,
            "sequence": task.version,
            "status": task.status,
            "progress": task.progress,
            **msgspec.structs.asdict(event),
        }
        for task, event in events
    ]
    _EVENTS.run(connection, rows)


_HELD = (
    select(
        tables.tasks.c.id,
        tables.tasks.c.version,
        tables.tasks.c.step_token,
        tables.tasks.c.attempt_id,
        tables.tasks.c.cancel_requested_at,
        tables.schedule.c.lease_owner,
        tables.schedule.c.woken,
        tables.schedule.c.pool.label("line"),
    )
    .outerjoin(tables.schedule, tables.schedule.c.task_id == tables.tasks.c.id)
    .where(tables.tasks.c.id.in_(bindparam("b_ids", expanding=True)))
)

ATTEMPTS = Prepared(insert(tables.attempts))
_OUTPUTS = Prepared(insert(tables.outputs))
_EVENTS = Prepared(insert(tables.events))

_UPDATE_TASK = Prepared(update(tables.tasks).where(tables.tasks.c.id == bindparam("b_id")))
_UPDATE_ATTEMPT = Prepared(update(tables.attempts).where(tables.attempts.c.id == bindparam("b_id")))
_UPDATE_OUTPUT = Prepared(
    update(tables.outputs).where(
        tables.outputs.c.task_id == bindparam("b_task_id"), tables.outputs.c.index == bindparam("b_index")
    )
)

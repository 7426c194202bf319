"""A schedule made anew of the tasks: what has something left to do says so itself (`buried_at`)."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Double, Text, case, false, func, literal, select

from telecine.nouns.task import State
from telecine.store import tables
from telecine.store.database import Database
from telecine.store.inserts import insert_for
from telecine.tasks.steps import kind_of
from telecine.tasks.writes.schedule import LEASE_SECONDS

_SPREAD: Final = 30
"""Seconds over which the first polls of what runs are spread: nobody knows when each of them was due."""
_LIVING: Final[tuple[State, ...]] = ("draft", "queued", "submitting", "running", "reconciling", "collecting")


async def rebuild(database: Database, now: float) -> int:
    """Give every task that has something left to do, and no row in the schedule, one again; how many. Called by a
    start, before anything else.

    A schedule loses rows when it is a table that a crash of the database empties, or by a hand that meant well. Tasks
    go on from what they say themselves: whoever waited for a slot or a quota looks for it anew, in the same order. What
    was being sent may still be in the hands of a process that lives, so it waits for as long as a lease lasts; where
    there can be no other process, it comes at once.
    """
    return await database.change(lambda connection: restore(connection, now))


def restore(connection: Connection, now: float, *which: ColumnElement[bool]) -> int:
    """The same in a transaction that is under way, and only for tasks that meet the conditions `which`."""
    row, task, dialect = tables.schedule, tables.tasks.c, connection.dialect.name
    sending = now if dialect == "sqlite" else now + LEASE_SECONDS
    due = case(
        (
            (task.state == "draft") & task.cancel_requested_at.is_(None),
            func.coalesce(task.deadline, literal(now, Double)),
        ),
        (task.state == "submitting", literal(sending, Double)),
        (task.state.in_(("running", "reconciling")), literal(now, Double) + task.id % _SPREAD),
        else_=literal(now, Double),
    )
    kind = case(*((task.state == state, literal(kind_of(state), Text)) for state in _LIVING), else_="collect")
    columns: dict[str, Any] = {
        "task_id": task.id,
        "account_id": task.account_id,
        "kind": kind,
        "due": due,
        "rank": -task.priority,
        "weight": literal(1),
        "woken": false(),
    }
    missing = ~select(row.c.task_id).where(row.c.task_id == task.id).exists()
    lost = select(*columns.values()).where(task.buried_at.is_(None), missing, *which).order_by(task.id)
    # Another start may do the same just now.
    made = connection.execute(insert_for(dialect, row).from_select(list(columns), lost).on_conflict_do_nothing())
    return made.rowcount

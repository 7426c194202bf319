"""After a clock that was ahead: what is due later than any step sets was set by it, and would wait for as long."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, and_, or_, select, update

from telecine.store import tables
from telecine.store.database import Database
from telecine.store.locks import in_order

FARTHEST: Final = 4500.0
"""Seconds: no step of a living task wishes to come again later than in an hour and a fifth; a start lets whoever stands
in a line look again anyhow."""


async def bring_back(database: Database, now: float, buried_after: float) -> int:
    """Make due at `now` what is due later than any step sets; how many tasks. Called by a start.

    `buried_after`: seconds for which the files of a deleted task stay, so that its last step may be due as late.
    Submits that seem to lie in the future count from now on, so that their jobs are looked up in time; so do the ends
    of attempts that keep a slot because their job may still run.
    """
    row, task, attempt = tables.schedule.c, tables.tasks.c, tables.attempts.c
    late = select(row.task_id).join(tables.tasks, task.id == row.task_id)
    late = late.where(row.due > now + FARTHEST, or_(task.deleted_at.is_(None), row.due > now + buried_after + FARTHEST))
    ahead = and_(attempt.ended_at.is_(None), attempt.submitted_at > now)

    def bring(connection: Connection) -> int:
        ids = list(connection.execute(late).scalars())
        for start in range(0, len(ids), 500):
            some = in_order(row.task_id, row.task_id.in_(ids[start : start + 500]), skip=True)
            connection.execute(update(tables.schedule).where(row.task_id.in_(some)).values(due=now))
        connection.execute(
            update(tables.attempts)
            .where(attempt.id.in_(select(task.attempt_id).where(task.ended_at.is_(None))), ahead)
            .values(submitted_at=now)
        )
        connection.execute(
            update(tables.attempts)
            .where(attempt.slot_held, attempt.slot_until > now, attempt.ended_at > now)
            .values(slot_until=attempt.slot_until - attempt.ended_at + now, ended_at=now)
        )
        return len(ids)

    return await database.change(bring)

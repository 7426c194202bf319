"""The transaction of one step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import msgspec
from sqlalchemy import delete
from sqlalchemy.ext.asyncio import AsyncConnection

from telecine.store import tables
from telecine.tasks.writes.changes import Change, StaleError, held, write_changes
from telecine.tasks.writes.pools import free_slots
from telecine.tasks.writes.schedule import reschedule

_SCHEDULE = tables.schedule


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One step of a leased task. Result: None. Raises StaleError.

    `due` is when the next step is wanted (seconds since the epoch); None with `keep_lease` False ends the schedule.
    """

    order: ClassVar[int] = 20
    change: Change
    owner: str
    now: float
    token: int
    due: float | None = None
    keep_lease: bool = False

    @property
    def key(self) -> int:
        return self.change.task.id

    @classmethod
    async def apply(
        cls, connection: AsyncConnection, writes: Sequence[Step], *, again: bool
    ) -> Sequence[Exception | None]:
        rows = await held(connection, [write.key for write in writes])
        outcomes: list[Exception | None] = []
        good: list[Step] = []
        for write in writes:
            task = write.change.task
            found = rows.get(task.id)
            if found and found["step_token"] == write.token:  # committed before: whoever asked was not told
                outcomes.append(None)
            elif not found or found["version"] != task.version - 1 or found["lease_owner"] != write.owner:
                outcomes.append(StaleError(f"task {task.id} has moved on"))
            else:
                outcomes.append(None)
                good.append(write)
        await write_changes(connection, [(write.change, write.token) for write in good])
        await reschedule(
            connection,
            [
                {"b_task_id": write.change.task.id, "b_due": write.due, "b_now": write.now}
                for write in good
                if not write.keep_lease and write.due is not None
            ],
        )
        await _end_schedule(connection, [write for write in good if not write.keep_lease and write.due is None])
        await _free_slots(connection, good)
        return outcomes


async def _end_schedule(connection: AsyncConnection, steps: Sequence[Step]) -> None:
    """Nothing is left to do for these tasks, unless somebody has woken them while the step ran."""
    if not steps:
        return
    ids = [step.change.task.id for step in steps]
    await connection.execute(delete(_SCHEDULE).where(_SCHEDULE.c.task_id.in_(ids), _SCHEDULE.c.woken.is_(False)))
    await reschedule(
        connection, [{"b_task_id": one, "b_due": None, "b_now": step.now} for one, step in zip(ids, steps, strict=True)]
    )


async def _free_slots(connection: AsyncConnection, steps: Sequence[Step]) -> None:
    """Give slots back, and make as many of those who wait for them due."""
    freed: dict[str, int] = {}
    for step in steps:
        if step.change.free is not None:
            name, weight = step.change.free
            freed[name] = freed.get(name, 0) + weight
    if freed:
        await free_slots(connection, freed, steps[0].now)

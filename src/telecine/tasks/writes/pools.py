"""Upstream slots: who stands in line for them, taking them and giving them back."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import bindparam, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from telecine.nouns.task import Attempt, Task
from telecine.store import tables
from telecine.tasks.writes.lines import Line
from telecine.tasks.writes.schedule import WAKE


class PoolLines:
    """The pools of one batch of starts, locked, and who stands first in their lines."""

    def __init__(self) -> None:
        self._lines: dict[str, Line] = {}
        self._taken: dict[str, int] = {}

    @classmethod
    async def lock(cls, connection: AsyncConnection, names: Iterable[str]) -> PoolLines:
        """Lock the pools called `names`, in the order of their names."""
        pools = cls()
        names = sorted(names)
        if not names:
            return pools
        rows = await connection.execute(
            select(tables.pools).where(tables.pools.c.name.in_(names)).order_by(tables.pools.c.name).with_for_update()
        )
        for name, slots, used in rows.all():
            pools._lines[name] = await Line.read(connection, name, slots - used)
        return pools

    def take(self, attempt: Attempt, task: Task) -> bool:
        """Take the slots for `task` unless others who came first would then find none."""
        name, weight = attempt.pool, attempt.weight
        line = self._lines.get(name)
        if line is None or not line.fits(task, weight):
            return False
        line.take(task, weight)
        self._taken[name] = self._taken.get(name, 0) + weight
        return True

    async def save(self, connection: AsyncConnection) -> None:
        """Write how many slots are taken now."""
        if self._taken:
            await connection.execute(
                MOVE_POOL, [{"b_name": name, "b_delta": delta} for name, delta in sorted(self._taken.items())]
            )


async def free_slots(connection: AsyncConnection, freed: dict[str, int], now: float) -> None:
    """Give `freed` slots back to their pools and wake the heads of their lines, in the caller's transaction."""
    if not freed:
        return
    await connection.execute(
        MOVE_POOL, [{"b_name": name, "b_delta": -weight} for name, weight in sorted(freed.items())]
    )
    for name in sorted(freed):
        pool = await connection.execute(
            select(tables.pools.c.slots - tables.pools.c.used).where(tables.pools.c.name == name)
        )
        room = pool.scalar_one_or_none() or 0
        if room <= 0:
            continue
        line = await connection.execute(
            select(tables.schedule.c.task_id)
            .where(tables.schedule.c.pool == name)
            .order_by(tables.schedule.c.rank, tables.schedule.c.task_id)
            .limit(room)
        )
        heads = [{"b_task_id": one, "b_now": now} for one in line.scalars()]
        if heads:
            await connection.execute(WAKE, heads)


MOVE_POOL = (
    update(tables.pools)
    .where(tables.pools.c.name == bindparam("b_name"))
    .values(used=tables.pools.c.used + bindparam("b_delta"))
)

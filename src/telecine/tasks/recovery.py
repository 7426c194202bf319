"""What a start finds, and what is looked after every few seconds."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from telecine.nouns.rate import limited_channel
from telecine.store import tables
from telecine.store.database import Database
from telecine.tasks.writes import free_slots
from telecine.tasks.writes.schedule import WAKE


async def recover(database: Database, pools: dict[str, int]) -> None:
    """Before the engine starts: give back the leases of a process that is gone, and count the slots anew.

    Leases are given back only on SQLite, where the lock on the data proves that no other process holds one; elsewhere
    they run out by themselves.
    """
    async with database.writing() as connection:
        if database.sqlite:
            await connection.execute(
                update(tables.schedule)
                .where(tables.schedule.c.lease_owner.is_not(None))
                .values(lease_owner=None, lease_until=None)
            )
        await set_pools(connection, pools)


async def set_pools(connection: AsyncConnection, pools: Mapping[str, int]) -> None:
    """Give the pools their sizes, count what is taken of them anew, and let whoever waits look again."""
    # Locked, so that nobody takes or frees a slot between the count and its writing.
    rows = await connection.execute(select(tables.pools.c.name).order_by(tables.pools.c.name).with_for_update())
    known = set(rows.scalars())
    for name, slots in pools.items():
        if name in known:
            await connection.execute(update(tables.pools).where(tables.pools.c.name == name).values(slots=slots))
        else:
            await connection.execute(insert(tables.pools).values(name=name, slots=slots, used=0))
    await _recount(connection)
    # Pools and quotas may have grown, shrunk or gone. Until those in line have looked, nobody overtakes them.
    await connection.execute(update(tables.schedule).where(tables.schedule.c.pool.is_not(None)).values(due=0.0))


async def free_overdue_slots(database: Database, now: float) -> int:
    """Free the slots of unknown attempts whose jobs must have ended by now; how many."""
    table = tables.attempts.c
    async with database.writing() as connection:
        rows = (
            await connection.execute(
                select(table.id, table.pool, table.weight).where(table.slot_held, table.slot_until < now).limit(1000)
            )
        ).all()
        if not rows:
            return 0
        await connection.execute(
            update(tables.attempts)
            .where(table.id.in_([row.id for row in rows]))
            .values(slot_held=False, slot_until=None)
        )
        freed: dict[str, int] = {}
        for row in rows:
            freed[row.pool] = freed.get(row.pool, 0) + row.weight
        await free_slots(connection, freed, now)
    return len(rows)


async def wake_lines(database: Database, now: float) -> int:
    """Wake the heads of lines whom nobody else may wake: a safety net under the calls of those who leave room.

    Those before pools that have room, and before quotas where whoever was called has gone elsewhere or is gone.
    """
    pool, line = tables.pools.c, tables.schedule.c.pool
    async with database.reading() as connection:
        waiting = list((await connection.execute(select(line).where(line.is_not(None)).distinct())).scalars())
        idle = select(pool.name).where(pool.used < pool.slots, pool.name.in_(waiting))
        names = list((await connection.execute(idle)).scalars())
        quotas = [one for one in waiting if limited_channel(one) is not None]
        asleep = [task_id for one in quotas for task_id in await _asleep(connection, one)]
    if names or asleep:
        async with database.writing() as connection:
            await free_slots(connection, dict.fromkeys(names, 0), now)
            if asleep:
                await connection.execute(WAKE, [{"b_task_id": one, "b_now": now} for one in sorted(asleep)])
    return len(names) + len(asleep)


async def _asleep(connection: AsyncConnection, line: str) -> list[int]:
    """The first in a line, where nothing makes it due."""
    row = tables.schedule.c
    rows = await connection.execute(
        select(row.task_id, row.due).where(row.pool == line).order_by(row.rank, row.task_id).limit(1)
    )
    return [task_id for task_id, due in rows.all() if due is None]


async def _recount(connection: AsyncConnection) -> None:
    table = tables.attempts.c
    held = await connection.execute(
        select(table.pool, func.sum(table.weight)).where(table.slot_held).group_by(table.pool)
    )
    await connection.execute(update(tables.pools).values(used=0))
    for name, weight in held.all():
        await connection.execute(update(tables.pools).where(tables.pools.c.name == name).values(used=int(weight)))

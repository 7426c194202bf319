"""What a start finds, and what is looked after every few seconds."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Connection, and_, func, select, update

from telecine.nouns.rate import limited_channel
from telecine.store import tables
from telecine.store.database import Database
from telecine.store.inserts import insert_missing, upsert
from telecine.store.locks import Locks, lock
from telecine.tasks.writes.lines import wake_first
from telecine.tasks.writes.pools import give_back, take_away, wake_heads


async def recover(database: Database, pools: dict[str, int]) -> None:
    """Before anything runs: give back the leases of a process that is gone, and count the slots anew.

    Leases are given back only on SQLite, where the lock on the data proves that no other process holds one; elsewhere
    they run out by themselves.
    """
    leased = update(tables.schedule).where(tables.schedule.c.lease_owner.is_not(None))

    def whole(connection: Connection) -> None:
        if database.sqlite:
            connection.execute(leased.values(lease_owner=None, lease_until=None))
        set_pools(connection, pools)

    await database.change(whole)


def set_pools(connection: Connection, pools: Mapping[str, int]) -> None:
    """Give the pools their sizes, count what is taken of them anew, and let whoever waits look again."""
    pool, attempt = tables.pools.c, tables.attempts.c
    insert_missing(connection, tables.pools, [{"name": one, "slots": pools[one], "used": 0} for one in sorted(pools)])
    # Locked, so that nobody takes or frees a slot between the count and its writing.
    known = connection.execute(select(pool.name, pool.slots).order_by(pool.name).with_for_update(key_share=True))
    slots = {**dict(known.all()), **pools}
    held = select(attempt.pool, func.sum(attempt.weight)).where(attempt.slot_held).group_by(attempt.pool)
    taken = dict(connection.execute(held).all())
    rows = [{"name": one, "slots": slots[one], "used": int(taken.get(one, 0))} for one in sorted(slots)]
    upsert(connection, tables.pools, rows)
    # Pools and quotas may have grown, shrunk or gone. Until those in line have looked, nobody overtakes them. Those
    # whose rows are locked look anyhow; to wait for them, with the pools in hand, would be against the order of locks.
    row = tables.schedule.c
    waiting = select(row.task_id).where(row.pool.is_not(None)).with_for_update(skip_locked=True)
    connection.execute(update(tables.schedule).where(row.task_id.in_(waiting)).values(due=0.0))


async def free_overdue_slots(database: Database, now: float) -> int:
    """Free the slots of unknown attempts whose jobs must have ended by now; how many slots."""
    table = tables.attempts.c
    overdue = and_(table.slot_held, table.slot_until < now)
    pools = frozenset(row.pool for row in await database.rows(select(table.pool).where(overdue).distinct()))
    if not pools:
        return 0

    def free(connection: Connection) -> int:
        lock(connection, [Locks(pools=pools)])
        freed = take_away(connection, and_(overdue, table.pool.in_(pools)))
        give_back(connection, freed, now)
        return freed.total()

    return await database.change(free)


async def wake_lines(database: Database, now: float) -> int:
    """Wake the heads of lines whom nobody else may wake: a safety net under the calls of those who leave room.

    Those before pools that have room, and before quotas where whoever was called has gone elsewhere or is gone.
    """
    pool, line = tables.pools.c, tables.schedule.c.pool

    def look(connection: Connection) -> tuple[list[str], list[str]]:
        waiting = list(connection.execute(select(line).where(line.is_not(None)).distinct()).scalars())
        idle = select(pool.name).where(pool.used < pool.slots, pool.name.in_(waiting))
        asleep = [one for one in waiting if limited_channel(one) is not None and _asleep(connection, one)]
        return list(connection.execute(idle).scalars()), asleep

    names, asleep = await database.read(look)

    def wake(connection: Connection) -> None:
        wake_heads(connection, names, now)
        for one in asleep:
            wake_first(connection, one, 1, now)

    if names or asleep:
        await database.change(wake)
    return len(names) + len(asleep)


def _asleep(connection: Connection, line: str) -> bool:
    """Whether nothing makes the first in a line due."""
    row = tables.schedule.c
    rows = connection.execute(select(row.due).where(row.pool == line).order_by(row.rank, row.task_id).limit(1))
    return any(due is None for due in rows.scalars())

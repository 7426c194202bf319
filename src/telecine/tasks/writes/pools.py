"""Upstream slots: who stands in line for them, taking them and giving them back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from sqlalchemy import ColumnElement, Connection, bindparam, select, update

from telecine.nouns.task import Attempt, Task
from telecine.store import tables
from telecine.store.prepared import Prepared
from telecine.tasks.writes.lines import Line, wake_first


class PoolLines:
    """The pools of one batch of starts, and who stands first in their lines."""

    def __init__(self) -> None:
        self._lines: dict[str, Line] = {}
        self._taken: dict[str, int] = {}

    @classmethod
    def read(cls, connection: Connection, names: Iterable[str]) -> PoolLines:
        """The pools called `names`, which are locked by now."""
        pools = cls()
        names = sorted(names)
        if not names:
            return pools
        rows = connection.execute(_POOLS, {"b_names": names})
        for name, slots, used in rows.all():
            pools._lines[name] = Line.read(connection, name, slots - used)
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

    def save(self, connection: Connection) -> None:
        """Write how many slots are taken now."""
        MOVE_POOL.run(connection, [{"b_name": name, "b_delta": delta} for name, delta in sorted(self._taken.items())])


def take_away(connection: Connection, attempts: ColumnElement[bool]) -> Counter[str]:
    """Take the slots of those `attempts` that hold one; how many of each pool, which is to be told with `give_back`.

    It is the update itself that says what it has taken, so that no slot is given back twice, whoever else frees it.
    """
    table = tables.attempts
    taken = connection.execute(
        update(table)
        .where(attempts, table.c.slot_held)
        .values(slot_held=False, slot_until=None)
        .returning(table.c.pool, table.c.weight)
    )
    given: Counter[str] = Counter()
    for pool, weight in taken.all():
        given[pool] += weight
    return given


def give_back(connection: Connection, slots: Mapping[str, int], now: float) -> None:
    """Give `slots` back to their pools, which are locked by now, and wake the heads of their lines."""
    if slots:
        MOVE_POOL.run(connection, [{"b_name": name, "b_delta": -weight} for name, weight in sorted(slots.items())])
        wake_heads(connection, slots, now)


def wake_heads(connection: Connection, names: Iterable[str], now: float) -> None:
    """Make as many of those who wait for each of these pools due as there is room for."""
    for name in sorted(names):
        pool = connection.execute(_ROOM, {"b_name": name})
        wake_first(connection, name, pool.scalar_one_or_none() or 0, now)


_POOLS = (
    select(tables.pools)
    .where(tables.pools.c.name.in_(bindparam("b_names", expanding=True)))
    .order_by(tables.pools.c.name)
)
_ROOM = select(tables.pools.c.slots - tables.pools.c.used).where(tables.pools.c.name == bindparam("b_name"))
MOVE_POOL = Prepared(
    update(tables.pools)
    .where(tables.pools.c.name == bindparam("b_name"))
    .values(used=tables.pools.c.used + bindparam("b_delta"))
)

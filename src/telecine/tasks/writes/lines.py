"""Lines: of tasks that wait for a slot of a pool, or for a channel's quota. First come, first served in a priority."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import takewhile

from sqlalchemy import Connection, Integer, bindparam, select

from telecine.nouns.task import Task
from telecine.store import tables
from telecine.tasks.writes.schedule import COME, WAKE


class Line:
    """Room for so many, and who stands first in line for it: (rank, task, weight)."""

    def __init__(self, room: int, heads: Iterable[tuple[int, int, int]] = ()) -> None:
        self.room = room
        self.heads = list(heads)

    @classmethod
    def read(cls, connection: Connection, name: str, room: int) -> Line:
        """The line called `name`, as far as it matters to `room`."""
        if room <= 0:
            return cls(room)
        heads = connection.execute(_HEADS, {"b_line": name, "b_most": room})
        return cls(room, ((rank, task_id, weight) for rank, task_id, weight in heads.all()))

    def fits(self, task: Task, weight: int = 1) -> bool:
        """Whether there is room for `task`, unless others who came first would then find none."""
        place = (-task.priority, task.id)
        ahead = takewhile(lambda other: other[:2] < place, self.heads)
        return self.room - sum(slots for _, _, slots in ahead) >= weight

    def take(self, task: Task, weight: int = 1) -> None:
        """Take the room for `task`, and it out of the line."""
        self.room -= weight
        self.heads = [other for other in self.heads if other[1] != task.id]


def call(connection: Connection, name: str, number: int, due: float) -> None:
    """Make the first `number` of the line called `name` due at `due`, unless they come sooner.

    Those whose rows are locked are under way anyhow, and look for themselves.
    """
    row = tables.schedule.c
    first = select(row.task_id).where(row.pool == name).order_by(row.rank, row.task_id).limit(number)
    rows = connection.execute(
        select(row.task_id)
        .where(row.task_id.in_(first), row.due.is_(None) | (row.due > due))
        .order_by(row.task_id)
        .with_for_update(skip_locked=True)
    )
    COME.run(connection, [{"b_task_id": one, "b_due": due} for one in rows.scalars()])


def wake_first(connection: Connection, name: str, number: int, now: float) -> None:
    """Wake the first `number` of the line called `name`. Those whose rows are locked are under way anyhow, and look for
    themselves: whoever waited for them here, with a pool in hand, would wait for somebody who waits for that pool."""
    if number <= 0:
        return
    rows = connection.execute(_FIRST, {"b_line": name, "b_most": number})
    WAKE.run(connection, [{"b_task_id": one, "b_now": now} for one in rows.scalars()])


_S = tables.schedule.c
_HEADS = (
    select(_S.rank, _S.task_id, _S.weight)
    .where(_S.pool == bindparam("b_line"))
    .order_by(_S.rank, _S.task_id)
    .limit(bindparam("b_most", type_=Integer))
)
_FIRST = _HEADS.with_only_columns(_S.task_id).with_for_update(skip_locked=True)

"""What the owner of a task may ask for at any time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import msgspec
from sqlalchemy import Connection, bindparam, insert, select, update

from telecine.store import tables
from telecine.store.locks import Locks
from telecine.store.prepared import Prepared
from telecine.tasks.writes.schedule import WAKE


class Mark(msgspec.Struct, frozen=True):
    """Note on a task that its owner wants it cancelled or deleted, and wake it. Result: None.

    Not a step: it needs no lease, and it leaves the version alone, so that it never makes a running step stale.
    """

    order: ClassVar[int] = 15
    task_id: int
    now: float
    cancel: bool = False
    delete: bool = False

    @property
    def key(self) -> None:
        return None

    @property
    def locks(self) -> Locks:
        """The task's own row only where it changes."""
        mine = frozenset({self.task_id})
        return Locks(tasks=mine if self.cancel or self.delete else frozenset(), schedule=mine)

    @classmethod
    def apply(cls, connection: Connection, writes: Sequence[Mark], *, again: bool) -> Sequence[Exception | None]:
        cancels = [{"b_id": w.task_id, "b_now": w.now} for w in writes if w.cancel]
        deletes = [{"b_id": w.task_id, "b_now": w.now} for w in writes if w.delete]
        _CANCEL.run(connection, cancels)
        _DELETE.run(connection, deletes)
        if deletes:
            _schedule_burial(connection, {write.task_id: write.now for write in writes if write.delete})
        WAKE.run(connection, [{"b_task_id": w.task_id, "b_now": w.now} for w in writes])
        return [None] * len(writes)


def _schedule_burial(connection: Connection, deleted: dict[int, float]) -> None:
    """A deleted task that had nothing left to do gets a row again: its files are to go one day."""
    there = connection.execute(select(tables.schedule.c.task_id).where(tables.schedule.c.task_id.in_(list(deleted))))
    known = set(there.scalars())
    missing = [one for one in deleted if one not in known]
    owners = connection.execute(
        select(tables.tasks.c.id, tables.tasks.c.account_id).where(tables.tasks.c.id.in_(missing))
    )
    rows = [
        {
            "task_id": one,
            "account_id": account_id,
            "kind": "collect",
            "due": deleted[one],
            "rank": 0,
            "weight": 1,
            "woken": False,
        }
        for one, account_id in sorted((row.id, row.account_id) for row in owners)
    ]
    if rows:
        connection.execute(insert(tables.schedule), rows)
        connection.execute(_UNBURY, [{"b_id": row["task_id"]} for row in rows])


_T = tables.tasks

_CANCEL = Prepared(
    update(_T)
    .where(_T.c.id == bindparam("b_id"), _T.c.cancel_requested_at.is_(None))
    .values(cancel_requested_at=bindparam("b_now"))
)

_DELETE = Prepared(update(_T).where(_T.c.id == bindparam("b_id")).values(deleted_at=bindparam("b_now")))

_UNBURY = update(_T).where(_T.c.id == bindparam("b_id")).values(buried_at=None)

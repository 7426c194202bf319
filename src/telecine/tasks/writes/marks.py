"""What may be asked for a task at any time, whoever runs its steps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import msgspec
from sqlalchemy import Connection, bindparam, update

from telecine.store import tables
from telecine.store.locks import Locks
from telecine.store.prepared import Prepared
from telecine.tasks.writes.rebuild import restore
from telecine.tasks.writes.schedule import WAKE


class Mark(msgspec.Struct, frozen=True):
    """Note on a task that its owner wants it cancelled or deleted, and wake it: one that has nothing left to do stays
    as it is unless it is deleted, for then its files are to go one day. Result: None.

    Not a step: it needs no lease, and it leaves the version alone, so that it never makes a running step stale. A step
    that runs just now is followed by another.
    """

    order: ClassVar[int] = 15
    key: ClassVar[None] = None
    task_id: int
    now: float
    cancel: bool = False
    delete: bool = False
    due: float = 0.0
    """Where it is still to come: the task comes then, unless it comes sooner."""

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
            restore(connection, deletes[0]["b_now"], tables.tasks.c.id.in_([one["b_id"] for one in deletes]))
        wanted = sorted(writes, key=lambda write: write.task_id)
        WAKE.run(connection, [{"b_task_id": w.task_id, "b_now": w.now} for w in wanted if w.due <= w.now])
        _SOONER.run(connection, [{"b_task_id": w.task_id, "b_due": w.due} for w in wanted if w.due > w.now])
        return [None] * len(writes)


_T, _S = tables.tasks, tables.schedule

_CANCEL = Prepared(
    update(_T)
    .where(_T.c.id == bindparam("b_id"), _T.c.cancel_requested_at.is_(None))
    .values(cancel_requested_at=bindparam("b_now"))
)

_DELETE = Prepared(update(_T).where(_T.c.id == bindparam("b_id")).values(deleted_at=bindparam("b_now"), buried_at=None))

_SOONER = Prepared(
    update(_S)
    .where(_S.c.task_id == bindparam("b_task_id"), _S.c.due.is_(None) | (_S.c.due > bindparam("b_due")))
    .values(due=bindparam("b_due"))
)

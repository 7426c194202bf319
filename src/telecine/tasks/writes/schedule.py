"""The schedule: who holds a task, and when it is due. One row a task that has something left to do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import msgspec
from sqlalchemy import Connection, Double, Text, and_, bindparam, case, select, update

from telecine.store import tables
from telecine.store.database import lease_time
from telecine.store.locks import Locks
from telecine.store.prepared import Prepared

LEASE_SECONDS = 60.0


class Rest(msgspec.Struct, frozen=True):
    """Give the lease of a task back without any change to it, and come again at `due`. Result: None."""

    order: ClassVar[int] = 40
    task_id: int
    owner: str
    due: float
    now: float

    @property
    def key(self) -> int:
        return self.task_id

    @property
    def locks(self) -> Locks:
        """Its row of the schedule."""
        return Locks(schedule=frozenset({self.task_id}))

    @classmethod
    def apply(cls, connection: Connection, writes: Sequence[Rest], *, again: bool) -> Sequence[Exception | None]:
        _REST.run(
            connection,
            [
                {"b_task_id": write.task_id, "b_due": write.due, "b_now": write.now, "b_owner": write.owner}
                for write in sorted(writes, key=lambda write: write.task_id)
            ],
        )
        return [None] * len(writes)


class Wake(msgspec.Struct, frozen=True):
    """Let a task come at `due`, unless it comes sooner; one that has nothing left to do stays as it is. Result: None.

    No step: it needs no lease. A step that runs just now is followed by another where `due` has come.
    """

    order: ClassVar[int] = 16
    task_id: int
    due: float
    now: float

    @property
    def key(self) -> None:
        return None

    @property
    def locks(self) -> Locks:
        """Its row of the schedule."""
        return Locks(schedule=frozenset({self.task_id}))

    @classmethod
    def apply(cls, connection: Connection, writes: Sequence[Wake], *, again: bool) -> Sequence[Exception | None]:
        wanted = sorted(writes, key=lambda write: write.task_id)
        now = [{"b_task_id": one.task_id, "b_now": one.now} for one in wanted if one.due <= one.now]
        later = [{"b_task_id": one.task_id, "b_due": one.due} for one in wanted if one.due > one.now]
        WAKE.run(connection, now)
        _SOONER.run(connection, later)
        return [None] * len(writes)


class Extend(msgspec.Struct, frozen=True):
    """Keep the leases of `task_ids` for another lease time. Result: the tasks that `owner` still holds."""

    order: ClassVar[int] = 50
    owner: str
    task_ids: tuple[int, ...]
    now: float

    @property
    def key(self) -> None:
        return None

    @property
    def locks(self) -> Locks:
        """Their rows of the schedule."""
        return Locks(schedule=frozenset(self.task_ids))

    @classmethod
    def apply(cls, connection: Connection, writes: Sequence[Extend], *, again: bool) -> Sequence[set[int] | Exception]:
        time = lease_time(connection, min(write.now for write in writes))
        rows = [
            {"b_task_id": one, "b_owner": write.owner, "b_until": time + LEASE_SECONDS}
            for write in writes
            for one in sorted(write.task_ids)
        ]
        _EXTEND.run(connection, rows)
        ids = {row["b_task_id"] for row in rows}
        found = connection.execute(select(_S.c.task_id, _S.c.lease_owner).where(_S.c.task_id.in_(ids)))
        owners = {row.task_id: row.lease_owner for row in found.all()}
        return [{one for one in write.task_ids if owners.get(one) == write.owner} for write in writes]


_S = tables.schedule

# A wake that came while the step ran is kept: the task is due at once, whatever the step wished.
_WISHED = case((_S.c.woken, bindparam("b_now", type_=Double)), else_=bindparam("b_due", type_=Double))

_RELEASED = {"due": _WISHED, "woken": False, "lease_owner": None, "lease_until": None, "claim": None, "pool": None}

# Whoever began with a long submit does so again.
_NEXT = case(
    (and_(_S.c.kind == "long", bindparam("b_kind", type_=Text) == "submit"), _S.c.kind),
    else_=bindparam("b_kind", type_=Text),
)

RESCHEDULE = Prepared(update(_S).where(_S.c.task_id == bindparam("b_task_id")).values({**_RELEASED, "kind": _NEXT}))

_REST = Prepared(
    update(_S).where(_S.c.task_id == bindparam("b_task_id"), _S.c.lease_owner == bindparam("b_owner")).values(_RELEASED)
)

WAKE = Prepared(update(_S).where(_S.c.task_id == bindparam("b_task_id")).values(due=bindparam("b_now"), woken=True))

_SOONER = Prepared(
    update(_S)
    .where(_S.c.task_id == bindparam("b_task_id"), _S.c.due.is_(None) | (_S.c.due > bindparam("b_due")))
    .values(due=bindparam("b_due"))
)

COME = Prepared(update(_S).where(_S.c.task_id == bindparam("b_task_id")).values(due=bindparam("b_due")))

_EXTEND = Prepared(
    update(_S)
    .where(_S.c.task_id == bindparam("b_task_id"), _S.c.lease_owner == bindparam("b_owner"))
    .values(lease_until=bindparam("b_until"))
)

PARK = Prepared(
    update(_S)
    .where(_S.c.task_id == bindparam("b_task_id"))
    .values(
        pool=bindparam("b_pool"),
        weight=bindparam("b_weight"),
        due=_WISHED,
        woken=False,
        lease_owner=None,
        lease_until=None,
        claim=None,
    )
)

LEAVE_LINE = Prepared(update(_S).where(_S.c.task_id == bindparam("b_task_id")).values(pool=None))

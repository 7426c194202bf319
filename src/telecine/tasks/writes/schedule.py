"""The schedule: who holds a task, and when it is due. One row a task that has something left to do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

import msgspec
from sqlalchemy import Connection, Double, Text, and_, bindparam, case, update

from telecine.store import tables
from telecine.store.database import lease_time
from telecine.store.locks import Locks
from telecine.store.prepared import Prepared

LEASE_SECONDS = 60.0


class Rest(msgspec.Struct, frozen=True):
    """Give the leases of tasks back without any change to them; each comes again when `due` says. Result: None."""

    order: ClassVar[int] = 40
    key: ClassVar[None] = None
    due: Mapping[int, float]
    owner: str
    now: float

    @property
    def locks(self) -> Locks:
        """Their rows of the schedule."""
        return Locks(schedule=frozenset(self.due))

    @classmethod
    def apply(cls, connection: Connection, writes: Sequence[Rest], *, again: bool) -> Sequence[Exception | None]:
        _REST.run(
            connection,
            [
                {"b_task_id": task_id, "b_due": due, "b_now": write.now, "b_owner": write.owner}
                for write in writes
                for task_id, due in write.due.items()
            ],
        )
        return [None] * len(writes)


class Extend(msgspec.Struct, frozen=True):
    """Keep the leases of `task_ids` for another lease time. Result: the tasks that `owner` still holds."""

    order: ClassVar[int] = 50
    key: ClassVar[None] = None
    owner: str
    task_ids: tuple[int, ...]
    now: float

    @property
    def locks(self) -> Locks:
        """Their rows of the schedule."""
        return Locks(schedule=frozenset(self.task_ids))

    @classmethod
    def apply(cls, connection: Connection, writes: Sequence[Extend], *, again: bool) -> Sequence[set[int] | Exception]:
        until = lease_time(connection, min(write.now for write in writes)) + LEASE_SECONDS
        given = ({"b_ids": write.task_ids, "b_owner": write.owner, "b_until": until} for write in writes)
        return [set(connection.execute(_EXTEND, one).scalars()) for one in given]


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

COME = Prepared(update(_S).where(_S.c.task_id == bindparam("b_task_id")).values(due=bindparam("b_due")))

_EXTEND = (
    update(_S)
    .where(_S.c.task_id.in_(bindparam("b_ids", expanding=True)), _S.c.lease_owner == bindparam("b_owner"))
    .values(lease_until=bindparam("b_until"))
    .returning(_S.c.task_id)
)

PARK = Prepared(
    update(_S)
    .where(_S.c.task_id == bindparam("b_task_id"))
    .values({**_RELEASED, "pool": bindparam("b_pool"), "weight": bindparam("b_weight")})
)

LEAVE_LINE = Prepared(update(_S).where(_S.c.task_id == bindparam("b_task_id")).values(pool=None))

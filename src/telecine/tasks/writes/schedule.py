"""The schedule: who holds a task, and when it is due. One row a task that has something left to do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import msgspec
from sqlalchemy import Double, bindparam, case, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from telecine.store import tables
from telecine.store.database import lease_time
from telecine.store.locks import NO_LOCKS, Locks

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
    async def apply(
        cls, connection: AsyncConnection, writes: Sequence[Rest], *, again: bool
    ) -> Sequence[Exception | None]:
        await connection.execute(
            _REST,
            [
                {"b_task_id": write.task_id, "b_due": write.due, "b_now": write.now, "b_owner": write.owner}
                for write in sorted(writes, key=lambda write: write.task_id)
            ],
        )
        return [None] * len(writes)


class Claim(msgspec.Struct, frozen=True):
    """Lease at most `limit` due tasks to `owner`.

    Result: each task's id with the time at which it was due, the earliest first; and when the next one will be. A claim
    whose answer was lost answers the tasks that it has already: nobody else would come for them while the lease lasts.
    """

    order: ClassVar[int] = 50
    owner: str
    limit: int
    now: float
    token: int
    """Drawn at random for each claim; the same one where a claim that was not answered is made again."""
    unheard: bool = False
    """An earlier claim with this token was not answered."""

    @property
    def key(self) -> str:
        return "claim"

    @property
    def locks(self) -> Locks:
        """None: what it finds it takes only where nobody else has it."""
        return NO_LOCKS

    @classmethod
    async def apply(
        cls, connection: AsyncConnection, writes: Sequence[Claim], *, again: bool
    ) -> Sequence[tuple[list[tuple[int, float]], float | None] | Exception]:
        (write,) = writes
        time = await lease_time(connection, write.now)
        found = await _claimed(connection, write) if again or write.unheard else []
        found = found or await _due(connection, write, time)
        if found:
            lease = {"b_owner": write.owner, "b_until": time + LEASE_SECONDS, "b_claim": write.token}
            await connection.execute(_LEASE, [{"b_task_id": one, **lease} for one, _ in sorted(found)])
        upcoming = await connection.execute(select(_S.c.due).where(_S.c.due > write.now).order_by(_S.c.due).limit(1))
        return [(found, upcoming.scalar_one_or_none())]


async def _due(connection: AsyncConnection, claim: Claim, time: float) -> list[tuple[int, float]]:
    """What is due, and nobody's at `time`."""
    rows = await connection.execute(
        select(_S.c.task_id, _S.c.due)
        .where(_S.c.due <= claim.now, (_S.c.lease_until.is_(None)) | (_S.c.lease_until < time))
        .order_by(_S.c.due)
        .limit(claim.limit)
        .with_for_update(skip_locked=True)
    )
    return [(task_id, due) for task_id, due in rows.all()]


async def _claimed(connection: AsyncConnection, claim: Claim) -> list[tuple[int, float]]:
    """What this very claim has leased before, and nobody was told of."""
    rows = await connection.execute(
        select(_S.c.task_id, _S.c.due)
        .where(_S.c.lease_owner == claim.owner, _S.c.claim == claim.token)
        .order_by(_S.c.due)
        .with_for_update(skip_locked=True)
    )
    return [(task_id, claim.now if due is None else due) for task_id, due in rows.all()]


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
    async def apply(
        cls, connection: AsyncConnection, writes: Sequence[Extend], *, again: bool
    ) -> Sequence[set[int] | Exception]:
        time = await lease_time(connection, min(write.now for write in writes))
        rows = [
            {"b_task_id": one, "b_owner": write.owner, "b_until": time + LEASE_SECONDS}
            for write in writes
            for one in sorted(write.task_ids)
        ]
        if rows:
            await connection.execute(_EXTEND, rows)
        ids = {row["b_task_id"] for row in rows}
        found = await connection.execute(select(_S.c.task_id, _S.c.lease_owner).where(_S.c.task_id.in_(ids)))
        owners = {row.task_id: row.lease_owner for row in found.all()}
        return [{one for one in write.task_ids if owners.get(one) == write.owner} for write in writes]


async def reschedule(connection: AsyncConnection, rows: list[dict[str, Any]]) -> None:
    if rows:
        await connection.execute(RESCHEDULE, sorted(rows, key=lambda row: row["b_task_id"]))


_S = tables.schedule

# A wake that came while the step ran is kept: the task is due at once, whatever the step wished.
_WISHED = case((_S.c.woken, bindparam("b_now", type_=Double)), else_=bindparam("b_due", type_=Double))

_RELEASED = {"due": _WISHED, "woken": False, "lease_owner": None, "lease_until": None, "claim": None, "pool": None}

RESCHEDULE = update(_S).where(_S.c.task_id == bindparam("b_task_id")).values(_RELEASED)

_REST = (
    update(_S).where(_S.c.task_id == bindparam("b_task_id"), _S.c.lease_owner == bindparam("b_owner")).values(_RELEASED)
)

WAKE = update(_S).where(_S.c.task_id == bindparam("b_task_id")).values(due=bindparam("b_now"), woken=True)

COME = update(_S).where(_S.c.task_id == bindparam("b_task_id")).values(due=bindparam("b_due"))

_LEASE = (
    update(_S)
    .where(_S.c.task_id == bindparam("b_task_id"))
    .values(lease_owner=bindparam("b_owner"), lease_until=bindparam("b_until"), claim=bindparam("b_claim"), woken=False)
)

_EXTEND = (
    update(_S)
    .where(_S.c.task_id == bindparam("b_task_id"), _S.c.lease_owner == bindparam("b_owner"))
    .values(lease_until=bindparam("b_until"))
)

PARK = (
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

LEAVE_LINE = update(_S).where(_S.c.task_id == bindparam("b_task_id")).values(pool=None)

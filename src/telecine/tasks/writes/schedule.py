"""The schedule: who holds a task, and when it is due. One row a task that has something left to do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Final, NamedTuple

import msgspec
from sqlalchemy import (
    Double,
    Select,
    Text,
    and_,
    bindparam,
    case,
    false,
    literal,
    select,
    union_all,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from telecine.store import tables
from telecine.store.database import lease_time
from telecine.store.distinct import distinct
from telecine.store.locks import NO_LOCKS, Locks
from telecine.tasks.steps import KINDS, Kind, Steps

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
    async def apply(
        cls, connection: AsyncConnection, writes: Sequence[Wake], *, again: bool
    ) -> Sequence[Exception | None]:
        wanted = sorted(writes, key=lambda write: write.task_id)
        now = [{"b_task_id": one.task_id, "b_now": one.now} for one in wanted if one.due <= one.now]
        later = [{"b_task_id": one.task_id, "b_due": one.due} for one in wanted if one.due > one.now]
        if now:
            await connection.execute(WAKE, now)
        if later:
            await connection.execute(_SOONER, later)
        return [None] * len(writes)


class Claimed(NamedTuple):
    """A task that has just been leased: when it was due, and for whom and what that is counted."""

    task_id: int
    due: float
    account_id: int
    kind: Kind


class Claim(msgspec.Struct, frozen=True):
    """Lease at most `limit` due tasks to `owner`, as far as there are places for their accounts' steps.

    Result: what was leased, the earliest first; and when the next one will be due, which is now where more may be. A
    claim whose answer was lost answers the tasks that it has already: nobody else would come for them while the lease
    lasts.
    """

    order: ClassVar[int] = 50
    owner: str
    limit: int
    now: float
    steps: Steps
    """What is shared among accounts; only read."""
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
    ) -> Sequence[tuple[list[Claimed], float | None] | Exception]:
        (write,) = writes
        time = await lease_time(connection, write.now)
        found = await _claimed(connection, write) if again or write.unheard else []
        seen = len(found)
        if not found:
            due = await _read(connection, _due(write, time), write.now)
            places, seen = write.steps.copy(), len(due)  # a copy, for a write has no effect outside the database
            found = [one for one in due if places[one.kind].try_take(one.account_id)]
        if found:
            lease = {"b_owner": write.owner, "b_until": time + LEASE_SECONDS, "b_claim": write.token}
            leased = sorted(one.task_id for one in found)
            await connection.execute(_LEASE, [{"b_task_id": one, **lease} for one in leased])
            if seen == write.limit:
                return [(found, write.now)]
        upcoming = await connection.execute(select(_S.c.due).where(_S.c.due > write.now).order_by(_S.c.due).limit(1))
        return [(found, upcoming.scalar_one_or_none())]


async def _claimed(connection: AsyncConnection, claim: Claim) -> list[Claimed]:
    """What this very claim has leased before, and nobody was told of."""
    leased = (_S.c.lease_owner == claim.owner, _S.c.claim == claim.token)
    query = _ROWS.where(*leased).order_by(_S.c.due).with_for_update(skip_locked=True)
    return await _read(connection, query, claim.now)


async def _read(connection: AsyncConnection, query: Select[tuple[int, float, int, Kind]], now: float) -> list[Claimed]:
    rows = await connection.execute(query)
    return [Claimed(row.task_id, now if row.due is None else row.due, row.account_id, row.kind) for row in rows]


def _due(write: Claim, time: float) -> Select[tuple[int, float, int, Kind]]:
    """What is due and nobody's at `time`, the earliest first, of whoever may begin a step."""
    query = (
        _ROWS.where(_S.c.due <= write.now, _S.c.lease_until.is_(None) | (_S.c.lease_until < time))
        .order_by(_S.c.due)
        .limit(write.limit)
        .with_for_update(skip_locked=True, of=_S)
    )
    full, shut = write.steps.full(), write.steps.shut()
    if not full and not shut:
        return query
    # The accounts that may, one after the other: what thousands of tasks of another wait for is not even read.
    accounts = distinct(_S.c.account_id).c.value
    may = [
        select(accounts.label("account_id"), literal(kind, Text).label("kind")).where(
            accounts.not_in([account for other, account in full if other == kind])
        )
        for kind in KINDS
        if kind not in shut
    ]
    if not may:
        return query.where(false())
    those = union_all(*may).subquery("may")
    return query.join(those, and_(_S.c.account_id == those.c.account_id, _S.c.kind == those.c.kind))


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

_ROWS: Final[Select[tuple[int, float, int, Kind]]] = select(_S.c.task_id, _S.c.due, _S.c.account_id, _S.c.kind)

# A wake that came while the step ran is kept: the task is due at once, whatever the step wished.
_WISHED = case((_S.c.woken, bindparam("b_now", type_=Double)), else_=bindparam("b_due", type_=Double))

_RELEASED = {"due": _WISHED, "woken": False, "lease_owner": None, "lease_until": None, "claim": None, "pool": None}

RESCHEDULE = update(_S).where(_S.c.task_id == bindparam("b_task_id")).values({**_RELEASED, "kind": bindparam("b_kind")})

_REST = (
    update(_S).where(_S.c.task_id == bindparam("b_task_id"), _S.c.lease_owner == bindparam("b_owner")).values(_RELEASED)
)

WAKE = update(_S).where(_S.c.task_id == bindparam("b_task_id")).values(due=bindparam("b_now"), woken=True)

_SOONER = (
    update(_S)
    .where(_S.c.task_id == bindparam("b_task_id"), _S.c.due.is_(None) | (_S.c.due > bindparam("b_due")))
    .values(due=bindparam("b_due"))
)

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

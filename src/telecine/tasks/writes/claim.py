"""Taking what is due: a lease each, as far as there are places for the accounts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final, NamedTuple

import msgspec
from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    ColumnElement,
    Connection,
    Double,
    Integer,
    Select,
    Subquery,
    Text,
    all_,
    and_,
    bindparam,
    literal,
    select,
    true,
    union_all,
    update,
)

from telecine.store import tables
from telecine.store.database import lease_time
from telecine.store.distinct import distinct
from telecine.store.locks import NO_LOCKS, Locks
from telecine.tasks.steps import KINDS, Kind, Steps
from telecine.tasks.underway import Underway, read_underway
from telecine.tasks.writes.schedule import LEASE_SECONDS


class Claimed(NamedTuple):
    """A task that has just been leased: when it was due, and for whom and what that is counted."""

    task_id: int
    due: float
    account_id: int
    kind: Kind
    job: Underway | None = None
    """What is to be polled, where its upstream has named it."""


class Claim(msgspec.Struct, frozen=True):
    """Lease at most `limit` due tasks to `owner`, as far as there are places for their accounts' steps.

    Result: what was leased, the earliest first; and when the next one will be due, which is now where more may be. A
    claim whose answer was lost answers the tasks that it has already: nobody else would come for them while the lease
    lasts.
    """

    order: ClassVar[int] = 50
    key: ClassVar[str] = "claim"
    locks: ClassVar[Locks] = NO_LOCKS
    """None: what it finds it takes only where nobody else has it."""
    owner: str
    limit: int
    now: float
    steps: Steps
    """What is shared among accounts; only read."""
    token: int
    """Drawn at random for each claim; the same one where a claim that was not answered is made again."""
    unheard: bool = False
    """An earlier claim with this token was not answered."""

    @classmethod
    def apply(
        cls, connection: Connection, writes: Sequence[Claim], *, again: bool
    ) -> Sequence[tuple[list[Claimed], float | None] | Exception]:
        (write,) = writes
        time = lease_time(connection, write.now)
        found: list[Claimed] = []
        if again or write.unheard:  # it may have leased some before, and nobody was told
            query = _ROWS.where(_S.c.lease_owner == write.owner, _S.c.claim == write.token).order_by(_S.c.due)
            found = [Claimed(*row) for row in connection.execute(query.with_for_update(skip_locked=True))]
        seen = len(found)
        if not found:
            due, seen = _due(connection, write, time)
            places = write.steps.copy()  # a copy, for a write has no effect outside the database
            found = [one for one in due if places[one.kind].try_take(one.account_id)]
        if found:
            lease = {"b_owner": write.owner, "b_until": time + LEASE_SECONDS, "b_claim": write.token}
            connection.execute(_LEASE, {"b_ids": [one.task_id for one in found], **lease})
            jobs = read_underway(connection, [one.task_id for one in found if one.kind == "poll"])
            found = [Claimed(*one[:4], jobs.get(one.task_id)) for one in found]
            if seen == write.limit:
                return [(found, write.now)]
        upcoming = connection.execute(_UPCOMING, {"b_now": write.now})
        return [(found, upcoming.scalar_one_or_none())]


def _due(connection: Connection, write: Claim, time: float) -> tuple[list[Claimed], int]:
    """What is due and nobody's at `time`, the earliest first, of whoever may begin a step; and how many rows there
    were, those among them that another process takes just now."""
    full, shut = write.steps.full(), write.steps.shut()
    if len(shut) == len(KINDS):
        return [], 0
    ready = {"b_now": write.now, "b_time": time, "b_limit": write.limit}
    theirs = {kind: [account for other, account in full if other == kind] for kind in KINDS}
    if (full or shut) and connection.dialect.name == "postgresql":
        lists = {f"b_full_{kind}": theirs[kind] for kind in KINDS} | {
            f"b_open_{kind}": kind not in shut for kind in KINDS
        }
        rows = connection.execute(_LOOKED_UP, ready | lists).all()
        return [Claimed(*row) for row in rows if row.task_id is not None], len(rows)
    query = _FIRST
    if full or shut:
        may = _who_may({kind: _ACCOUNTS.c.value.not_in(theirs[kind]) for kind in KINDS if kind not in shut})
        query = query.join(may, and_(_S.c.account_id == may.c.account_id, _S.c.kind == may.c.kind))
    found = [Claimed(*row) for row in connection.execute(query, ready)]
    return found, len(found)


def _who_may(kinds: Mapping[Kind, ColumnElement[bool]]) -> Subquery:
    """The accounts that may begin a step, by the kind of it under the condition for it: what thousands of tasks of
    another wait for is not even read."""
    may = [
        select(_ACCOUNTS.c.value.label("account_id"), literal(kind, Text).label("kind")).where(open_)
        for kind, open_ in kinds.items()
    ]
    return union_all(*may).subquery("may")


def _looked_up() -> Select[Any]:
    """The first rows of those who may, by one look at the index for each of them; nulls where somebody else has the
    row.

    For PostgreSQL, which would rather walk through all that is due; SQLite does not, and has no such looks. They lock
    nothing: each may find as much as a claim takes, and only that is to be kept from others. The statement is the same
    for whoever is full, and prepared once.
    """
    may = _who_may(
        {
            kind: and_(
                bindparam(f"b_open_{kind}", type_=Boolean),
                _ACCOUNTS.c.value != all_(bindparam(f"b_full_{kind}", type_=ARRAY(BigInteger))),
            )
            for kind in KINDS
        }
    )
    mine = (_S.c.account_id == may.c.account_id, _S.c.kind == may.c.kind)
    look = select(_S.c.task_id, _S.c.due).where(*mine, _READY).order_by(_S.c.due).limit(_LIMIT).lateral("look")
    first = select(look.c.task_id, look.c.due).select_from(may.join(look, true()))
    chosen = first.order_by(look.c.due).limit(_LIMIT).cte("chosen")
    row = _ROWS.where(_S.c.task_id == chosen.c.task_id, _READY).with_for_update(skip_locked=True).lateral("row")
    return select(row).select_from(chosen.outerjoin(row, true())).order_by(chosen.c.due)


_S = tables.schedule
_ACCOUNTS: Final = distinct(_S.c.account_id)
_ROWS: Final[Select[int, float, int, Kind]] = select(_S.c.task_id, _S.c.due, _S.c.account_id, _S.c.kind)
_LIMIT: Final = bindparam("b_limit", type_=Integer)
_READY: Final = and_(
    _S.c.due <= bindparam("b_now", type_=Double),
    _S.c.lease_until.is_(None) | (_S.c.lease_until < bindparam("b_time", type_=Double)),
)
_FIRST: Final = _ROWS.where(_READY).order_by(_S.c.due).limit(_LIMIT).with_for_update(skip_locked=True, of=_S)
_LOOKED_UP: Final = _looked_up()

_UPCOMING: Final = select(_S.c.due).where(_S.c.due > bindparam("b_now")).order_by(_S.c.due).limit(1)

_LEASE = (
    update(_S)
    .where(_S.c.task_id.in_(bindparam("b_ids", expanding=True)))  # locked by now
    .values(lease_owner=bindparam("b_owner"), lease_until=bindparam("b_until"), claim=bindparam("b_claim"), woken=False)
)

"""The ledger: append-only entries, and the sums that they keep on their account, in one transaction with the cause.

Every entry is unique per (ref_type, ref_id, kind), so a replayed step can never move money twice. A hold takes from
what is available, a charge ends it by what was really used, a release ends it for nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, Final, Literal

import msgspec
from sqlalchemy import and_, bindparam, case, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from telecine.accounts.spending import note_spending
from telecine.store import tables

EntryKind = Literal["deposit", "hold", "charge", "release"]
_ENDS: Final = ("charge", "release")


class Hold(msgspec.Struct, frozen=True):
    """Micro-units to be set aside for a task."""

    account_id: int
    task_id: int
    key_id: int | None
    amount: int
    at: float


class Settlement(msgspec.Struct, frozen=True):
    """The end of a hold: a charge of `amount` micro-units, which may exceed what was held, or a release.

    `held_at`: when it was held. Its end counts in the same month of the budgets, so that it frees nothing in another.
    """

    account_id: int
    task_id: int
    key_id: int | None
    kind: Literal["charge", "release"]
    held: int
    amount: int
    held_at: float
    at: float


async def hold(connection: AsyncConnection, holds: Sequence[Hold]) -> set[int]:
    """Set aside what the accounts can cover; the ids of the tasks that could not be covered.

    The accounts are locked by now (`telecine.store.locks`). Holds are added up by account and written as one update
    each. Where the sum is more than an account has, its holds are granted one by one.
    """
    if not holds:
        return set()
    rows = await connection.execute(
        select(_ACCOUNTS.c.id, _ACCOUNTS.c.limited, _ACCOUNTS.c.balance, _ACCOUNTS.c.held).where(
            _ACCOUNTS.c.id.in_({one.account_id for one in holds})
        )
    )
    room = {row.id: row.balance - row.held if row.limited else None for row in rows.all()}
    granted: list[Hold] = []
    refused: set[int] = set()
    for one in sorted(holds, key=lambda item: item.task_id):
        free = room[one.account_id]
        if free is not None and free < one.amount:
            refused.add(one.task_id)
            continue
        if free is not None:
            room[one.account_id] = free - one.amount
        granted.append(one)
    await _move(connection, [(one.account_id, 0, one.amount, 0) for one in granted])
    await _record(connection, [_entry(one, "hold", balance=0, held=one.amount) for one in granted])
    await note_spending(connection, [(one.account_id, one.key_id, one.at, one.amount) for one in granted])
    return refused


async def settle(connection: AsyncConnection, settlements: Sequence[Settlement]) -> None:
    """End holds by charges and releases. The accounts are locked by now."""
    if not settlements:
        return
    await _move(connection, [(one.account_id, -one.amount, -one.held, one.amount) for one in settlements])
    await _record(connection, [_entry(one, one.kind, balance=-one.amount, held=-one.held) for one in settlements])
    await note_spending(
        connection, [(one.account_id, one.key_id, one.held_at, one.amount - one.held) for one in settlements]
    )


async def deposit(
    connection: AsyncConnection, account_id: int, micros: int, *, ref_type: str, ref_id: str, at: float
) -> None:
    """Add `micros` (negative: take away) to an account's balance."""
    await _move(connection, [(account_id, micros, 0, 0)])
    await _record(
        connection,
        [
            {
                "ref_type": ref_type,
                "ref_id": ref_id,
                "kind": "deposit",
                "account_id": account_id,
                "key_id": None,
                "balance_delta": micros,
                "held_delta": 0,
                "at": at,
            }
        ],
    )


class Problem(msgspec.Struct, frozen=True):
    """One thing that `check` found wrong."""

    rule: str
    subject: str
    detail: str


RULES: Final[dict[str, str]] = {
    "sums": "balances equal the sums of the entries",
    "open holds": "no open hold without a task that lives",
    "unsettled ends": "no ended task with an open hold",
    "ends": "every hold ends once, by as much as was held, and nothing ends without one",
    "charges": "tasks say what their entries say",
    "budgets": "what budgets count is what is held and was charged",
}


async def check(connection: AsyncConnection) -> list[Problem]:
    """Everything that must hold of the books and does not: the empty list is the good answer."""
    return [
        *await _sums_differ(connection),
        *await _holds_without_life(connection),
        *await _ends_without_settlement(connection),
        *await _ends_differ(connection),
        *await _charges_differ(connection),
        *await _spending_differs(connection),
    ]


async def _sums_differ(connection: AsyncConnection) -> list[Problem]:
    """Balances, held and spent sums equal the sums of the entries."""
    entry = _ENTRIES.c
    sums = (
        select(
            entry.account_id,
            func.sum(entry.balance_delta).label("balance"),
            func.sum(entry.held_delta).label("held"),
        )
        .group_by(entry.account_id)
        .subquery()
    )
    spent = (
        select(entry.account_id, (-func.sum(entry.balance_delta)).label("spent"))
        .where(entry.kind == "charge")
        .group_by(entry.account_id)
        .subquery()
    )
    rows = await connection.execute(
        select(
            _ACCOUNTS.c.name,
            _ACCOUNTS.c.balance,
            func.coalesce(sums.c.balance, 0),
            _ACCOUNTS.c.held,
            func.coalesce(sums.c.held, 0),
            _ACCOUNTS.c.spent,
            func.coalesce(spent.c.spent, 0),
        )
        .outerjoin(sums, sums.c.account_id == _ACCOUNTS.c.id)
        .outerjoin(spent, spent.c.account_id == _ACCOUNTS.c.id)
    )
    found = []
    for name, *figures in rows.all():
        for what, is_, should in zip(("balance", "held", "spent"), figures[::2], figures[1::2], strict=True):
            if int(is_) != int(should):
                found.append(Problem("sums", f"account {name}", f"{what} is {is_}, its entries sum to {should}"))
    return found


async def _holds_without_life(connection: AsyncConnection) -> list[Problem]:
    """No open hold without a task that has not ended."""
    entry, other = _ENTRIES.c, _ENTRIES.alias().c
    ended = select(other.ref_id).where(other.ref_type == "task", other.ref_id == entry.ref_id, other.kind.in_(_ENDS))
    rows = await connection.execute(
        select(entry.ref_id).where(entry.ref_type == "task", entry.kind == "hold", ~ended.exists())
    )
    open_holds = set(rows.scalars())
    living = await connection.execute(select(_TASKS.c.id).where(_TASKS.c.ended_at.is_(None)))
    dead = open_holds - {str(one) for one in living.scalars()}
    return [
        Problem("open holds", f"task {one}", "its hold is open, but it has ended or is gone") for one in sorted(dead)
    ]


async def _ends_without_settlement(connection: AsyncConnection) -> list[Problem]:
    """No ended task with a hold that is still open, and none that lives with a settled one."""
    rows = await connection.execute(
        select(_TASKS.c.id, _TASKS.c.state).where(
            _TASKS.c.held > 0, _TASKS.c.charged.is_(None), _TASKS.c.state.in_(("succeeded", "failed", "cancelled"))
        )
    )
    return [
        Problem("unsettled ends", f"task {one}", f"it is {state}, but was never settled") for one, state in rows.all()
    ]


async def _ends_differ(connection: AsyncConnection) -> list[Problem]:
    """Every hold ends once, by as much as was held, and nothing ends without one."""
    entry = _ENTRIES.c
    ends = func.sum(case((entry.kind.in_(_ENDS), 1), else_=0)).label("ends")
    holds = func.sum(case((entry.kind == "hold", 1), else_=0)).label("holds")
    left = func.sum(entry.held_delta).label("left")
    sums = select(entry.ref_id, holds, ends, left).where(entry.ref_type == "task").group_by(entry.ref_id).subquery()
    rows = await connection.execute(
        select(sums).where(
            or_(sums.c.holds != 1, sums.c.ends > 1, and_(sums.c.ends == 1, sums.c.left != 0), sums.c.left < 0)
        )
    )
    return [
        Problem(
            "ends", f"task {ref}", f"it was held {holds} times and ended {ends} times, and {int(left)} of it is left"
        )
        for ref, holds, ends, left in rows.all()
    ]


async def _charges_differ(connection: AsyncConnection) -> list[Problem]:
    """What a task says it was charged is what its entry says."""
    rows = await connection.execute(
        select(_ENTRIES.c.ref_id, -_ENTRIES.c.balance_delta).where(
            _ENTRIES.c.ref_type == "task", _ENTRIES.c.kind.in_(_ENDS)
        )
    )
    booked: Counter[int] = Counter()
    for ref, amount in rows.all():
        booked[int(ref)] += int(amount)
    tasks = await connection.execute(select(_TASKS.c.id, _TASKS.c.charged).where(_TASKS.c.charged.is_not(None)))
    said = {one: int(charged) for one, charged in tasks.all()}
    return [
        Problem("charges", f"task {one}", f"it says {said.get(one)}, its entries say {booked.get(one)}")
        for one in sorted(said.keys() | booked.keys())
        if said.get(one) != booked.get(one)
    ]


async def _spending_differs(connection: AsyncConnection) -> list[Problem]:
    """What the budget of an account counts, over all months, is what it holds and what it was charged."""
    spending = tables.spending.c
    sums = (
        select(spending.id, func.sum(spending.committed).label("committed"))
        .where(spending.owner == "account")
        .group_by(spending.id)
        .subquery()
    )
    rows = await connection.execute(
        select(_ACCOUNTS.c.name, func.coalesce(sums.c.committed, 0), _ACCOUNTS.c.held + _ACCOUNTS.c.spent).outerjoin(
            sums, sums.c.id == _ACCOUNTS.c.id
        )
    )
    return [
        Problem("budgets", f"account {name}", f"{count} are counted, {should} are held and charged")
        for name, count, should in rows.all()
        if int(count) != int(should)
    ]


async def _move(connection: AsyncConnection, deltas: Iterable[tuple[int, int, int, int]]) -> None:
    """Add (account, balance, held, spent) to the accounts, one update each."""
    sums: dict[int, list[int]] = {}
    for account_id, *parts in deltas:
        total = sums.setdefault(account_id, [0, 0, 0])
        for index, part in enumerate(parts):
            total[index] += part
    rows = [
        {"b_id": account_id, "b_balance": balance, "b_held": held, "b_spent": spent}
        for account_id, (balance, held, spent) in sorted(sums.items())
    ]
    if rows:
        await connection.execute(_MOVE, rows)


async def _record(connection: AsyncConnection, entries: list[dict[str, Any]]) -> None:
    if entries:
        await connection.execute(insert(_ENTRIES), entries)


def _entry(one: Hold | Settlement, kind: EntryKind, *, balance: int, held: int) -> dict[str, Any]:
    return {
        "ref_type": "task",
        "ref_id": str(one.task_id),
        "kind": kind,
        "account_id": one.account_id,
        "key_id": one.key_id,
        "balance_delta": balance,
        "held_delta": held,
        "at": one.at,
    }


_ACCOUNTS = tables.accounts
_ENTRIES = tables.ledger_entries
_TASKS = tables.tasks
_MOVE = (
    update(_ACCOUNTS)
    .where(_ACCOUNTS.c.id == bindparam("b_id"))
    .values(
        balance=_ACCOUNTS.c.balance + bindparam("b_balance"),
        held=_ACCOUNTS.c.held + bindparam("b_held"),
        spent=_ACCOUNTS.c.spent + bindparam("b_spent"),
    )
)

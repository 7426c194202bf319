"""The ledger: append-only entries, and the sums that they keep on their account, in one transaction with the cause.

Every entry is unique per (ref_type, ref_id, kind), so a replayed step can never move money twice. A hold takes from
what is available, an adjustment makes it larger or smaller, once, a charge ends it by what was really used, a release
ends it for nothing. What is held for says its own kind: a task is one of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final, Literal, NamedTuple

import msgspec
from sqlalchemy import Connection, bindparam, insert, select, update

from telecine.accounts.spending import note_spending
from telecine.nouns.errors import GatewayError, invalid
from telecine.nouns.money import MICROS, MOST_SUM, amount_of
from telecine.store import tables
from telecine.store.inserts import insert_new
from telecine.store.prepared import Prepared

EntryKind = Literal["deposit", "hold", "adjust", "charge", "release"]


TASK: Final = "task"
"""The type of a task's reference."""


class Ref(NamedTuple):
    """What money is held for."""

    type: str
    """A word without a hyphen."""
    id: str
    """Never used again for another of that type."""

    @classmethod
    def task(cls, task_id: int) -> Ref:
        """A task, as entries call it."""
        return cls(TASK, str(task_id))


class Hold(msgspec.Struct, frozen=True):
    """Micro-units to be set aside for something; with `adjust`, so many more than were set aside at `held_at`."""

    account_id: int
    ref: Ref
    key_id: int | None
    amount: int
    at: float
    kind: Literal["hold", "adjust"] = "hold"
    held_at: float | None = None
    """When the hold began that is adjusted: it counts in that month of the budgets."""


class Settlement(msgspec.Struct, frozen=True):
    """The end of a hold: a charge of `amount` micro-units, which may exceed what was held, or a release.

    `held_at`: when it was held. Its end counts in the same month of the budgets, so that it frees nothing in another.
    """

    account_id: int
    ref: Ref
    key_id: int | None
    kind: Literal["charge", "release"]
    held: int
    amount: int
    held_at: float
    at: float


def hold(connection: Connection, holds: Sequence[Hold]) -> dict[Ref, GatewayError]:
    """Set aside what the accounts can cover, whoever came first; by what could not be covered, why.

    The accounts are locked by now (`telecine.store.locks`). Holds are added up by account and written as one update
    each. Where the sum is more than an account has, its holds are granted one by one.
    """
    if not holds:
        return {}
    rows = connection.execute(_COVERED, {"b_ids": list({one.account_id for one in holds})})
    left = {row.id: [MOST_SUM - row.spent - row.held, row.balance - row.held, row.limited] for row in rows.all()}
    granted: list[Hold] = []
    refused: dict[Ref, GatewayError] = {}
    for one in sorted(holds, key=lambda item: item.at):
        room, free, limited = left[one.account_id]
        if room < one.amount:
            refused[one.ref] = GatewayError("insufficient_balance", _FULL)
        elif limited and free < one.amount >= 0:
            more = " more" if one.kind == "adjust" else ""
            message = f"The account's balance does not cover this job, which needs {amount_of(one.amount)}{more}."
            refused[one.ref] = GatewayError("insufficient_balance", message)
        else:
            left[one.account_id] = [room - one.amount, free - one.amount, limited]
            granted.append(one)
    _move(connection, [(one.account_id, 0, one.amount, 0) for one in granted])
    _RECORD.run(connection, [_entry(one, one.kind, balance=0, held=one.amount) for one in granted])
    note_spending(connection, [(one.account_id, one.key_id, one.held_at or one.at, one.amount) for one in granted])
    return refused


def settle(connection: Connection, settlements: Sequence[Settlement]) -> None:
    """End holds by charges and releases. The accounts are locked by now."""
    if not settlements:
        return
    _move(connection, [(one.account_id, -one.amount, -one.held, one.amount) for one in settlements])
    _RECORD.run(connection, [_entry(one, one.kind, balance=-one.amount, held=-one.held) for one in settlements])
    note_spending(connection, [(one.account_id, one.key_id, one.held_at, one.amount - one.held) for one in settlements])


def deposit(connection: Connection, account_id: int, micros: int, *, ref_type: str, ref_id: str, at: float) -> bool:
    """Add `micros` (negative: take away) to an account's balance; False where there is a deposit of that name, and then
    nothing moves. Raises GatewayError (`invalid_request`) where the balance would grow too large to be counted with."""
    row = {
        "ref_type": ref_type,
        "ref_id": ref_id,
        "kind": "deposit",
        "account_id": account_id,
        "key_id": None,
        "balance_delta": micros,
        "held_delta": 0,
        "at": at,
    }
    made = insert_new(connection, _ENTRIES, row)
    if made:
        _check_room(connection, account_id, micros)
        _move(connection, [(account_id, micros, 0, 0)])
    return made


def _check_room(connection: Connection, account_id: int, micros: int) -> None:
    there = select(_ACCOUNTS.c.balance).where(_ACCOUNTS.c.id == account_id).with_for_update(key_share=True)
    if abs(connection.execute(there).scalar_one() + micros) > MOST_SUM:
        raise invalid(f"amount: no balance may come to more than {MOST_SUM // MICROS}.", "amount")


def _move(connection: Connection, deltas: Iterable[tuple[int, int, int, int]]) -> None:
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
    _MOVE.run(connection, rows)


def _entry(one: Hold | Settlement, kind: EntryKind, *, balance: int, held: int) -> dict[str, Any]:
    return {
        "ref_type": one.ref.type,
        "ref_id": one.ref.id,
        "kind": kind,
        "account_id": one.account_id,
        "key_id": one.key_id,
        "balance_delta": balance,
        "held_delta": held,
        "at": one.at,
    }


_ACCOUNTS = tables.accounts
_FULL: Final = (
    f"What the account has spent and holds would come to more than {MOST_SUM // MICROS}, the most that can be counted "
    "with; use another account."
)
_ENTRIES = tables.ledger_entries
_COVERED = select(_ACCOUNTS.c.id, _ACCOUNTS.c.limited, _ACCOUNTS.c.balance, _ACCOUNTS.c.held, _ACCOUNTS.c.spent).where(
    _ACCOUNTS.c.id.in_(bindparam("b_ids", expanding=True))
)
_RECORD = Prepared(insert(_ENTRIES))
_MOVE = Prepared(
    update(_ACCOUNTS)
    .where(_ACCOUNTS.c.id == bindparam("b_id"))
    .values(
        balance=_ACCOUNTS.c.balance + bindparam("b_balance"),
        held=_ACCOUNTS.c.held + bindparam("b_held"),
        spent=_ACCOUNTS.c.spent + bindparam("b_spent"),
    )
)

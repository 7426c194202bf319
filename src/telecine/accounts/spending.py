"""What keys and accounts have committed, held and charged, month by month, and whether their budgets cover more.

Guarantees: a job counts in the month of its hold, its end as well, so that it frees nothing in another. The sums move
in the transaction of the entries. Those of an account count all that it pays for, by whatever key.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from datetime import UTC, datetime

from sqlalchemy import Connection, select, tuple_

from telecine.accounts.principal import Bound, Bounds, Owner
from telecine.nouns.errors import GatewayError
from telecine.nouns.money import amount_of
from telecine.store import tables
from telecine.store.inserts import upsert

Committed = Counter[tuple[Owner, int | None, int | None]]
"""Micro-units by (owner, id, month), and by (owner, id, None) for ever."""


def note_spending(connection: Connection, amounts: Iterable[tuple[int, int | None, float, int]]) -> None:
    """Add (account, key, moment, micro-units) to what is committed. The accounts are locked by now."""
    sums: Counter[tuple[Owner, int, int]] = Counter()
    for account_id, key_id, at, amount in amounts:
        month = month_of(at)
        sums["account", account_id, month] += amount
        if key_id is not None:
            sums["key", key_id, month] += amount
    rows = [
        {"owner": owner, "id": identity, "month": month, "committed": amount}
        for (owner, identity, month), amount in sorted(sums.items())
        if amount
    ]
    upsert(connection, tables.spending, rows, added=frozenset({"committed"}))


def committed(connection: Connection, owners: Collection[tuple[Owner, int | None]]) -> Committed:
    """What these have committed; no statement where there are none."""
    found: Committed = Counter()
    if not owners:
        return found
    rows = connection.execute(
        select(_TABLE.owner, _TABLE.id, _TABLE.month, _TABLE.committed).where(
            tuple_(_TABLE.owner, _TABLE.id).in_(sorted((owner, one) for owner, one in owners if one is not None))
        )
    )
    for owner, identity, month, amount in rows.all():
        found[owner, identity, month] += int(amount)
        found[owner, identity, None] += int(amount)
    return found


def check_budget(bound: Bound, spent: Committed, month: int, amount: int) -> GatewayError | None:
    """Why `amount` more micro-units may not be held in `month`; None where they may."""
    for what, budget, gone in _budgets(bound, spent, month):
        if amount > 0 and gone + amount > budget:
            left = amount_of(max(0, budget - gone))
            message = f"This {bound.owner}'s {what} of {amount_of(budget)} does not cover the job: {left} are left."
            return GatewayError("insufficient_balance", message)
    return None


def room(connection: Connection, owner: Owner, identity: int, bounds: Bounds, now: float) -> int | None:
    """What the budgets leave; None where there are none, and then no statement is sent."""
    if not bounds.budgeted:
        return None
    spent = committed(connection, [(owner, identity)])
    found = _budgets(Bound(owner, identity, bounds), spent, month_of(now))
    return min(max(0, budget - gone) for _, budget, gone in found)


def month_of(at: float) -> int:
    """The calendar month of a moment, UTC, as `202611`."""
    moment = datetime.fromtimestamp(int(at), UTC)
    return moment.year * 100 + moment.month


def _budgets(bound: Bound, spent: Committed, month: int) -> list[tuple[str, int, int]]:
    """The budgets that there are: their name, their amount, and what of it is gone."""
    both = (
        ("budget", bound.bounds.budget, spent[bound.owner, bound.id, None]),
        ("monthly budget", bound.bounds.monthly_budget, spent[bound.owner, bound.id, month]),
    )
    return [(what, budget, gone) for what, budget, gone in both if budget is not None]


_TABLE = tables.spending.c

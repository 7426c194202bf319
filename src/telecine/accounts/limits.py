"""What a key and its account may do: requests in so much time, tasks in flight, budgets, and from which addresses.

Guarantees: tasks in flight and budgets are checked in the transaction that creates the task, against the records, so
they hold under concurrency and after a restart. Requests in so much time are counted in the memory of each process, as
are tokens (see `telecine.accounts.tokens`).
"""

from __future__ import annotations

import ipaddress
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

import msgspec
from sqlalchemy import bindparam, func, insert, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from telecine.accounts.principal import Bounds, Principal
from telecine.nouns.errors import GatewayError, invalid
from telecine.nouns.money import amount_of, micros_of
from telecine.nouns.rate import Rate, Windows, rate_of
from telecine.store import tables

_COME_BACK: Final = 10.0
"""Seconds after which somebody with too many tasks in flight may look again: nobody can tell when one will end."""


class KeyLimits(msgspec.Struct, frozen=True, kw_only=True):
    """The limits of a key as the operator writes them; None is no limit. Budgets are in the currency of the prices."""

    rate_limit: str | None = None
    token_limit: str | None = None
    max_tasks_in_flight: int | None = None
    ips: tuple[str, ...] | None = None
    """Networks (CIDR) from which alone the key works."""
    budget: Decimal | None = None
    monthly_budget: Decimal | None = None
    """For one calendar month, UTC."""

    def row(self) -> dict[str, Any]:
        """The columns of `keys`. Raises GatewayError (`invalid_request`) naming the field that is not right."""
        _checked("rate_limit", self.rate_limit, rate_of)
        _checked("token_limit", self.token_limit, rate_of)
        _checked("ips", self.ips, lambda ips: [ipaddress.ip_network(one) for one in ips])
        if self.max_tasks_in_flight is not None and self.max_tasks_in_flight < 1:
            raise invalid("max_tasks_in_flight: must be 1 or more.", "max_tasks_in_flight")
        return {
            "rate_limit": self.rate_limit,
            "token_limit": self.token_limit,
            "max_tasks_in_flight": self.max_tasks_in_flight,
            "ips": msgspec.json.encode(self.ips).decode() if self.ips is not None else None,
            "budget": _checked("budget", self.budget, micros_of),
            "monthly_budget": _checked("monthly_budget", self.monthly_budget, micros_of),
        }


NO_LIMITS: Final = KeyLimits()


def limits_of(row: Any) -> KeyLimits:
    """The limits in a row of `keys`."""
    return KeyLimits(
        rate_limit=row["rate_limit"],
        token_limit=row["token_limit"],
        max_tasks_in_flight=row["max_tasks_in_flight"],
        ips=msgspec.json.decode(row["ips"], type=tuple[str, ...]) if row["ips"] is not None else None,
        budget=_decimal(row["budget"]),
        monthly_budget=_decimal(row["monthly_budget"]),
    )


def bounds_of(row: Any) -> Bounds:
    """The limits in a row of `keys` with those of its account (`account_…`), ready to be checked."""
    limits = limits_of(row)
    return Bounds(
        rate=_rate(limits.rate_limit),
        account_rate=_rate(row["account_rate_limit"]),
        token_rate=_rate(limits.token_limit),
        account_token_rate=_rate(row["account_token_limit"]),
        tasks=limits.max_tasks_in_flight,
        account_tasks=row["account_tasks"],
        networks=None if limits.ips is None else tuple(ipaddress.ip_network(one) for one in limits.ips),
        budget=row["budget"],
        monthly_budget=row["monthly_budget"],
    )


class Standing(msgspec.Struct, frozen=True):
    """How a limited caller stands after a request: of `limit` requests, `remaining` fit before `reset` seconds."""

    limit: int
    remaining: int
    reset: float
    refusal: GatewayError | None = None
    """Why this request is not served."""


class RequestLimits:
    """The requests that this process has counted."""

    def __init__(self) -> None:
        self._windows = Windows()

    def count(self, principal: Principal, now: float) -> Standing | None:
        """Count one request, unless it is refused; None for a caller without a limit."""
        bounds = principal.bounds
        limited = [
            (self._windows.of((owner, identity), now), rate, owner)
            for owner, identity, rate in (
                ("key", principal.key_id, bounds.rate),
                ("account", principal.account_id, bounds.account_rate),
            )
            if rate is not None
        ]
        for window, rate, owner in limited:
            if (wait := window.wait(rate, now)) > 0:
                return Standing(rate.amount, 0, wait, _too_many(owner, rate, wait))
        for window, _, _ in limited:
            window.take(now)
        standings = [
            Standing(rate.amount, window.remaining(rate, now), float(rate.seconds)) for window, rate, _ in limited
        ]
        return min(standings, key=lambda one: one.remaining, default=None)


class Admission(msgspec.Struct, frozen=True, kw_only=True):
    """A task that wants to be created, with `amount` micro-units to be held for it."""

    task_id: int
    account_id: int
    key_id: int | None
    amount: int
    at: float
    bounds: Bounds


async def admit(connection: AsyncConnection, wanted: Sequence[Admission]) -> dict[int, GatewayError]:
    """Why tasks may not be created, by task id, in the transaction that creates the others.

    An account is locked where a limit of its own or of one of its keys has to be kept, so that no two creates can take
    the same last place.
    """
    if not any(one.bounds.at_create for one in wanted):
        return {}
    accounts = {one.account_id for one in wanted if one.bounds.at_create}
    await connection.execute(
        select(_ACCOUNTS.c.id)
        .where(_ACCOUNTS.c.id.in_(accounts))
        .order_by(_ACCOUNTS.c.id)
        .with_for_update(key_share=True)
    )
    flying = await _in_flight(connection, accounts)
    budgeted = {one.key_id for one in wanted if one.key_id is not None and one.bounds.budgeted}
    spent = await _committed(connection, budgeted) if budgeted else Counter()
    refused: dict[int, GatewayError] = {}
    for one in sorted(wanted, key=lambda item: item.task_id):
        account, key, month = ("account", one.account_id), ("key", one.key_id), month_of(one.at)
        error = _crowded(one.bounds, flying[account], flying[key]) or check_budget(
            one.bounds, spent[one.key_id, None], spent[one.key_id, month], one.amount
        )
        if error is not None:
            refused[one.task_id] = error
            continue
        flying.update((account, key))
        spent.update({(one.key_id, None): one.amount, (one.key_id, month): one.amount})
    return refused


def check_budget(bounds: Bounds, total: int, month: int, amount: int) -> GatewayError | None:
    """Why a key that has committed `total` micro-units ever and `month` this month may not hold `amount` more."""
    for what, budget, committed in (
        ("budget", bounds.budget, total),
        ("monthly budget", bounds.monthly_budget, month),
    ):
        if budget is not None and amount > 0 and committed + amount > budget:
            left = amount_of(max(0, budget - committed))
            message = f"This key's {what} of {amount_of(budget)} does not cover the job: {left} are left."
            return GatewayError("insufficient_balance", message)
    return None


async def note_spending(connection: AsyncConnection, amounts: Iterable[tuple[int | None, float, int]]) -> None:
    """Add (key, moment, micro-units) to what the keys have committed. Their accounts are locked by now."""
    sums: Counter[tuple[int, int]] = Counter()
    for key_id, at, amount in amounts:
        if key_id is not None:
            sums[key_id, month_of(at)] += amount
    moved = {place: amount for place, amount in sums.items() if amount}
    if not moved:
        return
    table = tables.key_spending.c
    found = await connection.execute(
        select(table.key_id, table.month).where(tuple_(table.key_id, table.month).in_(list(moved)))
    )
    there = {(key, month) for key, month in found.all()}
    old, new = sorted(moved.keys() & there), sorted(moved.keys() - there)
    if old:
        await connection.execute(
            _SPEND, [{"b_key": key, "b_month": month, "b_delta": moved[key, month]} for key, month in old]
        )
    if new:
        await connection.execute(
            insert(tables.key_spending),
            [{"key_id": key, "month": month, "committed": moved[key, month]} for key, month in new],
        )


def month_of(at: float) -> int:
    """The calendar month of a moment, UTC, as `202611`."""
    moment = datetime.fromtimestamp(at, UTC)
    return moment.year * 100 + moment.month


def _crowded(bounds: Bounds, account: int, key: int) -> GatewayError | None:
    for owner, most, count in (("key", bounds.tasks, key), ("account", bounds.account_tasks, account)):
        if most is not None and count >= most:
            message = f"This {owner} has {count} tasks in flight, and may have {most}; wait until one has ended."
            return GatewayError("rate_limited", message, retry_after=_COME_BACK)
    return None


async def _in_flight(connection: AsyncConnection, accounts: Iterable[int]) -> Counter[tuple[str, int | None]]:
    """How many tasks have not ended, by account and by key."""
    table = tables.tasks.c
    rows = await connection.execute(
        select(table.account_id, table.key_id, func.count())
        .where(table.account_id.in_(list(accounts)), table.ended_at.is_(None))
        .group_by(table.account_id, table.key_id)
    )
    counts: Counter[tuple[str, int | None]] = Counter()
    for account, key, count in rows.all():
        counts["account", account] += count
        counts["key", key] += count
    return counts


async def _committed(connection: AsyncConnection, keys: Iterable[int]) -> Counter[tuple[int | None, int | None]]:
    """Micro-units held and charged, by (key, month), and by (key, None) for ever."""
    table = tables.key_spending.c
    rows = await connection.execute(
        select(table.key_id, table.month, table.committed).where(table.key_id.in_(list(keys)))
    )
    found: Counter[tuple[int | None, int | None]] = Counter()
    for key, month, committed in rows.all():
        found[key, month] += committed
        found[key, None] += committed
    return found


def _too_many(owner: str, rate: Rate, wait: float) -> GatewayError:
    message = f"This {owner} may send {rate.amount} requests in {rate.seconds} seconds; wait {max(1, round(wait))} s."
    return GatewayError("rate_limited", message, retry_after=wait)


def _rate(text: str | None) -> Rate | None:
    return rate_of(text) if text else None


def _checked(name: str, value: Any, check: Any) -> Any:
    if value is None:
        return None
    try:
        return check(value)
    except ValueError as error:
        raise invalid(f"{name}: {error}.", name) from None


def _decimal(micros: int | None) -> Decimal | None:
    return Decimal(amount_of(micros)) if micros is not None else None


_ACCOUNTS = tables.accounts
_SPENDING = tables.key_spending
_SPEND = (
    update(_SPENDING)
    .where(_SPENDING.c.key_id == bindparam("b_key"), _SPENDING.c.month == bindparam("b_month"))
    .values(committed=_SPENDING.c.committed + bindparam("b_delta"))
)

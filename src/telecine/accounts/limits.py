"""What keys and their accounts may do: requests in so much time, tasks in flight, budgets.

Guarantees: tasks in flight and budgets are checked in the transaction that creates the task, against the records, so
they hold under concurrency and after a restart. Requests in so much time are counted in the memory of each process, as
are tokens (see `telecine.accounts.tokens`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from math import ceil
from typing import Final

import msgspec
from sqlalchemy import Connection, func, select

from telecine.accounts.principal import Bound, Owner, Principal
from telecine.accounts.spending import check_budget, committed, month_of
from telecine.nouns.errors import GatewayError
from telecine.nouns.rate import Rate, Windows
from telecine.store import tables

_COME_BACK: Final = 10.0
"""Seconds after which somebody with too many tasks in flight may look again: nobody can tell when one will end."""


class Standing(msgspec.Struct, frozen=True):
    """How a limited caller stands: of `limit`, `remaining` fit now, and after `reset` seconds of silence all do."""

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
        limited = [
            (self._windows.of((one.owner, one.id), now), one.bounds.rate, one.owner)
            for one in principal.bound
            if one.bounds.rate is not None
        ]
        for window, rate, owner in limited:
            if (wait := window.wait(rate, now)) > 0:
                return Standing(rate.amount, 0, window.whole_in(rate, now), _too_many(owner, rate, wait))
        for window, _, _ in limited:
            window.take(now)
        standings = [
            Standing(rate.amount, window.remaining(rate, now), window.whole_in(rate, now))
            for window, rate, _ in limited
        ]
        return min(standings, key=lambda one: one.remaining, default=None)


class Admission(msgspec.Struct, frozen=True, kw_only=True):
    """A task that wants to be created, with `amount` micro-units to be held for it."""

    task_id: int
    account_id: int
    amount: int
    at: float
    bound: tuple[Bound, ...]
    """Whose limits it has to stay within."""
    begun: bool = False
    """It is in flight already, and wants to hold `amount` more."""


def admit(connection: Connection, wanted: Sequence[Admission]) -> dict[int, GatewayError]:
    """Why tasks may not be created, by task id, in the transaction that creates the others.

    An account is locked by now where a limit of its own or of one of its keys has to be kept, so that no two creates
    can take the same last place (`telecine.store.locks`).
    """
    checked = [(one, bound) for one in wanted for bound in one.bound if bound.bounds.at_create]
    if not checked:
        return {}
    flying = _in_flight(connection, {one.account_id for one, bound in checked if bound.bounds.tasks is not None})
    spent = committed(connection, {(bound.owner, bound.id) for _, bound in checked if bound.bounds.budgeted})
    refused: dict[int, GatewayError] = {}
    for one in sorted(wanted, key=lambda item: item.task_id):
        month = month_of(one.at)
        errors = [
            (None if one.begun else _crowded(bound, flying)) or check_budget(bound, spent, month, one.amount)
            for bound in one.bound
        ]
        error = next((error for error in errors if error is not None), None)
        if error is not None:
            refused[one.task_id] = error
            continue
        for bound in one.bound:
            flying[bound.owner, bound.id] += not one.begun
            for span in (None, month):
                spent[bound.owner, bound.id, span] += one.amount
    return refused


def _crowded(bound: Bound, flying: Counter[tuple[Owner, int | None]]) -> GatewayError | None:
    most, count = bound.bounds.tasks, flying[bound.owner, bound.id]
    if most is None or count < most:
        return None
    message = f"This {bound.owner} has {count} tasks in flight, and may have {most}; wait until one has ended."
    return GatewayError("rate_limited", message, retry_after=_COME_BACK)


def _in_flight(connection: Connection, accounts: Collection[int]) -> Counter[tuple[Owner, int | None]]:
    """How many tasks have not ended, by account and by key; no statement where no account is asked for."""
    counts: Counter[tuple[Owner, int | None]] = Counter()
    if not accounts:
        return counts
    table = tables.tasks.c
    rows = connection.execute(
        select(table.account_id, table.key_id, func.count())
        .where(table.account_id.in_(accounts), table.ended_at.is_(None))
        .group_by(table.account_id, table.key_id)
    )
    for account, key, count in rows.all():
        counts["account", account] += count
        counts["key", key] += count
    return counts


def _too_many(owner: Owner, rate: Rate, wait: float) -> GatewayError:
    message = f"This {owner} may send {rate.amount} requests in {rate.seconds} seconds; wait {ceil(wait)} s."
    return GatewayError("rate_limited", message, retry_after=wait)

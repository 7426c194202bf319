"""Accounts and what they have: topped up by hand, read."""

from __future__ import annotations

import msgspec
from sqlalchemy import Connection, select, update

from telecine.accounts import ledger
from telecine.accounts.keys import Keys
from telecine.accounts.principal import Bounds
from telecine.accounts.spending import room
from telecine.clock import Clock
from telecine.nouns.errors import GatewayError
from telecine.nouns.ids import IdSource
from telecine.nouns.money import amount_of
from telecine.store import tables
from telecine.store.database import Database


class Balance(msgspec.Struct, frozen=True):
    """What an account has, in micro-units. `balance` is None where it needs none."""

    name: str
    balance: int | None
    held: int
    spent: int
    created_at: float = 0.0
    """Seconds since the Unix epoch."""
    room: int | None = None
    """What its budgets leave; None without any."""

    @property
    def overdraft(self) -> int:
        """What it owes: charges may exceed what was held for them, and so what there was."""
        return 0 if self.balance is None else max(0, self.held - self.balance)

    @property
    def available(self) -> int | None:
        """What new jobs may still cost; None where there is no limit."""
        free = None if self.balance is None else self.balance - self.held
        limits = [one for one in (free, self.room) if one is not None]
        return min(limits) if limits else None


class Balances:
    """Reads of balances, and deposits by hand."""

    def __init__(self, database: Database, keys: Keys, clock: Clock, ids: IdSource) -> None:
        self._database = database
        self._keys = keys
        self._clock = clock
        self._ids = ids

    async def read(self, account_id: int) -> Balance:
        """One account. Raises GatewayError (`not_found`)."""

        def find(connection: Connection) -> Balance:
            row = connection.execute(_COLUMNS.where(tables.accounts.c.id == account_id)).first()
            if row is None:
                raise GatewayError("not_found", "There is no such account.")
            bounds = Bounds(budget=row.budget, monthly_budget=row.monthly_budget)
            left = room(connection, "account", account_id, bounds, self._clock.now())
            return Balance(row.name, row.balance if row.limited else None, row.held, row.spent, row.created_at, left)

        return await self._database.read(find)

    async def deposit(self, name: str, micros: int, ref: str | None = None) -> Balance:
        """Top up (or, negative, draw down) an account by hand; from then on it spends only what it has.

        `ref` names the payment: the same one of the same amount again moves nothing. Raises GatewayError (`conflict`)
        where it was of another amount, and where the file says that the account is unlimited; `invalid_request` where
        the balance would grow too large.
        """
        account_id = await self._keys.account(name)
        now = self._clock.now()

        def move(connection: Connection) -> None:
            connection.execute(select(_A.id).where(_A.id == account_id).with_for_update(key_share=True))
            while True:
                ref_id = f"{account_id}:{ref}" if ref is not None else str(self._ids.next(now))
                if ledger.deposit(connection, account_id, micros, ref_type="manual", ref_id=ref_id, at=now):
                    _check_limited(connection, account_id)
                    spends = {"limited": True, "unlimited": False}
                    connection.execute(update(tables.accounts).where(_A.id == account_id).values(spends))
                    return
                if ref is not None:  # else somebody has drawn the same one
                    before = _deposited(connection, ref_id)
                    if before is not None and before != micros:
                        raise GatewayError("conflict", f"'{ref}' was a deposit of {amount_of(before)}.", param="ref")
                    return

        await self._database.change(move)
        self._keys.check_anew()
        return await self.read(account_id)


_A = tables.accounts.c
_COLUMNS = select(_A.name, _A.limited, _A.balance, _A.held, _A.spent, _A.created_at, _A.budget, _A.monthly_budget)


def _check_limited(connection: Connection, account_id: int) -> None:
    """Raise GatewayError where a deposit would end what the next reload would bring back."""
    found = connection.execute(select(_A.name, _A.unlimited, _A.source).where(_A.id == account_id)).one()
    if found.unlimited and found.source == "file":
        message = f"The configuration file says that '{found.name}' is unlimited; take that out of it first."
        raise GatewayError("conflict", message, param="name")


def _deposited(connection: Connection, ref_id: str) -> int | None:
    """The amount of an earlier deposit by hand."""
    entry = tables.ledger_entries.c
    found = connection.execute(
        select(entry.balance_delta).where(entry.ref_type == "manual", entry.ref_id == ref_id, entry.kind == "deposit")
    )
    amount: int | None = found.scalar_one_or_none()
    return amount

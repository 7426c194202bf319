"""What money did: the entries of an account, what a key has spent and may still spend, and what models earn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import msgspec
from sqlalchemy import Connection, and_, func, or_, select

from telecine.accounts.audit import RULES, Problem, check
from telecine.accounts.balances import Balance, Balances
from telecine.accounts.ledger import TASK
from telecine.accounts.principal import Principal
from telecine.accounts.spending import room
from telecine.clock import Clock
from telecine.config import PriceConfig
from telecine.nouns.errors import GatewayError
from telecine.nouns.ids import tsk_id
from telecine.nouns.money import amount_of
from telecine.store import tables
from telecine.store.database import Database
from telecine.store.sums import parts, whole

Figure = TypeVar("Figure", int, float)


class Entry(msgspec.Struct, frozen=True):
    """One line of the ledger. Amounts are decimal strings in the currency; `at` in seconds since the Unix epoch.

    `amount` is what the balance changed by, `held` what was set aside or let go. `task` is None for deposits.
    `overdraft`: by how much a charge exceeds what was held for it.
    """

    id: str
    account: str
    kind: str
    task: str | None
    amount: str
    held: str
    at: float
    overdraft: str = "0.000000"


class EntryPage(msgspec.Struct, frozen=True):
    """One page, newest first; the next begins after `last_id`."""

    data: list[Entry]
    has_more: bool
    last_id: str | None
    object: str = "list"


class KeyStanding(msgspec.Struct, frozen=True):
    """What a key has spent, in micro-units, and what it may still spend: None where nothing limits it."""

    name: str
    spent: int
    left: int | None
    expires_at: float | None


class Margin(msgspec.Struct, frozen=True):
    """What one model earned. Decimal strings in the currency; the upstream's cost counts only where it is known."""

    model: str
    tasks: int
    charged: str
    upstream_cost: str
    cost_known: int
    """Attempts whose cost the upstream's own figure told, of those that the tasks took."""
    margin: str


class Statement:
    """Reads of the books; a caller is only ever shown what is its own account's."""

    def __init__(
        self,
        database: Database,
        balances: Balances,
        clock: Clock,
        *,
        currency: str,
        prices: Callable[[str], Sequence[PriceConfig]],
    ) -> None:
        """`prices` finds the lines of a public model name, as the configuration has them now."""
        self._database = database
        self._balances = balances
        self._clock = clock
        self.currency = currency
        self.prices = prices

    async def balance(self, principal: Principal) -> Balance:
        """The balance of the caller's account."""
        return await self._balances.read(principal.account_id)

    async def key(self, principal: Principal, since: float | None = None, until: float | None = None) -> KeyStanding:
        """The caller's key; `spent` between two times (the first inclusive, seconds since the Unix epoch).

        Who comes without a key of its own (the command line) stands for the whole account.
        """
        left = (await self.balance(principal)).available

        def find(connection: Connection) -> KeyStanding:
            spent = _spent(connection, principal, since, until)
            if principal.key_id is None:
                return KeyStanding(principal.name, spent, left, None)
            key, account = tables.keys.c, tables.accounts.c
            found = connection.execute(
                select(key.name, key.expires_at, account.expires_at)
                .join(tables.accounts, account.id == key.account_id)
                .where(key.id == principal.key_id)
            )
            name, *ends = found.one()
            own = room(connection, "key", principal.key_id, principal.bounds, self._clock.now())
            return KeyStanding(name, spent, _least(left, own), _least(*ends))

        return await self._database.snapshot(find)

    async def entries(self, *, account_id: int | None, limit: int, after: str | None = None) -> EntryPage:
        """The entries of one account, or of all, newest first. Raises GatewayError (`not_found`) for no entry."""
        entry, account = tables.ledger_entries.c, tables.accounts.c
        query = select(tables.ledger_entries, account.name).join(tables.accounts, account.id == entry.account_id)
        if account_id is not None:
            query = query.where(entry.account_id == account_id)

        def find(connection: Connection) -> Sequence[Any]:
            some = query if after is None else query.where(_older(_place(connection, account_id, after)))
            order = (entry.at, entry.ref_type, entry.ref_id, entry.kind)
            return connection.execute(some.order_by(*(one.desc() for one in order)).limit(limit + 1)).all()

        rows = await self._database.snapshot(find)
        data = [_entry(row) for row in rows[:limit]]
        return EntryPage(data, len(rows) > limit, data[-1].id if data else None)

    async def check(self) -> dict[str, list[Problem]]:
        """By rule of the ledger, what is wrong; all as it stood at one moment."""
        problems = await self._database.snapshot(check)
        return {rule: [one for one in problems if one.rule == rule] for rule in RULES}

    async def margins(self, since: float) -> list[Margin]:
        """By model, what tasks that ended since then were charged, and what their attempts cost us upstream."""
        task, attempt = tables.tasks.c, tables.attempts.c
        ended = and_(task.ended_at >= since, task.charged.is_not(None))
        earned = select(task.model, func.count(), *parts(task.charged)).where(ended).group_by(task.model)
        paid = (
            select(task.model, func.count(attempt.cost), *parts(attempt.cost))
            .join(tables.attempts, attempt.task_id == task.id)
            .where(ended)
            .group_by(task.model)
        )
        both = (paid, earned.order_by(task.model))
        spent, rows = await self._database.snapshot(lambda connection: [connection.execute(one).all() for one in both])
        costs = {model: (known, whole(*cost)) for model, known, *cost in spent}
        return [_margin(model, count, whole(*charged), *costs.get(model, (0, 0))) for model, count, *charged in rows]

    async def account_id(self, name: str) -> int:
        """The id of the account called `name`. Raises GatewayError (`not_found`)."""
        account = tables.accounts.c
        query = select(account.id).where(account.name == name)
        for row in await self._database.rows(query) if name.isprintable() else ():
            return int(row.id)
        raise GatewayError("not_found", f"There is no account '{name}'.", param="account")


def _place(connection: Connection, account_id: int | None, text: str) -> Sequence[Any]:
    """(at, ref_type, ref_id, kind) of the entry with the id `text`."""
    entry = tables.ledger_entries.c
    ref_type, kind, ref_id = (*text.split("-", 2), "", "")[:3]
    query = select(entry.at, entry.ref_type, entry.ref_id, entry.kind).where(
        entry.ref_type == ref_type, entry.kind == kind, entry.ref_id == ref_id
    )
    if account_id is not None:
        query = query.where(entry.account_id == account_id)
    found = connection.execute(query).first() if text.isprintable() else None
    if found is None:
        raise GatewayError("not_found", f"There is no entry '{text[:128]}'.", param="after")
    return found


def _spent(connection: Connection, principal: Principal, since: float | None, until: float | None) -> int:
    entry = tables.ledger_entries.c
    ours = entry.account_id == principal.account_id
    owner = ours if principal.key_id is None else entry.key_id == principal.key_id
    query = select(func.coalesce(-func.sum(entry.balance_delta), 0)).where(owner, entry.kind == "charge")
    if since is not None:
        query = query.where(entry.at >= since)
    if until is not None:
        query = query.where(entry.at < until)
    return int(connection.execute(query).scalar_one())


def _least(*figures: Figure | None) -> Figure | None:
    """The least of those that there are."""
    there = [one for one in figures if one is not None]
    return min(there) if there else None


def _older(place: Sequence[Any]) -> Any:
    """Rows that come behind `place` in the order of a page. Written out: it lets the index on `at` be used."""
    entry = tables.ledger_entries.c
    at, *rest = place
    columns = (entry.ref_type, entry.ref_id, entry.kind)
    later: Any = None
    for column, value in reversed(list(zip(columns, rest, strict=True))):
        later = column < value if later is None else or_(column < value, and_(column == value, later))
    return or_(entry.at < at, and_(entry.at == at, later))


def _entry(row: Any) -> Entry:
    return Entry(
        id=f"{row.ref_type}-{row.kind}-{row.ref_id}",
        account=row.name,
        kind=row.kind,
        task=tsk_id(int(row.ref_id)) if row.ref_type == TASK else None,
        amount=amount_of(row.balance_delta),
        held=amount_of(row.held_delta),
        at=row.at,
        overdraft=amount_of(max(0, row.held_delta - row.balance_delta) if row.kind == "charge" else 0),
    )


def _margin(model: str, count: int, charged: int, known: int, cost: int) -> Margin:
    return Margin(model, count, amount_of(charged), amount_of(cost), known, amount_of(charged - cost))

"""What the configuration file says of accounts and keys, brought into the records.

Guarantees: all of it in the caller's transaction, so that a file counts whole or not at all. Accounts get their balance
and their limits before keys come to spend from them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy import Connection, func, select, update

from telecine.accounts import holders, ledger
from telecine.accounts.keys import digest_of, key_row
from telecine.accounts.terms import Terms
from telecine.config import AccountConfig, KeyConfig
from telecine.nouns.ids import IdSource
from telecine.nouns.money import micros_of
from telecine.store import tables
from telecine.store.inserts import insert_drawn
from telecine.store.locks import Locks, lock


def sync(
    connection: Connection,
    accounts: Sequence[AccountConfig],
    keys: Sequence[KeyConfig],
    *,
    priced: bool = False,
    ids: IdSource,
    now: float,
) -> None:
    """Bring accounts, what they have been granted, and keys in line with the file; other keys stay as they are.

    `priced`: the file has prices. `now` in seconds since the Unix epoch. Raises GatewayError for what `telecine.config`
    would have refused.
    """
    holders.note_prices(connection, priced=priced)
    names = sorted({*(one.name for one in accounts), *(one.account for one in keys)})
    there = {name: holders.named(connection, name, ids, now) for name in names}
    _lock(connection, there.values())
    holders.set_unlimited(connection, accounts, priced=priced)
    holders.set_terms(connection, accounts)
    for account in accounts:
        if account.balance is not None:
            _grant(connection, there[account.name], micros_of(account.balance), ids, now)
    _sync_keys(connection, keys, there, ids, now)


def _lock(connection: Connection, named: Iterable[int]) -> None:
    """Lock the accounts that the file names, or has named: creates and steps hold several of them at once."""
    filed = connection.execute(select(tables.accounts.c.id).where(tables.accounts.c.source == "file"))
    lock(connection, [Locks(accounts=frozenset({*named, *filed.scalars()}))])


def _grant(connection: Connection, account_id: int, micros: int, ids: IdSource, now: float) -> None:
    """Deposit the difference to what the file has granted so far; the account spends only what it has from now on."""
    entry = tables.ledger_entries.c
    granted = connection.execute(
        select(func.coalesce(func.sum(entry.balance_delta), 0)).where(
            entry.account_id == account_id, entry.ref_type == "config"
        )
    )
    difference = micros - int(granted.scalar_one())
    while difference:  # under a name that nobody else has drawn
        ref_id = str(ids.next(now))
        if ledger.deposit(connection, account_id, difference, ref_type="config", ref_id=ref_id, at=now):
            break
    spends = {"limited": True, "unlimited": False}
    connection.execute(update(tables.accounts).where(tables.accounts.c.id == account_id).values(spends))


def _sync_keys(
    connection: Connection, keys: Sequence[KeyConfig], accounts: Mapping[str, int], ids: IdSource, now: float
) -> None:
    """Revoke the file's keys that are no longer in it; make or change those that are."""
    wanted = {digest_of(key.key): key for key in keys}
    table = tables.keys
    # A key that was made here (at the first run, say) may be written into the file too.
    rows = connection.execute(
        select(table.c.id, table.c.hash, table.c.revoked_at).where(
            (table.c.source == "file") | table.c.hash.in_(list(wanted))
        )
    )
    there = {row.hash: row for row in rows.all()}
    gone = [row.id for digest, row in there.items() if digest not in wanted and row.revoked_at is None]
    if gone:
        connection.execute(update(table).where(table.c.id.in_(gone)).values(revoked_at=now))
    for digest, key in wanted.items():
        row = key_row(
            key.name,
            key.key,
            accounts[key.account],
            admin=key.admin,
            allow_unknown=key.allow_unknown_parameters,
            terms=Terms.configured(key),
        )
        if digest in there:
            connection.execute(update(table).where(table.c.id == there[digest].id).values(row))
        else:
            row |= {"source": "file", "created_at": now}
            insert_drawn(connection, table, row, lambda: ids.next(now))

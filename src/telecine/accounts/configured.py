"""What the configuration file says of accounts and keys, brought into the records.

Guarantees: all of it in the caller's transaction, so that a file counts whole or not at all. Accounts get their balance
and their limits before keys come to spend from them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy import Connection, func, select, update

from telecine.accounts import holders, ledger
from telecine.accounts.keys import digest_of, key_row
from telecine.accounts.pairs import NO_PAIR, Pair, columns_of
from telecine.accounts.terms import Terms
from telecine.config import AccountConfig, ConfigError, KeyConfig
from telecine.nouns.ids import IdSource
from telecine.nouns.money import micros_of
from telecine.store import tables
from telecine.store.inserts import insert_drawn
from telecine.store.locks import Locks, lock
from telecine.store.sealing import Seal


def sync(
    connection: Connection,
    accounts: Sequence[AccountConfig],
    keys: Sequence[KeyConfig],
    *,
    priced: bool = False,
    ids: IdSource,
    seal: Seal,
    now: float,
) -> None:
    """Bring accounts, what they have been granted, and keys in line with the file; other keys stay as they are.

    `priced`: the file has prices. `seal` closes the secret keys of clients that sign their own tokens. `now` in seconds
    since the Unix epoch. Raises GatewayError for what `telecine.config` would have refused, and ConfigError for what
    only the records tell.
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
    made = _sync_keys(connection, keys, there, ids, now)
    _sync_pairs(connection, keys, made, seal)


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
) -> dict[str, int]:
    """Revoke the file's keys that are no longer in it; make or change those that are. Their ids, by name."""
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
    made: dict[str, int] = {}
    for digest, key in wanted.items():
        row = key_row(
            key.name,
            key.key,
            accounts[key.account],
            admin=key.admin,
            allow_unknown=key.allow_unknown_parameters,
            terms=Terms.configured(key),
        )
        row["video_format"] = key.video_format
        row["dialect"] = key.dialect
        if digest in there:
            made[key.name] = there[digest].id
            connection.execute(update(table).where(table.c.id == there[digest].id).values(row))
        else:
            row |= {"source": "file", "created_at": now}
            made[key.name] = insert_drawn(connection, table, row, lambda: ids.next(now))
    return made


def _sync_pairs(connection: Connection, keys: Sequence[KeyConfig], made: Mapping[str, int], seal: Seal) -> None:
    """Give the keys of the file the pairs that it says, and no others; a key that was made here keeps its own."""
    table = tables.keys
    pairs = {made[one.name]: Pair(one.access_key, one.secret_key) for one in keys if one.access_key and one.secret_key}
    whose = {pair.access_key: identity for identity, pair in pairs.items()}
    signing = select(table.c.id, table.c.access_key, table.c.source).where(table.c.access_key.is_not(None))
    for identity, access_key, source in connection.execute(signing).all():
        if source == "file":  # also of those that are gone, before another one has it
            connection.execute(update(table).where(table.c.id == identity).values(NO_PAIR))
        elif whose.get(access_key, identity) != identity:
            raise ConfigError(f"The access_key '{access_key}' belongs to a key that was made here; take another pair.")
    for identity, pair in pairs.items():
        connection.execute(update(table).where(table.c.id == identity).values(columns_of(pair, seal, identity)))

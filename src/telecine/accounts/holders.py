"""Accounts as holders of keys and limits: made, brought in line with the file, changed, stood in for.

Guarantees: in an installation that has prices, an account that is made, other than the operator's own, has nothing to
spend until somebody grants it something or says that it is unlimited. Accounts that were made before there were prices
go on as they were.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import msgspec
from msgspec import UNSET
from sqlalchemy import Connection, case, delete, select, update

from telecine.accounts import ledger
from telecine.accounts.principal import Bounds, Principal
from telecine.accounts.terms import NO_LIMITS, NO_TERMS, AccountChanges, Changes, Terms, bounds_of
from telecine.config import AccountConfig, Limits
from telecine.nouns import names
from telecine.nouns.errors import GatewayError, invalid
from telecine.nouns.ids import IdSource
from telecine.nouns.money import MOST_MICROS, micros_of
from telecine.store import tables
from telecine.store.inserts import DRAWS, insert_drawn, insert_missing

DEFAULT_ACCOUNT: Final = "default"
"""The operator's own."""
_MOST_BYTES: Final = 2**40
_PRICED: Final = "priced"
"""The setting that says whether the installation has prices: whoever makes an account finds it in the records, whatever
configuration it was started with itself."""


class NewAccount(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`POST /admin/v1/accounts`. `balance`: a decimal string, its first deposit; `expires_at` in seconds since the Unix
    epoch; `assets` and `asset_bytes`: what its library may hold, where that is not what the configuration says."""

    name: str
    balance: str | None = None
    unlimited: bool = False
    assets: int | None = None
    asset_bytes: int | None = None
    models: tuple[str, ...] | None = None
    expires_at: float | None = None
    limits: Limits = NO_LIMITS


def note_prices(connection: Connection, *, priced: bool) -> None:
    """Note whether the installation has prices."""
    settings = tables.settings
    if priced:
        insert_missing(connection, settings, [{"name": _PRICED, "value": "yes"}])
    else:
        connection.execute(delete(settings).where(settings.c.name == _PRICED))


def is_priced(connection: Connection) -> bool:
    """Whether the installation has prices."""
    query = select(tables.settings.c.value).where(tables.settings.c.name == _PRICED)
    return connection.execute(query).first() is not None


def find(connection: Connection, name: str) -> int | None:
    """The id of the account called `name`. Raises GatewayError for what is no name."""
    names.named("account", name, names.check_account_name)
    found: int | None = (
        connection.execute(select(_ACCOUNTS.c.id).where(_ACCOUNTS.c.name == name))
    ).scalar_one_or_none()
    return found


def named(connection: Connection, name: str, ids: IdSource, now: float) -> int:
    """The id of the account called `name`, made where it does not exist. Raises GatewayError for what is no name."""
    found = find(connection, name)
    if found is not None:
        return found
    row = _row(connection, name, now)
    for _ in range(DRAWS):
        insert_missing(connection, _ACCOUNTS, [{**row, "id": ids.next(now)}])
        made = find(connection, name)
        if made is not None:  # by us, or by another process just now; else somebody else has drawn the same id
            return made
    raise LookupError(f"no free id for the account '{name}' was drawn in {DRAWS} tries")


def create(connection: Connection, wanted: NewAccount, ids: IdSource, now: float) -> None:
    """Make an account. Raises GatewayError (`conflict`, `invalid_request`), and IntegrityError where another process
    makes it at the same moment."""
    balance = 0 if wanted.balance is None else _amount(wanted.balance)
    if wanted.unlimited and wanted.balance is not None:
        raise invalid("An unlimited account needs no balance: leave one of the two out.", "balance")
    if find(connection, wanted.name) is not None:
        raise GatewayError("conflict", f"There is an account '{wanted.name}' already.", param="name")
    terms = Terms(models=wanted.models, expires_at=wanted.expires_at, limits=wanted.limits)
    row = _row(connection, wanted.name, now) | terms.row()
    row |= _library({"assets": wanted.assets, "asset_bytes": wanted.asset_bytes})
    if wanted.unlimited or wanted.balance is not None:
        row |= {"limited": not wanted.unlimited, "unlimited": wanted.unlimited}
    made: int = insert_drawn(connection, _ACCOUNTS, row, lambda: ids.next(now))
    while balance:  # under a name that nobody else has drawn
        if ledger.deposit(connection, made, balance, ref_type="manual", ref_id=str(ids.next(now)), at=now):
            break


def _row(connection: Connection, name: str, now: float) -> dict[str, Any]:
    """What is stored of a new account, but its id."""
    limited = name != DEFAULT_ACCOUNT and is_priced(connection)
    row = {"name": name, "created_at": now, "limited": limited, "unlimited": False, "source": "admin"}
    return {**row, "balance": 0, "held": 0, "spent": 0}


def set_unlimited(connection: Connection, configured: Iterable[AccountConfig], *, priced: bool) -> None:
    """Free the accounts of which the file says so. Of which it does so no longer, those are as if they were new."""
    said = [account.name for account in configured if account.unlimited]
    table = _ACCOUNTS.c
    taken_back = (table.source == "file", table.unlimited, table.name.not_in(said))
    limited = case((table.name == DEFAULT_ACCOUNT, False), else_=priced)
    connection.execute(update(_ACCOUNTS).where(*taken_back).values(limited=limited, unlimited=False))
    connection.execute(update(_ACCOUNTS).where(table.name.in_(said)).values(limited=False, unlimited=True))


def set_terms(connection: Connection, configured: Iterable[AccountConfig]) -> None:
    """Bound the accounts as the file says. Those that it no longer names have no bounds, until they get some here."""
    wanted = {
        account.name: {**Terms.configured(account).row(), "assets": account.assets, "asset_bytes": account.asset_bytes}
        for account in configured
    }
    table = _ACCOUNTS.c
    connection.execute(
        update(_ACCOUNTS)
        .where(table.source == "file", table.name.not_in(list(wanted)))
        .values(**NO_TERMS, assets=None, asset_bytes=None, source="admin")
    )
    for name, row in wanted.items():
        connection.execute(update(_ACCOUNTS).where(table.name == name).values(**row, source="file"))


def change(connection: Connection, name: str, wanted: Changes) -> None:
    """Change what bounds one account. Raises GatewayError (`not_found`, `conflict`, `invalid_request`)."""
    query = select(_ACCOUNTS).where(_ACCOUNTS.c.name == name).with_for_update(key_share=True)
    row = connection.execute(query).mappings().first() if name.isprintable() else None
    if row is None:
        raise GatewayError("not_found", f"There is no account '{name}'.", param="name")
    if row["source"] == "file":
        raise GatewayError("conflict", f"The account '{name}' comes from the configuration file; change it there.")
    values = Terms.kept(row).changed(wanted).row()
    if isinstance(wanted, AccountChanges) and wanted.unlimited is not UNSET:
        values |= {"limited": not wanted.unlimited, "unlimited": wanted.unlimited}
    if isinstance(wanted, AccountChanges):
        said = {"assets": wanted.assets, "asset_bytes": wanted.asset_bytes}
        values |= _library({name: value for name, value in said.items() if value is not UNSET})
    connection.execute(update(_ACCOUNTS).where(_ACCOUNTS.c.id == row["id"]).values(values))


def _library(said: dict[str, Any]) -> dict[str, Any]:
    """What a library may hold, as it is kept. Raises GatewayError (`invalid_request`)."""
    for name, value in said.items():
        if value is not None and not 0 <= value <= _MOST_BYTES:
            raise invalid(f"{name}: must be a whole number from 0 to {_MOST_BYTES}.", name)
    return said


def stand_in(connection: Connection, principal: Principal, account_id: int, now: float) -> Principal:
    """`principal`, an administrator, acting for another account: that one pays, and its limits are kept.

    No key of either account is counted: the owner's did not ask, and the administrator's does not pay. Raises
    GatewayError (`permission`) where the account has expired.
    """
    row = connection.execute(select(_ACCOUNTS).where(_ACCOUNTS.c.id == account_id)).mappings().one()
    if row["expires_at"] is not None and now >= row["expires_at"]:
        raise GatewayError("permission", f"The account '{row['name']}' has expired.")
    return msgspec.structs.replace(
        principal,
        account_id=account_id,
        key_id=None,
        metered=row["limited"],
        bounds=Bounds(models=principal.bounds.models),
        account_bounds=bounds_of(row),
    )


def _amount(text: str) -> int:
    """Raises GatewayError (`invalid_request`)."""
    try:
        micros = micros_of(text)
    except ValueError as error:
        raise invalid(f"balance: {error}.", "balance") from None
    if not 0 <= micros <= MOST_MICROS:
        raise invalid("balance: must be 0 or more, and at most a thousand million.", "balance")
    return micros


_ACCOUNTS = tables.accounts

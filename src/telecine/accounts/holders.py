"""Accounts as holders of keys and limits: made, brought in line with the file, changed, stood in for."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from telecine.accounts.principal import Bounds, Principal
from telecine.accounts.terms import NO_TERMS, Changes, Terms, bounds_of
from telecine.config import AccountConfig
from telecine.nouns import names
from telecine.nouns.errors import GatewayError
from telecine.nouns.ids import IdSource
from telecine.store import tables
from telecine.store.inserts import insert_missing

_DRAWS: Final = 8


async def named(connection: AsyncConnection, name: str, ids: IdSource, now: float) -> int:
    """The id of the account called `name`, made where it does not exist. Raises GatewayError for what is no name."""
    names.named("account", name, names.check_account_name)
    query = select(_ACCOUNTS.c.id).where(_ACCOUNTS.c.name == name)
    found: int | None = (await connection.execute(query)).scalar_one_or_none()
    if found is not None:
        return found
    row = {"name": name, "created_at": now, "limited": False, "balance": 0, "held": 0, "spent": 0, "source": "admin"}
    for _ in range(_DRAWS):
        await insert_missing(connection, _ACCOUNTS, [{**row, "id": ids.next(now)}])
        made: int | None = (await connection.execute(query)).scalar_one_or_none()
        if made is not None:  # by us, or by another process just now; else somebody else has drawn the same id
            return made
    raise LookupError(f"no free id for the account '{name}' was drawn in {_DRAWS} tries")


async def set_terms(connection: AsyncConnection, configured: Iterable[AccountConfig]) -> None:
    """Bound the accounts as the file says. Those that it no longer names have no bounds, until they get some here."""
    wanted = {account.name: Terms.configured(account).row() for account in configured}
    table = _ACCOUNTS.c
    await connection.execute(
        update(_ACCOUNTS)
        .where(table.source == "file", table.name.not_in(list(wanted)))
        .values(**NO_TERMS, source="admin")
    )
    for name, row in wanted.items():
        await connection.execute(update(_ACCOUNTS).where(table.name == name).values(**row, source="file"))


async def change(connection: AsyncConnection, name: str, wanted: Changes) -> None:
    """Change the bounds of one account. Raises GatewayError (`not_found`, `conflict`, `invalid_request`)."""
    query = select(_ACCOUNTS).where(_ACCOUNTS.c.name == name).with_for_update(key_share=True)
    row = (await connection.execute(query)).mappings().first() if name.isprintable() else None
    if row is None:
        raise GatewayError("not_found", f"There is no account '{name}'.", param="name")
    if row["source"] == "file":
        raise GatewayError("conflict", f"The account '{name}' comes from the configuration file; change it there.")
    terms = Terms.kept(row).changed(wanted)
    await connection.execute(update(_ACCOUNTS).where(_ACCOUNTS.c.id == row["id"]).values(terms.row()))


async def stand_in(connection: AsyncConnection, principal: Principal, account_id: int, now: float) -> Principal:
    """`principal`, an administrator, acting for another account: that one pays, and its limits are kept.

    No key of either account is counted: the owner's did not ask, and the administrator's does not pay. Raises
    GatewayError (`permission`) where the account has expired.
    """
    row = (await connection.execute(select(_ACCOUNTS).where(_ACCOUNTS.c.id == account_id))).mappings().one()
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


_ACCOUNTS = tables.accounts

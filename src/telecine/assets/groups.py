"""Groups of files."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from msgspec import UNSET
from sqlalchemy import Connection, delete, func, select, update

from telecine.accounts.principal import Principal
from telecine.assets.asset import Filter, Group, GroupChanges, GroupPage
from telecine.assets.names import checked_name, checked_text
from telecine.assets.rows import group_of, group_page, one_group
from telecine.clock import Clock
from telecine.nouns.errors import GatewayError
from telecine.nouns.ids import IdSource
from telecine.store import tables
from telecine.store.database import Database
from telecine.store.inserts import insert_drawn

MOST_GROUPS: Final = 1000
"""Of one account."""
_MOST_ABOUT: Final = 2000
_MOST_TYPE: Final = 64
_G: Final = tables.asset_groups


class Groups:
    """The groups of this installation. Another account's is `not_found`."""

    def __init__(self, database: Database, clock: Clock, ids: IdSource) -> None:
        self._database = database
        self._clock = clock
        self._ids = ids

    async def create(self, principal: Principal, name: str, *, about: str = "", type: str | None = None) -> Group:  # noqa: A002  as it is kept
        """A new group. Raises GatewayError: `invalid_request`; `permission` where there are too many."""
        changes = _checked(GroupChanges(name=name, about=about, type=type))
        now, account_id = self._clock.now(), principal.account_id
        row = {**changes, "account_id": account_id, "created_at": now, "updated_at": now}

        def create(connection: Connection) -> Group:
            mine = connection.execute(select(func.count()).select_from(_G).where(_G.c.account_id == account_id))
            if mine.scalar_one() >= MOST_GROUPS:
                message = f"An account may have {MOST_GROUPS} groups; delete one first."
                raise GatewayError("permission", message, param="quota", may_retry=False)
            made = insert_drawn(connection, _G, row, lambda: self._ids.next(now))
            return group_of({**row, "id": made})

        return await self._database.change(create)

    async def get(self, principal: Principal, group_id: int) -> Group:
        """Raises GatewayError (`not_found`)."""
        return await self._database.read(lambda connection: one_group(connection, principal.account_id, group_id))

    async def list(self, principal: Principal, wanted: Filter) -> GroupPage:
        """The account's, newest first."""
        return await self._database.read(lambda connection: group_page(connection, principal.account_id, wanted))

    async def update(self, principal: Principal, group_id: int, changes: GroupChanges) -> Group:
        """The group as it is then. Raises GatewayError (`not_found`, `invalid_request`)."""
        values = {**_checked(changes), "updated_at": self._clock.now()}

        def change(connection: Connection) -> Group:
            before = one_group(connection, principal.account_id, group_id, lock=True)
            connection.execute(update(_G).where(_G.c.id == group_id).values(values))
            return msgspec.structs.replace(before, **values)

        return await self._database.change(change)

    async def remove(self, principal: Principal, group_id: int) -> Group:
        """The group as it was; its files stay, in no group. Raises GatewayError (`not_found`)."""
        table = tables.assets

        def remove(connection: Connection) -> Group:
            found = one_group(connection, principal.account_id, group_id, lock=True)
            mine = select(table.c.id).where(table.c.group_id == group_id).order_by(table.c.id).with_for_update()
            connection.execute(update(table).where(table.c.id.in_(mine)).values(group_id=None))
            connection.execute(delete(_G).where(_G.c.id == group_id))
            return found

        return await self._database.change(remove)


def _checked(changes: GroupChanges) -> dict[str, Any]:
    """The columns that change. Raises GatewayError (`invalid_request`)."""
    found: dict[str, Any] = {}
    if changes.name is not UNSET:
        found["name"] = checked_name(changes.name)
    if changes.about is not UNSET:
        found["about"] = checked_text(changes.about, "about", _MOST_ABOUT)
    if changes.type is not UNSET:
        found["type"] = None if changes.type is None else checked_text(changes.type, "type", _MOST_TYPE)
    return found

"""Assets and groups as their rows have them, and the reads of one account's."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Select, Table, func, select

from telecine.assets.asset import Asset, AssetPage, Filter, Group, GroupPage
from telecine.nouns.errors import GatewayError, TaskError
from telecine.nouns.ids import asset_id as named_asset
from telecine.nouns.ids import group_id as named_group
from telecine.store import tables

_A: Final = tables.assets
_G: Final = tables.asset_groups
_PLAIN: Final = tuple(name for name in Asset.__struct_fields__ if name != "error")
_ESCAPE: Final = "\\"


def asset_of(row: Any) -> Asset:
    """From a row."""
    code = row["error_code"]
    error = None if code is None else TaskError(code, row["error_message"] or "")
    return Asset(**{name: row[name] for name in _PLAIN}, error=error)


def values_of(asset: Asset) -> dict[str, Any]:
    """The columns that an asset says; the others are about its way here."""
    error = asset.error
    return {
        **{name: getattr(asset, name) for name in _PLAIN},
        "error_code": error.code if error else None,
        "error_message": error.message if error else None,
    }


def group_of(row: Any) -> Group:
    """From a row."""
    return Group(**{name: row[name] for name in Group.__struct_fields__})


def missing_asset(text: str) -> GatewayError:
    """The one answer for what does not exist, has been deleted, or is another account's."""
    return GatewayError("not_found", f"There is no asset '{text[:128]}'.", param="id")


def missing_group(text: str) -> GatewayError:
    """The same for groups."""
    return GatewayError("not_found", f"There is no group '{text[:128]}'.", param="id")


def one_asset(connection: Connection, account_id: int, asset_id: int, *, lock: bool = False) -> Asset:
    """One of the account's. Raises GatewayError (`not_found`)."""
    query = select(_A).where(_A.c.id == asset_id, _A.c.account_id == account_id, _A.c.deleted_at.is_(None))
    row = connection.execute(query.with_for_update() if lock else query).mappings().first()
    if row is None:
        raise missing_asset(named_asset(asset_id))
    return asset_of(row)


def one_group(connection: Connection, account_id: int, group_id: int, *, lock: bool = False) -> Group:
    """One of the account's. Raises GatewayError (`not_found`)."""
    query = select(_G).where(_G.c.id == group_id, _G.c.account_id == account_id)
    row = connection.execute(query.with_for_update() if lock else query).mappings().first()
    if row is None:
        raise missing_group(named_group(group_id))
    return group_of(row)


def asset_page(connection: Connection, account_id: int, wanted: Filter) -> AssetPage:
    """The account's that `wanted` describes."""
    conditions = [_A.c.account_id == account_id, _A.c.deleted_at.is_(None), *_named(_A, wanted)]
    for column, words in ((_A.c.kind, wanted.kinds), (_A.c.state, wanted.states), (_A.c.group_id, wanted.groups)):
        if words:
            conditions.append(column.in_(words))
    rows, more, total = _page(connection, _A, conditions, wanted)
    return AssetPage(tuple(asset_of(row) for row in rows), more, total)


def group_page(connection: Connection, account_id: int, wanted: Filter) -> GroupPage:
    """The account's that `wanted` describes."""
    conditions = [_G.c.account_id == account_id, *_named(_G, wanted)]
    if wanted.groups:
        conditions.append(_G.c.id.in_(wanted.groups))
    if wanted.types:
        conditions.append(_G.c.type.in_(wanted.types))
    rows, more, total = _page(connection, _G, conditions, wanted)
    return GroupPage(tuple(group_of(row) for row in rows), more, total)


def _named(table: Table, wanted: Filter) -> list[ColumnElement[bool]]:
    if not wanted.search:
        return []
    text = wanted.search
    for character in (_ESCAPE, "%", "_"):
        text = text.replace(character, _ESCAPE + character)
    return [table.c.name.ilike(f"%{text}%", escape=_ESCAPE)]


def _page(
    connection: Connection, table: Table, conditions: list[ColumnElement[bool]], wanted: Filter
) -> tuple[list[Any], bool, int | None]:
    total: int | None = None
    if wanted.counted:
        total = connection.execute(select(func.count()).select_from(table).where(*conditions)).scalar_one()
    query: Select[Any] = select(table).where(*conditions)
    if wanted.after is not None:
        query = query.where(table.c.id < wanted.after)
    query = query.order_by(table.c.id.desc()).offset(wanted.offset).limit(wanted.limit + 1)
    rows = list(connection.execute(query).mappings().all())
    return rows[: wanted.limit], len(rows) > wanted.limit, total

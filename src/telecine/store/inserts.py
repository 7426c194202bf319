"""Inserts where another process may have made the same row: rows that are there are left alone, and an id that somebody
else has drawn in the same millisecond is drawn anew."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

_DRAWS = 8


async def insert_missing(connection: AsyncConnection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert those of `rows`, sorted by their primary keys, that are not there yet."""
    if rows:
        await connection.execute(_insert(connection, table).on_conflict_do_nothing(), rows)


async def insert_drawn(
    connection: AsyncConnection, table: Table, row: Mapping[str, Any], draw: Callable[[], Any], column: str = "id"
) -> Any:
    """Insert `row` with a value of `draw` in `column`, part of its primary key, that nobody has yet; that value.

    Raises IntegrityError for any other conflict.
    """
    key = [one.name for one in table.primary_key]
    statement = _insert(connection, table).on_conflict_do_nothing(index_elements=key).returning(table.c[column])
    for _ in range(_DRAWS):
        made = await connection.execute(statement.values({**row, column: draw()}))
        value = made.scalar_one_or_none()
        if value is not None:
            return value
    raise LookupError(f"no free {column} for {table.name} was drawn in {_DRAWS} tries")


def _insert(connection: AsyncConnection, table: Table) -> postgresql.Insert | sqlite.Insert:
    return postgresql.insert(table) if connection.dialect.name == "postgresql" else sqlite.insert(table)

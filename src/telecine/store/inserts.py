"""Inserts where another process may have made the same row: rows that are there are left alone, and an id that somebody
else has drawn in the same millisecond is drawn anew."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import sqlite

from telecine.store.prepared import Prepared

if TYPE_CHECKING:
    from sqlalchemy.dialects import postgresql

DRAWS = 8
"""How often an id is drawn for one row."""


def insert_missing(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert those of `rows`, sorted by their primary keys, that are not there yet."""
    if rows:
        connection.execute(insert_for(connection.dialect.name, table).on_conflict_do_nothing(), rows)


def upsert(
    connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]], added: frozenset[str] = frozenset()
) -> None:
    """Insert `rows`, sorted by their primary keys and all of the same columns; rows that are there become like them,
    but for columns in `added`, which grow by so much."""
    if rows:
        _merging(connection.dialect.name, table, tuple(rows[0]), added).run(connection, rows)


def insert_new(connection: Connection, table: Table, row: Mapping[str, Any]) -> bool:
    """Insert `row`; False where its primary key is taken. Raises IntegrityError for any other conflict."""
    key = [column.name for column in table.primary_key]
    statement = insert_for(connection.dialect.name, table).values(dict(row)).on_conflict_do_nothing(index_elements=key)
    made = connection.execute(statement.returning(*table.primary_key))
    return made.first() is not None


def insert_drawn(connection: Connection, table: Table, row: Mapping[str, Any], draw: Callable[[], int]) -> int:
    """Insert `row` under an `id` of `draw` that nobody has; that id. Raises IntegrityError for any other conflict."""
    for _ in range(DRAWS):
        identity = draw()
        if insert_new(connection, table, {**row, "id": identity}):
            return identity
    raise LookupError(f"no free id for {table.name} was drawn in {DRAWS} tries")


def insert_for(dialect: str, table: Table) -> postgresql.Insert | sqlite.Insert:
    """An insert that can leave alone what is there, for the database of that name."""
    if dialect == "sqlite":
        return sqlite.insert(table)
    from sqlalchemy.dialects import postgresql  # large, and of no use to a start on SQLite

    return postgresql.insert(table)


@cache  # as many as there are upserts in this code
def _merging(dialect: str, table: Table, columns: tuple[str, ...], added: frozenset[str]) -> Prepared:
    statement, key = insert_for(dialect, table), {column.name for column in table.primary_key}
    newer = {
        name: table.c[name] + statement.excluded[name] if name in added else statement.excluded[name]
        for name in columns
        if name not in key
    }
    return Prepared(statement.on_conflict_do_update(index_elements=sorted(key), set_=newer))

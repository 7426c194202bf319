"""Statements that change many rows, compiled once: to prepare one anew for every execution, and every value of every
row for the driver, costs more than what the database does with them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Delete, Insert, Update


class Prepared:
    """An insert, or an update or delete with a `bindparam` for whatever differs from row to row.

    Values go to the driver as they are: numbers, texts, bytes, truth and None, which is all that the tables hold.
    """

    def __init__(self, statement: Insert | Update | Delete) -> None:
        self._statement = statement
        self._compiled: dict[tuple[str, tuple[str, ...]], tuple[str, list[str], dict[str, Any]]] = {}

    def run(self, connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
        """Execute it with each of `rows`, which have the same keys in the same order; without any it does nothing."""
        if not rows:
            return
        kind = (connection.dialect.name, tuple(rows[0]))
        if kind not in self._compiled:
            self._compiled[kind] = self._compile(connection, tuple(rows[0]))
        sql, names, fixed = self._compiled[kind]
        connection.exec_driver_sql(
            sql, [tuple([fixed[name] if name in fixed else row[name] for name in names]) for row in rows]
        )

    def _compile(self, connection: Connection, keys: tuple[str, ...]) -> tuple[str, list[str], dict[str, Any]]:
        """The text, the names of its parameters in their order, and those that are the same in every row."""
        compiled: Any = self._statement.compile(
            dialect=connection.dialect,
            column_keys=list(keys),
            for_executemany=True,
        )
        fixed = {name: value for name, value in compiled.params.items() if name not in keys}
        return compiled.string, compiled.positiontup, fixed

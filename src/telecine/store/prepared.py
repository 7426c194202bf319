"""Statements that change many rows, compiled once: to prepare one anew for every execution, and every value of every
row for the driver, costs more than what the database does with them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, Delete, Insert, Update, null

Row = Mapping[str, Any]
Keys = tuple[str, ...]


class Prepared:
    """An insert, or an update or delete with a `bindparam` for whatever differs from row to row; columns that are keys
    of a row are set to its values.

    Values go to the driver as they are: numbers, texts, bytes, truth and None, which is all that the tables hold. What
    is None in all rows of a column, the statement itself says on SQLite, whose driver looks long for what to make of a
    None.
    """

    def __init__(self, statement: Insert | Update | Delete) -> None:
        self._statement = statement
        self._columns = frozenset(statement.table.c.keys())
        self._compiled: dict[tuple[str, Keys, Keys], tuple[str, Keys, dict[str, Any]]] = {}

    def run(self, connection: Connection, rows: Sequence[Row]) -> None:
        """Execute it with each of `rows`, those that have the same keys at once; without any it does nothing."""
        dialect = connection.dialect.name
        alike: dict[Keys, list[Row]] = {}
        for row in rows:
            alike.setdefault(tuple(row), []).append(row)
        for keys, some in alike.items():
            absent = self._absent(some) if dialect == "sqlite" else ()
            known = self._compiled.get((dialect, keys, absent))
            if known is None:
                known = self._compiled[dialect, keys, absent] = self._compile(connection, keys, absent)
            sql, names, fixed = known
            whole = [{**row, **fixed} for row in some] if fixed else some
            one = len(names) == 1
            values = [(row[names[0]],) for row in whole] if one else list(map(itemgetter(*names), whole))
            connection.exec_driver_sql(sql, values)

    def _absent(self, rows: Sequence[Row]) -> Keys:
        """The columns of which no row says anything."""
        mine = [name for name, value in rows[0].items() if value is None and name in self._columns]
        return tuple([name for name in mine if all(row[name] is None for row in rows)])

    def _compile(self, connection: Connection, keys: Keys, absent: Keys) -> tuple[str, Keys, dict[str, Any]]:
        """The text, the names of its parameters in their order, and those that are the same in every row.

        Raises KeyError for a parameter that the rows do not have.
        """
        statement: Any = self._statement
        compiled: Any = (statement.values(dict.fromkeys(absent, null())) if absent else statement).compile(
            dialect=connection.dialect,
            column_keys=[name for name in keys if name not in absent],
            for_executemany=True,
        )
        fixed = {name: value for name, value in compiled.params.items() if name not in keys}
        if missing := [name for name in fixed if compiled.binds[name].required]:
            raise KeyError(missing[0])
        return compiled.string, tuple(compiled.positiontup), fixed

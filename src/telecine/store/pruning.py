"""Rows that are to go, whoever else is at work."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Column, Connection, Table, delete, select, tuple_


def drop(connection: Connection, *, table: Table, columns: Sequence[Column[Any]], keys: Sequence[Any]) -> int:
    """Delete the rows of `table` whose `columns` are one of `keys`, but for those that another process has in hand just
    now; how many. `keys`: one at least; tuples, where there are several columns."""
    key: Any = columns[0] if len(columns) == 1 else tuple_(*columns)
    mine = select(*columns).where(key.in_(keys)).order_by(*columns).with_for_update(skip_locked=True)
    return connection.execute(delete(table).where(key.in_(mine))).rowcount

"""Each value of a column once, however many rows have it."""

from __future__ import annotations

from typing import Any

from sqlalchemy import CTE, Column, ColumnElement, func, select


def distinct(column: Column[Any], *among: ColumnElement[bool]) -> CTE:
    """A table of one column, `value`: what `column` holds in the rows for which `among` is true, and once NULL.

    With an index that begins with `column` it takes one look at it for each value, where DISTINCT would read all of
    it. `among` has to be the condition of that index, if it is a partial one.
    """
    first = select(func.min(column).label("value")).where(*among).cte(f"distinct_{column.name}", recursive=True)
    following = select(func.min(column)).where(column > first.c.value, *among).scalar_subquery()
    return first.union_all(select(following).where(first.c.value.is_not(None)))

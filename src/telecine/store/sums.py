"""Sums of amounts that may come to more than an integer of the database takes, on the way or in the end."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import ColumnElement, func

_PART: Final = 10**9


def parts(column: ColumnElement[Any]) -> tuple[ColumnElement[Any], ColumnElement[Any]]:
    """The sum of `column` in two parts, for a select; each fits wherever there are fewer rows than its base. SQLite
    gives up a whole sum that grows too large at any row."""
    return func.coalesce(func.sum(column // _PART), 0), func.coalesce(func.sum(column % _PART), 0)


def whole(high: Any, low: Any) -> int:
    """The sum whose two parts were read."""
    return int(high) * _PART + int(low)

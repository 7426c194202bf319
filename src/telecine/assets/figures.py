"""What libraries come to, for those who look after an installation."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from sqlalchemy import ColumnElement, Connection, func, literal_column, select

from telecine.store import tables

_A: Final = tables.assets
_T: Final = tables.asset_totals
# Written out, so that the planners see that an index on just these rows will do.
_DUE: Final[ColumnElement[Any]] = literal_column("assets.due IS NOT NULL")


class Libraries(msgspec.Struct, frozen=True):
    """All of them together."""

    files: int = 0
    bytes: int = 0
    leaving: int = 0
    """Bytes of files that were deleted and still lie in storage."""
    arriving: int = 0
    """Files that are to be fetched, or to be put together."""
    late: float = 0.0
    """How long ago the oldest of them was named, in seconds."""


def libraries(connection: Connection, now: float) -> Libraries:
    """As they are now."""
    sums = (func.coalesce(func.sum(column), 0) for column in (_T.c.files, _T.c.bytes, _T.c.leaving))
    files, size, leaving = connection.execute(select(*sums)).one()
    arriving = select(func.count(), func.min(_A.c.created_at)).where(
        _DUE, _A.c.state == "processing", _A.c.deleted_at.is_(None)
    )
    number, first = connection.execute(arriving).one()
    return Libraries(int(files), int(size), int(leaving), number, 0.0 if first is None else max(0.0, now - first))

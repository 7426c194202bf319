"""A write that changes nothing and is committed like any other: what it meets, a create would meet."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Final

import msgspec
from sqlalchemy import Connection

from telecine.store.locks import NO_LOCKS, Locks

_MOST: Final = 2**31 - 1


class Probe(msgspec.Struct, frozen=True):
    """Result: None. On SQLite it counts `user_version` up, which nobody reads; on PostgreSQL it leaves a message in the
    write-ahead log alone."""

    order: ClassVar[int] = 0
    key: ClassVar[None] = None
    locks: ClassVar[Locks] = NO_LOCKS

    @classmethod
    def apply(cls, connection: Connection, writes: Sequence[Probe], *, again: bool) -> Sequence[None]:
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql("SELECT pg_logical_emit_message(true, 'telecine', 'probe')")
        else:
            version = connection.exec_driver_sql("PRAGMA user_version").scalar_one()
            connection.exec_driver_sql(f"PRAGMA user_version = {(version + 1) % _MOST}")
        return [None] * len(writes)

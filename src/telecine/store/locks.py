"""The one order in which transactions lock rows, so that no two of them, in whatever process, wait for each other.

    config_revisions (as a whole: who brings a configuration into the records)
    → tasks → schedule → pools → channel_use → accounts

Within a table by primary key. A batch of writes takes all that its writes will change before the first of them runs
(`lock`). What else they change hangs on one of these rows and is changed by whoever has it: attempts, outputs, events
on their task, ledger entries and spending on their account. Deliveries are changed by others as well, so they come by
id (`in_order`). New rows under names that clients choose (external ids, idempotency keys) come last, each kind sorted.
What a transaction finds only on its way (the heads of lines, what is due, what is to be pruned) it takes with SKIP
LOCKED, which waits for nobody.

SQLite has one writer at a time, so there is nothing to lock.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import msgspec
from sqlalchemy import BigInteger, Column, ColumnElement, Connection, Select, Table, Text, any_, bindparam, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.types import ARRAY

from telecine.store import tables
from telecine.store.inserts import insert_missing

_COLLISIONS: Final = frozenset({"40001", "40P01"})
"""SQLSTATE of a serialization failure and of a deadlock: nothing has happened, and it may be tried again."""


class Locks(msgspec.Struct, frozen=True, kw_only=True):
    """The rows that a write will change, by primary key."""

    tasks: frozenset[int] = frozenset()
    schedule: frozenset[int] = frozenset()
    pools: frozenset[str] = frozenset()
    channels: frozenset[str] = frozenset()
    """Whose use is counted."""
    accounts: frozenset[int] = frozenset()


NO_LOCKS: Final = Locks()


def lock(connection: Connection, wanted: Iterable[Locks]) -> None:
    """Lock on PostgreSQL all that is `wanted`, in the order of this module; rows that are not there do not matter.

    A channel's row of use is made where it is missing, so that two processes do not both make it.
    """
    if connection.dialect.name != "postgresql":
        return
    many = [one for one in wanted if one is not NO_LOCKS]
    channels = _together(one.channels for one in many)
    _rows(connection, _TASKS, _together(one.tasks for one in many))
    _rows(connection, _SCHEDULE, _together(one.schedule for one in many))
    _rows(connection, _POOLS, _together(one.pools for one in many))
    if channels:
        unused = [{"channel": name, "day": 0, "today": 0, "marks": b"[]"} for name in channels]
        insert_missing(connection, tables.channel_use, unused)
    _rows(connection, _CHANNELS, channels)
    _rows(connection, _ACCOUNTS, _together(one.accounts for one in many))


def lock_whole(connection: Connection, table: Table) -> None:
    """Let nobody else write to `table` until this transaction ends; readers are not held up. Nothing on SQLite."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"LOCK TABLE {table.name} IN SHARE ROW EXCLUSIVE MODE")


def in_order(key: Column[Any], condition: ColumnElement[bool], *, skip: bool = False) -> Select[Any]:
    """The rows that meet `condition`, by `key`, locked in its order: for `key.in_(…)` of a statement that changes many.

    `skip`: without those that somebody else holds.
    """
    return select(key).where(condition).order_by(key).with_for_update(skip_locked=skip)


def collided(error: BaseException) -> bool:
    """Whether the database gave up this transaction for the sake of another one, so that it may be tried again."""
    return isinstance(error, DBAPIError) and getattr(error.orig, "sqlstate", None) in _COLLISIONS


def _together(sets: Iterable[frozenset[Any]]) -> list[Any]:
    return sorted(frozenset().union(*sets))


def _rows(connection: Connection, statement: Select[Any], keys: list[Any]) -> None:
    if keys:
        connection.execute(statement, {"b_keys": keys})


def _locking(column: Any, kind: type[BigInteger] | type[Text]) -> Select[Any]:
    """One array for all keys: the statement is the same for any number of them, and prepared once."""
    keys = bindparam("b_keys", type_=ARRAY(kind))
    return select(column).where(column == any_(keys)).order_by(column).with_for_update(key_share=True)


_TASKS: Final = _locking(tables.tasks.c.id, BigInteger)
_SCHEDULE: Final = _locking(tables.schedule.c.task_id, BigInteger)
_POOLS: Final = _locking(tables.pools.c.name, Text)
_CHANNELS: Final = _locking(tables.channel_use.c.channel, Text)
_ACCOUNTS: Final = _locking(tables.accounts.c.id, BigInteger)

"""The database behind its URL: connections, transactions and migrations."""

from __future__ import annotations

import asyncio
import random
import sqlite3
from collections.abc import Hashable, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, cast

import structlog
from sqlalchemy import Connection, Executable, inspect, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import DBAPIError

from telecine.store.batcher import Batcher
from telecine.store.locks import Locks, collided, lock
from telecine.store.thread import BUSY, T, Thread, Work

if TYPE_CHECKING:
    from telecine.store.pool import Pool

_TRIES = 5
"""How often a transaction that collided with another one is run, all in all."""
_PAUSE = 0.02
"""Seconds, at most, before the second try; each time twice as many."""
_MIGRATING = 0x7E1EC14E
"""The advisory lock of whoever brings the schema up to date: two processes may start at once."""
_MIGRATIONS = Path(__file__).parent / "migrations"
_log = structlog.get_logger(__name__)


_SHARED_CLOCK = "telecine_shared_clock"


def lease_time(connection: Connection, now: float) -> float:
    """What time it is for leases, in seconds since the Unix epoch: by the database's clock where several processes
    share it, whose own may differ; else `now`, the time of the one process that there is."""
    if not connection.get_execution_options().get(_SHARED_CLOCK):
        return now
    return float(connection.execute(text("SELECT extract(epoch FROM clock_timestamp())")).scalar_one())


class CommitUnknownError(Exception):
    """The connection failed during COMMIT: the transaction may or may not have happened."""


class DatabaseUnreachableError(ConnectionError):
    """No connection could be had: the server of the database is down, starting, full, or does not know us."""


class Write(Protocol):
    """A unit of a write batch. Units of one class are applied together, classes in the order of `order`.

    Every statement of `apply` runs in the batch's one transaction, which has locked by then what the `locks` of all its
    writes name: see `telecine.store.locks` for the order that keeps concurrent processes free of deadlocks.
    """

    order: ClassVar[int]

    @property
    def locks(self) -> Locks:
        """The rows that it will change."""
        ...

    @property
    def key(self) -> Hashable | None:
        """At most one unit with this key goes into a batch."""
        ...

    @classmethod
    def apply(cls, connection: Connection, writes: Sequence[Any], *, again: bool) -> Sequence[object | Exception]:
        """Write all of `writes`; one result or exception each. On SQLite it runs in a thread of the database's.

        `again`: an earlier COMMIT of these writes had an unknown result, so look first whether they are there.
        """
        ...


_COMMIT_FAILED = (DBAPIError, OSError, TimeoutError)


class NoRecordsError(Exception):
    """Nothing was ever kept in this database."""


class Database:
    """One database. `open` before use, `close` after. What it is given to do is plain functions over a connection; on
    SQLite they run in threads."""

    def __init__(self, url: str, *, shared_clock: bool = False) -> None:
        """`shared_clock`: leases are counted by the database's own clock, where it has one (`lease_time`)."""
        parsed = make_url(url)
        self.sqlite = parsed.get_backend_name() == "sqlite"
        self._writer: Thread | Pool
        self._reader: Thread | Pool
        self._lister: Thread | Pool
        if self.sqlite:
            self._writer = Thread(parsed, writer=True)
            self._reader, self._lister = Thread(parsed), Thread(parsed, 2)
        else:
            self._writer = self._reader = self._lister = _pool(parsed, shared_clock=shared_clock)
        self._unsure: set[int] = set()
        """The identities of waiting writes whose COMMIT had an unknown result: they look before they write."""
        self._batcher: Batcher[Any, Any] = Batcher(self._run, key=lambda write: write.key, common=_common)

    async def open(self, *, make: bool = True) -> None:
        """Bring the schema up to date. Raises NoRecordsError where there is none, and `make` is False."""

        def bring(connection: Connection) -> None:
            if not make and _revision(connection) is None:
                raise NoRecordsError("The database holds no records of Telecine.")
            if not self.sqlite:  # there SQLite's own lock does it
                connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_MIGRATING})")
            _migrate(connection)

        await self.change(bring)

    async def close(self) -> None:
        """Finish the writes that wait, then close every connection."""
        await self._batcher.close()
        for connections in (self._writer, self._reader, self._lister):
            await connections.close()

    async def write(self, write: Write) -> Any:
        """Commit `write`, together with whatever else waits, and return its result. Raises what it raised."""
        try:
            return await self._batcher.submit(write)
        finally:
            self._unsure.discard(id(write))

    async def change(self, work: Work[T]) -> T:
        """What `work` returns, in a transaction of its own: for the rare writes that are not worth a `Write` class."""

        def whole(connection: Connection) -> T:
            with connection.begin():
                return work(connection)

        return await self._writer.run(whole)

    async def read(self, work: Work[T]) -> T:
        """What `work` finds, which changes nothing and is soon done."""
        return await self._reader.run(work)

    async def rows(self, query: Executable, given: Mapping[str, Any] | None = None) -> Sequence[Any]:
        """The rows that `query` finds, soon."""
        return await self.read(lambda connection: connection.execute(query, given).all())

    async def snapshot(self, work: Work[T]) -> T:
        """What `work` finds where every statement sees the same moment. It may take its time: it holds up no writer,
        and no `read`."""

        def whole(connection: Connection) -> T:
            if not self.sqlite:
                return work(connection.execution_options(isolation_level="REPEATABLE READ"))
            connection.exec_driver_sql("BEGIN")
            try:
                return work(connection)
            finally:
                connection.exec_driver_sql("ROLLBACK")

        return await self._lister.run(whole)

    async def forget_log(self) -> bool:
        """Empty the write-ahead log, which still holds what rows said before they were changed or deleted.

        False where somebody reads too long to let it happen now. Only SQLite has such a log within our reach.
        """

        def empty(connection: Connection) -> bool:
            connection.exec_driver_sql("PRAGMA busy_timeout=2000")  # writers wait as long as this does
            busy = connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").first()
            connection.exec_driver_sql(f"PRAGMA busy_timeout={BUSY}")
            return busy is not None and busy[0] == 0

        return not self.sqlite or await self._lister.run(empty)

    async def _run(self, writes: Sequence[Write]) -> Sequence[object | Exception]:
        again = any(id(write) in self._unsure for write in writes)
        try:
            return await self._tried(writes, again=again)
        except CommitUnknownError:
            self._unsure.update(id(write) for write in writes)
            return await self._tried(writes, again=True)

    async def _tried(self, writes: Sequence[Write], *, again: bool) -> Sequence[object | Exception]:
        """The transaction, tried again where the database gave it up for the sake of another one."""
        for number in range(_TRIES - 1):
            try:
                return await self._transaction(writes, again=again)
            except DBAPIError as error:
                if not collided(error):
                    raise
                _log.warning("transaction_collided", writes=len(writes))
            await asyncio.sleep(random.uniform(0, _PAUSE * 2.0**number))  # noqa: S311  spreading load, not a secret
        return await self._transaction(writes, again=again)

    async def _transaction(self, writes: Sequence[Write], *, again: bool) -> Sequence[object | Exception]:
        def apply(connection: Connection) -> Sequence[object | Exception]:
            results = _apply(connection, writes, again=again)
            try:
                connection.commit()
            except _COMMIT_FAILED as error:
                raise CommitUnknownError from error
            return results

        return await self._writer.run(apply)


def _apply(connection: Connection, writes: Sequence[Write], *, again: bool) -> Sequence[object | Exception]:
    results: dict[int, object | Exception] = {}
    numbered = sorted(enumerate(writes), key=lambda item: (item[1].order, item[0]))
    lock(connection, (write.locks for write in writes))
    for kind, group in groupby(numbered, key=lambda item: type(item[1])):
        members = list(group)
        outcomes = kind.apply(connection, [write for _, write in members], again=again)
        results.update(zip((index for index, _ in members), outcomes, strict=True))
    return [results[index] for index in range(len(writes))]


def _pool(url: URL, *, shared_clock: bool) -> Pool:
    from telecine.store.pool import Pool  # large, and of no use to a start on SQLite

    return Pool(url, **{_SHARED_CLOCK: shared_clock})


def _common(error: Exception) -> bool:
    """Whether no single write can be to blame: another process has the lock, or there is no connection."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    busy = isinstance(cause, sqlite3.Error) and cause.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
    return busy or isinstance(cause, DatabaseUnreachableError)


def _migrate(connection: Connection) -> None:
    if _revision(connection) == newest_revision():
        return
    # Imported only when there is something to do: it costs every start a tenth of a second and 11 MB.
    from alembic import command
    from alembic.config import Config as AlembicConfig

    config = AlembicConfig()
    config.set_main_option("script_location", str(_MIGRATIONS))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def newest_revision() -> str:
    """The revision that the code wants: migrations are in files named `<revision>_<what>.py` that sort in order."""
    return max(file.stem.partition("_")[0] for file in (_MIGRATIONS / "versions").glob("[0-9]*.py"))


def _revision(connection: Connection) -> str | None:
    """The revision that the database has; None before the first."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    return cast(str | None, connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar())

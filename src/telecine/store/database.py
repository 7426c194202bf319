"""The database behind its URL: connections, transactions and migrations."""

from __future__ import annotations

import asyncio
import random
import sqlite3
from collections.abc import AsyncIterator, Hashable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from itertools import groupby
from pathlib import Path
from typing import Any, ClassVar, Protocol, TypeVar, cast

import structlog
from sqlalchemy import Connection, create_engine, event, inspect, text
from sqlalchemy.engine import URL, Engine, make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from telecine.store.batcher import Batcher
from telecine.store.locks import Locks, collided, lock
from telecine.store.thread import Thread, Work

_BUSY = 10_000
"""Milliseconds for which a statement waits for another's lock. Callers wait for two at most: that of the batch that is
under way, and that of their own."""
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


WriteT = TypeVar("WriteT", bound=Write)
T = TypeVar("T")
_COMMIT_FAILED = (DBAPIError, OSError, TimeoutError)


class NoRecordsError(Exception):
    """Nothing was ever kept in this database."""


class Database:
    """One database. `open` before use, `close` after."""

    def __init__(self, url: str, *, shared_clock: bool = False) -> None:
        """`shared_clock`: leases are counted by the database's own clock, where it has one (`lease_time`)."""
        self._url = make_url(url)
        self.sqlite = self._url.get_backend_name() == "sqlite"
        self._writer = _engine(self._url, writer=True)
        if shared_clock and not self.sqlite:
            self._writer = self._writer.execution_options(**{_SHARED_CLOCK: True})
        self._reader = _engine(self._url, writer=False) if self.sqlite else self._writer
        self._batches = Thread(_sync_engine(self._url, writer=True)) if self.sqlite else None
        self._reads = Thread(_sync_engine(self._url, writer=False)) if self.sqlite else None
        self._turn = asyncio.Lock()
        """SQLite has one writer at a time: whoever has this. The others wait here, and hold no thread."""
        self._unsure: set[int] = set()
        """The identities of waiting writes whose COMMIT had an unknown result: they look before they write."""
        self._batcher: Batcher[Any, Any] = Batcher(self._run, key=lambda write: write.key, common=_common)

    async def open(self, *, make: bool = True) -> None:
        """Bring the schema up to date. Raises NoRecordsError where there is none, and `make` is False."""
        async with self._writer.connect() as connection:
            if not make and await connection.run_sync(_revision) is None:
                raise NoRecordsError("The database holds no records of Telecine.")
            if not self.sqlite:  # there SQLite's own lock does it
                await connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_MIGRATING})")
            await connection.run_sync(_migrate)
            await connection.commit()

    async def close(self) -> None:
        """Finish the writes that wait, then close every connection."""
        await self._batcher.close()
        for thread in (self._batches, self._reads):
            if thread is not None:
                await thread.close()
        await self._writer.dispose()
        await self._reader.dispose()

    async def write(self, write: Write) -> Any:
        """Commit `write`, together with whatever else waits, and return its result. Raises what it raised."""
        try:
            return await self._batcher.submit(write)
        finally:
            self._unsure.discard(id(write))

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        """A connection for statements that change nothing."""
        async with self._reader.connect() as connection:
            yield connection

    async def read(self, work: Work[T]) -> T:
        """What `work` finds with a connection, which is all that it waits for; on SQLite in a thread of its own.

        For what is read often: `reading` costs several times as much.
        """
        if self._reads is not None:
            return await self._reads.run(work)
        async with self.reading() as connection:
            return await connection.run_sync(work)

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[AsyncConnection]:
        """The same, where every statement has to see the same moment; it holds up no writer."""
        async with self._reader.connect() as connection:
            if not self.sqlite:
                await connection.execution_options(isolation_level="REPEATABLE READ")
                yield connection
                return
            await connection.exec_driver_sql("BEGIN")
            try:
                yield connection
            finally:
                await connection.exec_driver_sql("ROLLBACK")

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[AsyncConnection]:
        """A transaction of its own, for the rare writes that are not worth a `Write` class."""
        async with self._alone(), self._writer.begin() as connection:
            yield connection

    async def forget_log(self) -> bool:
        """Empty the write-ahead log, which still holds what rows said before they were changed or deleted.

        False where somebody reads too long to let it happen now. Only SQLite has such a log within our reach.
        """
        if not self.sqlite:
            return True
        async with self._reader.connect() as connection:
            await connection.exec_driver_sql("PRAGMA busy_timeout=2000")  # writers wait as long as this does
            busy = (await connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")).first()
            await connection.exec_driver_sql(f"PRAGMA busy_timeout={_BUSY}")
        return busy is not None and busy[0] == 0

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
            _commit(connection)
            return results

        async with self._alone():
            if self._batches is not None:
                return await self._batches.run(apply)
            async with self._writer.connect() as connection:
                return await connection.run_sync(apply)

    def _alone(self) -> AbstractAsyncContextManager[Any]:
        """Be the one writer, where there can be only one."""
        return self._turn if self.sqlite else nullcontext()


def _apply(connection: Connection, writes: Sequence[Write], *, again: bool) -> Sequence[object | Exception]:
    results: dict[int, object | Exception] = {}
    numbered = sorted(enumerate(writes), key=lambda item: (item[1].order, item[0]))
    lock(connection, (write.locks for write in writes))
    for kind, group in groupby(numbered, key=lambda item: type(item[1])):
        members = list(group)
        outcomes = kind.apply(connection, [write for _, write in members], again=again)
        results.update(zip((index for index, _ in members), outcomes, strict=True))
    return [results[index] for index in range(len(writes))]


def _commit(connection: Connection) -> None:
    try:
        connection.commit()
    except _COMMIT_FAILED as error:
        raise CommitUnknownError from error


def _engine(url: URL, *, writer: bool) -> AsyncEngine:
    if url.get_backend_name() != "sqlite":
        engine = create_async_engine(url, pool_size=8, max_overflow=0, hide_parameters=True)
        event.listen(engine.sync_engine, "do_connect", _connect)
        return engine
    engine = create_async_engine(url, **_sqlite_options(writer=writer))
    _prepare(engine.sync_engine, writer=writer)
    return engine


def _sync_engine(url: URL, *, writer: bool) -> Engine:
    """The same SQLite for a thread that uses it without an event loop."""
    engine = create_engine(url.set(drivername="sqlite+pysqlite"), **_sqlite_options(writer=writer))
    return _prepare(engine, writer=writer)


def _sqlite_options(*, writer: bool) -> dict[str, Any]:
    # SQLite has one writer at a time, so a second writing connection could only wait.
    # Readers commit by themselves and need no reset: that saves two thread hops a read.
    # Statements hold prompts and callback tokens, and their errors end in the log: hence without parameters.
    options: dict[str, Any] = {} if writer else {"isolation_level": "AUTOCOMMIT", "pool_reset_on_return": None}
    size = 1 if writer else 2
    return {"pool_size": size, "max_overflow": 0, "pool_timeout": 60, "hide_parameters": True, **options}


def _prepare(engine: Engine, *, writer: bool) -> Engine:
    """Set up each connection as it is made, and begin each transaction of a writer with the lock."""

    @event.listens_for(engine, "connect")
    def _(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # the driver begins nothing by itself: `begin` below does
        cursor = connection.cursor()
        for pragma in (
            "journal_mode=WAL",
            "synchronous=FULL",
            "secure_delete=ON",  # what is deleted or replaced is overwritten in the file, too
            "foreign_keys=ON",
            f"busy_timeout={_BUSY}",
            "cache_size=-16384",
            "temp_store=MEMORY",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    if writer:

        @event.listens_for(engine, "begin")
        def _(connection: Connection) -> None:
            connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def _common(error: Exception) -> bool:
    """Whether no single write can be to blame: another process has the lock, or there is no connection."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    busy = isinstance(cause, sqlite3.Error) and cause.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
    return busy or isinstance(cause, DatabaseUnreachableError)


def _connect(dialect: Any, _record: object, cargs: Any, cparams: Any) -> Any:
    """A connection of the driver, whose errors are of too many kinds here. Raises DatabaseUnreachableError."""
    try:
        return dialect.connect(*cargs, **cparams)
    except Exception as error:
        raise DatabaseUnreachableError(str(error) or type(error).__name__) from error


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

"""Records before the first of them, for tests that are not about how they are made: a copy takes a twentieth of the
time of all migrations. And a look into the records of a test, or a hand in them, for as long as it likes."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, cast

from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncConnection

from telecine.store.database import Database
from telecine.store.thread import Thread

T = TypeVar("T")


def begin(file: Path) -> None:
    """Put them into an SQLite file, unless there is one."""
    if not file.exists():
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        file.write_bytes(_empty())


async def make(url: str) -> None:
    """Bring the database at `url` through every migration."""
    database = Database(url)
    await database.open()
    await database.close()


def aside(work: Coroutine[Any, Any, T]) -> T:
    """What `work` answers; in a thread, because the test's own loop is running."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()


class Held:
    """A connection of SQLite in the test's own thread, with the words of one of PostgreSQL."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    async def execute(self, *given: Any) -> Any:
        return self.connection.execute(*given)

    async def exec_driver_sql(self, *given: Any) -> Any:
        return self.connection.exec_driver_sql(*given)

    async def run_sync(self, work: Callable[..., T], *given: Any, **named: Any) -> T:
        return work(self.connection, *given, **named)


@asynccontextmanager
async def reading(database: Database) -> AsyncIterator[AsyncConnection]:
    """A connection that only reads; whoever reads or writes elsewhere does not wait for it."""
    pool = database._lister
    if isinstance(pool, Thread):
        with pool._engine.connect() as connection:
            yield cast(AsyncConnection, Held(connection))
    else:
        async with pool.engine.connect() as found:
            yield found


@asynccontextmanager
async def snapshot(database: Database) -> AsyncIterator[AsyncConnection]:
    """The same, of one moment."""
    async with reading(database) as connection:
        if not database.sqlite:
            await connection.execution_options(isolation_level="REPEATABLE READ")
            yield connection
            return
        await connection.exec_driver_sql("BEGIN")
        try:
            yield connection
        finally:
            await connection.exec_driver_sql("ROLLBACK")


@asynccontextmanager
async def writing(database: Database) -> AsyncIterator[AsyncConnection]:
    """A transaction."""
    pool = database._writer
    if isinstance(pool, Thread):
        with pool._engine.begin() as connection:
            yield cast(AsyncConnection, Held(connection))
    else:
        async with pool.engine.begin() as found:
            yield found


@cache
def _empty() -> bytes:
    folder = Path(tempfile.mkdtemp(prefix="telecine-empty-"))
    file = folder / "empty.db"
    aside(make(f"sqlite:///{file}"))
    content = file.read_bytes()
    shutil.rmtree(folder)
    return content

"""PostgreSQL through asyncpg, in the event loop's own thread: a whole piece of work is one greenlet."""

from __future__ import annotations

from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import URL
from sqlalchemy.ext.asyncio import create_async_engine

from telecine.store.database import DatabaseUnreachableError
from telecine.store.thread import T, Work


class Pool:
    """Connections to the PostgreSQL at `url`, one for each piece of work that is under way."""

    def __init__(self, url: URL, **options: Any) -> None:
        """`options`: what SQLAlchemy calls the execution options of each connection."""
        engine = create_async_engine(url, pool_size=8, max_overflow=0, hide_parameters=True)
        event.listen(engine.sync_engine, "do_connect", _connect)
        self.engine = engine.execution_options(**options)

    async def run(self, work: Work[T]) -> T:
        """What `work` returns. What it has not committed is rolled back. Raises what it raises, and
        DatabaseUnreachableError."""
        async with self.engine.connect() as connection:
            return await connection.run_sync(work)

    async def close(self) -> None:
        """Close every connection."""
        await self.engine.dispose()


def _connect(dialect: Any, _record: object, cargs: Any, cparams: Any) -> Any:
    """A connection of the driver, whose errors are of too many kinds here. Raises DatabaseUnreachableError."""
    try:
        return dialect.connect(*cargs, **cparams)
    except Exception as error:
        raise DatabaseUnreachableError(str(error) or type(error).__name__) from error

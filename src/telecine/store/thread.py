"""SQLite in threads of its own, a whole piece of work at a time: to cross threads for every statement, as an async
engine does, costs more than the statements themselves."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from sqlalchemy import Connection, create_engine, event
from sqlalchemy.engine import URL

T = TypeVar("T")
Work = Callable[[Connection], T]

BUSY = 10_000
"""Milliseconds for which a statement waits for the lock of another process."""


class Thread:
    """`count` connections to the SQLite at `url`, each used by one thread: what comes while all are taken waits in
    line. One who writes begins each transaction with the lock; one who does not commits by itself."""

    def __init__(self, url: URL, count: int = 1, *, writer: bool = False) -> None:
        # Readers need no reset. Statements hold prompts and callback tokens, and their errors end in the log: hence
        # without parameters.
        options: dict[str, Any] = {} if writer else {"isolation_level": "AUTOCOMMIT", "pool_reset_on_return": None}
        self._engine = create_engine(
            url.set(drivername="sqlite"), pool_size=count, max_overflow=0, hide_parameters=True, **options
        )
        event.listen(self._engine, "connect", _prepare)
        if writer:
            event.listen(self._engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
        self._threads = ThreadPoolExecutor(count, "sqlite")

    async def run(self, work: Work[T]) -> T:
        """What `work` returns. What it has not committed is rolled back. Raises what it raises."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._visit, work)

    async def close(self) -> None:
        """Close the connections, once what runs has ended."""
        await asyncio.to_thread(self._threads.shutdown)
        self._engine.dispose()

    def _visit(self, work: Work[T]) -> T:
        with self._engine.connect() as connection:
            return work(connection)


def _prepare(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # the driver begins nothing by itself: the listener above does
    cursor = connection.cursor()
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        "secure_delete=ON",  # what is deleted or replaced is overwritten in the file, too
        "foreign_keys=ON",
        f"busy_timeout={BUSY}",
        "cache_size=-16384",
        "temp_store=MEMORY",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()

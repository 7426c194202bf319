"""SQLite in a thread of its own, a whole piece of work at a time: to cross threads for every statement, as the async
engine does, costs more than the statements themselves."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar, cast

from sqlalchemy import Connection, CursorResult, Dialect, Engine
from sqlalchemy.ext.asyncio import AsyncConnection

T = TypeVar("T")
Work = Callable[[AsyncConnection], Awaitable[T]]


class Present:
    """Stands in for an AsyncConnection in a thread that may block: what is awaited has happened already.

    So the same statements run on both databases. Only what they need of a connection is here.
    """

    def __init__(self, connection: Connection) -> None:
        self.sync_connection = connection

    @property
    def dialect(self) -> Dialect:
        return self.sync_connection.dialect

    async def execute(self, statement: Any, parameters: Any = None) -> CursorResult[Any]:
        return self.sync_connection.execute(statement, parameters)

    async def exec_driver_sql(self, statement: str, parameters: Any = None) -> CursorResult[Any]:
        return self.sync_connection.exec_driver_sql(statement, parameters)


class Thread:
    """One connection of `engine`, used by one thread."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._thread = ThreadPoolExecutor(1, "sqlite")

    async def run(self, work: Work[T], *, commit: Callable[[Connection], None] | None = None) -> T:
        """What `work` returns; it awaits nothing but its connection. `commit` ends the transaction in the same visit
        to the thread. Raises what they raise; then nothing is committed.
        """
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._visit, work, commit)

    async def close(self) -> None:
        """Close the connection, once what runs has ended."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._engine.dispose)
        self._thread.shutdown(wait=False)

    def _visit(self, work: Work[T], commit: Callable[[Connection], None] | None) -> T:
        with self._engine.connect() as connection:
            result = _finished(work(cast(AsyncConnection, Present(connection))))
            if commit is not None:
                commit(connection)
        return result


def _finished(work: Awaitable[T]) -> T:
    """The result of something that never waits. Raises RuntimeError where it does: its thread has no event loop."""
    steps = cast(Coroutine[Any, Any, T], work)
    try:
        steps.send(None)
    except StopIteration as end:
        return cast(T, end.value)
    steps.close()
    raise RuntimeError("work on SQLite may wait for nothing but its connection")

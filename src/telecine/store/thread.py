"""SQLite in a thread of its own, a whole piece of work at a time: to cross threads for every statement, as the async
engine does, costs more than the statements themselves."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from sqlalchemy import Connection, Engine

T = TypeVar("T")
Work = Callable[[Connection], T]


class Thread:
    """One connection of `engine`, used by one thread."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._thread = ThreadPoolExecutor(1, "sqlite")

    async def run(self, work: Work[T]) -> T:
        """What `work` returns. What it has not committed is rolled back. Raises what it raises."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._visit, work)

    async def close(self) -> None:
        """Close the connection, once what runs has ended."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._engine.dispose)
        self._thread.shutdown(wait=False)

    def _visit(self, work: Work[T]) -> T:
        with self._engine.connect() as connection:
            return work(connection)

"""`python -m bench.drivers`: what a batch of creates costs on PostgreSQL, by the driver that carries it.

Ours is asyncpg in a greenlet (`run_sync`). Its rivals are psycopg, in a greenlet too, and in a thread of its own as
SQLite has it; they are measured where psycopg is installed. The CPU is this process's, for a create, with its commit.
"""

from __future__ import annotations

import asyncio
import importlib.util
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import asynccontextmanager
from multiprocessing import get_context
from statistics import median

from sqlalchemy import Connection, create_engine, insert, make_url
from sqlalchemy.ext.asyncio import create_async_engine

from bench.table import table
from telecine.nouns.ids import IdSource
from telecine.nouns.request import GenerationRequest
from telecine.nouns.task import Task
from telecine.store import tables
from telecine.store.database import Database
from telecine.tasks.writes import Create
from tests.postgres import create, running

_ROUNDS = 60
_BOAT = GenerationRequest(operation="text_to_video", model="m", prompt="a paper boat on a night sea", duration=5.0)
Run = Callable[[Callable[[Connection], None]], Awaitable[None]]


@asynccontextmanager
async def _greenlet(url: str, driver: str) -> AsyncIterator[Run]:
    options = {} if driver == "asyncpg" else {"paramstyle": "format"}
    engine = create_async_engine(make_url(url).set(drivername=f"postgresql+{driver}"), pool_size=1, **options)

    async def run(work: Callable[[Connection], None]) -> None:
        async with engine.connect() as connection:
            await connection.run_sync(work)

    yield run
    await engine.dispose()


@asynccontextmanager
async def _thread(url: str, driver: str) -> AsyncIterator[Run]:
    engine = create_engine(make_url(url).set(drivername=f"postgresql+{driver}"), pool_size=1, paramstyle="format")
    thread = ThreadPoolExecutor(1)

    def visit(work: Callable[[Connection], None]) -> None:
        with engine.connect() as connection:
            work(connection)

    yield lambda work: asyncio.get_running_loop().run_in_executor(thread, visit, work)
    engine.dispose()
    thread.shutdown()


_WAYS = {
    "asyncpg in a greenlet": (_greenlet, "asyncpg"),
    "psycopg in a greenlet": (_greenlet, "psycopg"),
    "psycopg in a thread": (_thread, "psycopg"),
}


async def _cost(run: Run, rows: int, ids: IdSource) -> float:
    """µs CPU of a create, in batches of so many."""
    found: list[float] = []
    for _ in range(_ROUNDS):
        writes = [_new(ids) for _ in range(rows)]

        def apply(connection: Connection, writes: Sequence[Create] = writes) -> None:
            Create.apply(connection, writes, again=False)
            connection.commit()

        before = time.process_time()
        await run(apply)
        found.append((time.process_time() - before) / rows * 1e6)
    return median(found[_ROUNDS // 6 :])


def _new(ids: IdSource) -> Create:
    now = time.time()
    task = Task(
        id=ids.next(now),
        account_id=1,
        key_id=None,
        dialect="kling",
        operation="text_to_video",
        model="m",
        request=_BOAT,
        created_at=now,
    )
    return Create(task, "bench")


async def _costs(url: str, name: str) -> list[float]:
    way, driver = _WAYS[name]
    async with way(url, driver) as run:
        return [await _cost(run, rows, IdSource()) for rows in (1, 8, 64)]


def _measured(url: str, name: str) -> list[float]:
    return asyncio.run(_costs(url, name))


async def _prepared(url: str) -> None:
    """The schema, and an account."""
    database = Database(url)
    await database.open()
    account = {"id": 1, "name": "bench", "created_at": 0.0, "limited": False, "source": "file"}
    money = {"balance": 0, "held": 0, "spent": 0}
    await database.change(lambda connection: connection.execute(insert(tables.accounts), [account | money]))
    await database.close()


def main() -> None:
    """Measure and print the table."""
    lines: list[tuple[str, ...]] = [("a create on PostgreSQL, in batches of", "1", "8", "64")]
    with running() as host:
        url = asyncio.run(create(host, "bench"))
        asyncio.run(_prepared(url))
        for name in _WAYS if importlib.util.find_spec("psycopg") else list(_WAYS)[:1]:
            # A process each: statements are compiled once, for one driver.
            with ProcessPoolExecutor(1, get_context("spawn")) as process:
                costs = process.submit(_measured, url, name).result()
            lines.append((name, *(f"{cost:,.0f} µs" for cost in costs)))
    print(table(lines))


if __name__ == "__main__":
    main()

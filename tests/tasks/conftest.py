"""The tests of tasks run on both databases: PostgreSQL is a second URL, not a second code path. And once more there
with two processes, each of which may run any step; but for tests that are marked `one_process`, and say why."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import pytest

from telecine.store.database import Database
from telecine.tasks import engine
from tests.postgres import create, drop, running
from tests.tasks import scripted

T = TypeVar("T")
_EMPTY = "without_a_record"
_numbers = itertools.count()


@pytest.fixture(scope="session")
def postgres() -> Iterator[Path]:
    """The socket folder of a PostgreSQL server that lives as long as the session."""
    with running() as folder:
        asyncio.run(_make_empty(folder))
        yield folder


@pytest.fixture(autouse=True, params=["sqlite", "postgres", "two"])
def database(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Houses of this test keep their records there."""
    yield from records(request, monkeypatch)


def records(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What the fixture `database` does, for rooms with parameters of their own."""
    if request.param == "sqlite":
        yield
        return
    if request.param == "two":
        if alone := request.node.get_closest_marker("one_process"):
            pytest.skip(f"one process: {alone.args[0]}")
        monkeypatch.setattr(scripted, "two_processes", True)
        monkeypatch.setattr(engine, "_CLAIM", 1)  # so that not all that is due goes to whoever comes first
    host = request.getfixturevalue("postgres")
    made: dict[Path, tuple[str, str]] = {}

    def url(folder: Path) -> str:
        if folder not in made:
            name = f"test_{next(_numbers)}"
            made[folder] = name, _aside(create(host, name, _EMPTY))
        return made[folder][1]

    monkeypatch.setattr(scripted, "database_url", url)
    yield
    # Each has some 300 files: left to the end, deleting them all took 80 s.
    _aside(drop(host, [name for name, _ in made.values()]))


async def _make_empty(host: Path) -> None:
    """The records before the first of them, to be copied: that takes a third of the time that making them does."""
    records = Database(await create(host, _EMPTY))
    await records.open()
    await records.close()


def _aside(work: Coroutine[Any, Any, T]) -> T:
    """What `work` answers; in a thread, because the test's own loop is running."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()

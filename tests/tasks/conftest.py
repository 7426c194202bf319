"""The tests of tasks run on both databases: PostgreSQL is a second URL, not a second code path. And once more there
with two processes, each of which may run any step; but for tests that are marked `one_process`, and say why."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from telecine.store.database import Database
from telecine.tasks import engine
from tests.postgres import create, running
from tests.tasks import scripted

_EMPTY = "without_a_record"
_numbers = itertools.count()


@pytest.fixture(scope="session")
def postgres() -> Iterator[Path]:
    """The socket folder of a PostgreSQL server that lives as long as the session."""
    with running() as folder:
        asyncio.run(_make_empty(folder))
        yield folder


@pytest.fixture(autouse=True, params=["sqlite", "postgres", "two"])
def database(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Houses of this test keep their records there."""
    if request.param == "sqlite":
        return
    if request.param == "two":
        if alone := request.node.get_closest_marker("one_process"):
            pytest.skip(f"one process: {alone.args[0]}")
        monkeypatch.setattr(scripted, "two_processes", True)
        monkeypatch.setattr(engine, "_CLAIM", 1)  # so that not all that is due goes to whoever comes first
    host = request.getfixturevalue("postgres")
    made: dict[Path, str] = {}

    def url(folder: Path) -> str:
        if folder not in made:
            made[folder] = _copy(host, f"test_{next(_numbers)}")
        return made[folder]

    monkeypatch.setattr(scripted, "database_url", url)


async def _make_empty(host: Path) -> None:
    """The records before the first of them, to be copied: that takes a third of the time that making them does."""
    records = Database(await create(host, _EMPTY))
    await records.open()
    await records.close()


def _copy(host: Path, name: str) -> str:
    """A database for one test; in a thread, because the test's own loop is running."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(lambda: asyncio.run(create(host, name, _EMPTY))).result()

"""The tests of tasks run on both databases: PostgreSQL is a second URL, not a second code path."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.postgres import create, running
from tests.tasks import scripted

_numbers = itertools.count()


@pytest.fixture(scope="session")
def postgres() -> Iterator[Path]:
    """The socket folder of a PostgreSQL server that lives as long as the session."""
    with running() as folder:
        yield folder


@pytest.fixture(autouse=True, params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Houses of this test keep their records there."""
    if request.param == "sqlite":
        return
    host = request.getfixturevalue("postgres")
    made: dict[Path, str] = {}

    def url(folder: Path) -> str:
        if folder not in made:
            made[folder] = _create(host, f"test_{next(_numbers)}")
        return made[folder]

    monkeypatch.setattr(scripted, "database_url", url)


def _create(host: Path, name: str) -> str:
    """Make a database; in a thread, because the test's own loop is running."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(lambda: asyncio.run(create(host, name))).result()

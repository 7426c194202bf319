"""The tests of tasks run on both databases: PostgreSQL is a second URL, not a second code path. And once more there
with two processes, each of which may run any step; but for tests that are marked `one_process`, and say why."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from telecine.tasks import engine
from tests.postgres import Databases
from tests.tasks import scripted


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
    databases: Databases = request.getfixturevalue("databases")
    made: dict[Path, str] = {}

    def url(folder: Path) -> str:
        if folder not in made:
            made[folder] = databases.take()
        return databases.url(made[folder])

    monkeypatch.setattr(scripted, "database_url", url)
    yield
    databases.give_back(list(made.values()))

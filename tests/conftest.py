"""What all tests share: where their files are, how logs look, and a PostgreSQL server.

Files are in memory, where there is enough of it. A commit waits until a disk has it, several milliseconds each, and the
suite makes a hundred thousand. What a disk would have kept after a power cut no test could tell; what is left after a
kill is the same.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import structlog

if TYPE_CHECKING:
    from tests.postgres import Databases

_MEMORY = Path("/dev/shm")  # noqa: S108  a tmpfs, on Linux; containers often have 64 MB of it
_ENOUGH = 2 << 30
"""Bytes. The suite needs a tenth of them at a time."""

if "TMPDIR" not in os.environ and _MEMORY.is_dir() and shutil.disk_usage(_MEMORY).free >= _ENOUGH:
    os.environ["TMPDIR"] = str(_MEMORY)  # of this process and all that it starts
    tempfile.tempdir = None

# No process compiles the modules that the one before it has compiled: that takes half a second.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# Tracebacks as Python prints them: structlog's own, with colours and every local, take a quarter of a second each.
_plain = structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)
structlog.configure(processors=[structlog.contextvars.merge_contextvars, structlog.processors.add_log_level, _plain])


@pytest.fixture(scope="session")
def postgres() -> Iterator[Path]:
    """The socket folder of a PostgreSQL server that lives as long as the session."""
    from tests.postgres import running

    with running() as folder:
        yield folder


@pytest.fixture(scope="session")
def databases(postgres: Path) -> Databases:
    """Databases there."""
    from tests.postgres import Databases

    return Databases(postgres)

"""What a start and a question for help load, each in a fresh process: nothing before it is needed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SERVE = """
import signal, sys
from telecine.cli import serve
from telecine.cli.app import main

def ready(*_):
    print(*sys.modules)
    signal.raise_signal(signal.SIGTERM)

serve._announce = ready
sys.argv[1:] = ["serve", "--port", "0", "--data", sys.argv[1]]
main()
"""
HELP = """
import sys
from telecine.cli.app import main

sys.argv[1:] = ["--help"]
try:
    main()
finally:
    print(*sys.modules)
"""


def loaded(code: str, *arguments: str) -> set[str]:
    """The modules that were loaded in the end."""
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines()[-1].split())


def test_a_start_loads_no_other_database_no_pictures_and_no_migrations(tmp_path: Path) -> None:
    loaded(SERVE, str(tmp_path))  # which makes the tables
    modules = loaded(SERVE, str(tmp_path))
    assert {"sqlalchemy", "httptools", "telecine.server.gateway"} <= modules
    assert not modules & {
        "PIL",
        "pydantic",
        "telecine.cli.accounts",
        "telecine.providers.sandbox.lettering",
        "aiohttp",
        "alembic",
        "asyncpg",
        "av",
        "cryptography.x509",
        "jwt",
        "rich",
        "sqlalchemy.dialects.postgresql",
        "sqlalchemy.ext.asyncio",
        "sqlalchemy.orm",
        "tomlkit",
    }


def test_help_loads_nothing_of_the_server() -> None:
    modules = loaded(HELP)
    assert {"typer", "telecine.cli.serve", "telecine.cli.accounts"} <= modules
    assert not modules & {
        "aiohttp",
        "asyncio",
        "sqlalchemy",
        "ssl",
        "starlette",
        "structlog",
        "telecine.server",
        "uvicorn",
    }

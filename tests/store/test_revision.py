"""The start's quick look at the schema must want what Alembic wants."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from alembic.config import Config
from alembic.script import ScriptDirectory

from telecine.store import database
from telecine.store.database import newest_revision


def test_the_newest_file_is_alembics_only_head() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(database.__file__).parent / "migrations"))
    assert ScriptDirectory.from_config(config).get_heads() == [newest_revision()]


def test_a_start_on_a_current_schema_does_without_alembic(tmp_path: Path) -> None:
    program = (
        "import asyncio, sys\n"
        "from telecine.store.database import Database\n"
        "async def opened():\n"
        "    database = Database(sys.argv[1])\n"
        "    await database.open()\n"
        "    await database.close()\n"
        "asyncio.run(opened())\n"
        "print('alembic' in sys.modules)\n"
    )
    url = f"sqlite+aiosqlite:///{tmp_path / 'telecine.db'}"
    starts = [subprocess.check_output([sys.executable, "-c", program, url], text=True) for _ in range(2)]
    assert starts == ["True\n", "False\n"]

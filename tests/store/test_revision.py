"""The start's quick look at the schema must want what Alembic wants."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine

from telecine.store import database
from telecine.store.database import Database, newest_revision
from tests.records import reading


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
    url = f"sqlite:///{tmp_path / 'telecine.db'}"
    starts = [subprocess.check_output([sys.executable, "-c", program, url], text=True) for _ in range(2)]
    assert starts == ["True\n", "False\n"]


async def test_a_sum_that_has_become_approximate_is_cut_off_to_a_whole_number(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'telecine.db'}"
    with create_engine(url).begin() as connection:
        config = Config()
        config.set_main_option("script_location", str(Path(database.__file__).parent / "migrations"))
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        connection.exec_driver_sql(
            "INSERT INTO accounts (id, name, created_at, limited, balance, held, spent, source) "
            "VALUES (1, 'x', 0, 0, 5, 9000000000000000000, 7, 'admin')"
        )
        connection.exec_driver_sql("UPDATE accounts SET held = held + 1000000000000000000")
    after = Database(url)
    await after.open()
    async with reading(after) as connection:
        kinds = await connection.exec_driver_sql("SELECT typeof(balance), typeof(held), typeof(spent) FROM accounts")
        assert tuple(kinds.one()) == ("integer", "integer", "integer")
    await after.close()

"""What a database tells of its statements."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import insert
from sqlalchemy.exc import IntegrityError

from telecine.store import tables
from telecine.store.database import Database


async def test_errors_do_not_repeat_what_was_written(tmp_path: Path) -> None:
    database = Database(f"sqlite+aiosqlite:///{tmp_path / 'test.db'}")
    await database.open()
    try:
        async with database.writing() as connection:
            write = insert(tables.settings).values(name="x", value="a secret")
            await connection.execute(write)
            with pytest.raises(IntegrityError) as caught:
                await connection.execute(write)
        assert "a secret" not in str(caught.value)
    finally:
        await database.close()

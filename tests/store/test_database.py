"""What a database tells of its statements."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import insert
from sqlalchemy.exc import IntegrityError

from telecine.store import tables
from telecine.store.database import Database
from tests.records import writing


@pytest.mark.parametrize("scheme", ["sqlite", "sqlite+aiosqlite"])
async def test_errors_do_not_repeat_what_was_written(tmp_path: Path, scheme: str) -> None:
    """Nor does it matter which driver of SQLite an address names: it was another one once."""
    database = Database(f"{scheme}:///{tmp_path / 'test.db'}")
    await database.open()
    try:
        async with writing(database) as connection:
            write = insert(tables.settings).values(name="x", value="a secret")
            await connection.execute(write)
            with pytest.raises(IntegrityError) as caught:
                await connection.execute(write)
        assert "a secret" not in str(caught.value)
    finally:
        await database.close()

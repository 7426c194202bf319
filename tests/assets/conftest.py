"""A library on both databases, with decoders that go by the first bytes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests import records
from tests.assets.house import House
from tests.postgres import Databases


@pytest.fixture(params=["sqlite", "postgres"])
async def house(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[House]:
    """A library with two accounts."""
    if request.param == "sqlite":
        records.begin(tmp_path / "telecine.db")
        async with House(tmp_path, f"sqlite:///{tmp_path / 'telecine.db'}").opened() as house:
            yield house
        return
    databases: Databases = request.getfixturevalue("databases")
    name = databases.take()
    async with House(tmp_path, databases.url(name)).opened() as house:
        yield house
    databases.give_back([name])

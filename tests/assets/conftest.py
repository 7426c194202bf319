"""A library with decoders that go by the first bytes; on both databases for tests that are marked so (`house.BOTH`),
because they are about locks or about what databases do differently."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests import records
from tests.assets.house import House
from tests.postgres import Databases


@pytest.fixture
async def house(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[House]:
    """A library with two accounts."""
    if getattr(request, "param", "sqlite") == "sqlite":
        records.begin(tmp_path / "telecine.db")
        async with House(tmp_path, f"sqlite:///{tmp_path / 'telecine.db'}").opened() as house:
            yield house
        return
    databases: Databases = request.getfixturevalue("databases")
    name = databases.take()
    async with House(tmp_path, databases.url(name)).opened() as house:
        yield house
    databases.give_back([name])

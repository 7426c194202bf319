"""The statements of deliveries run on both databases, as those of tasks do. Not with two processes: these tests look
into the one deliverer and the one set of endpoints that they have; `tests/chaos` kills two."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.tasks.conftest import records


@pytest.fixture(autouse=True, params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Houses of this test keep their records there."""
    yield from records(request, monkeypatch)

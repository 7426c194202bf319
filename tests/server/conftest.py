"""What the tests of a running server share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.server.live import LiveServer
from tests.upstreams.kling import FakeKling


@pytest.fixture
def kling() -> Iterator[FakeKling]:
    with FakeKling().in_thread() as fake:
        yield fake


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server without any channel, for the tests of one file."""
    with LiveServer(tmp_path_factory.mktemp("sandbox")) as server:
        yield server


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """For the server that a test starts by itself."""
    return tmp_path

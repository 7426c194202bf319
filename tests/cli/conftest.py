"""One server for all tests that only need one."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.house import Served, server


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A sandbox server on its first run."""
    with server(tmp_path_factory.mktemp("served") / "data") as running:
        yield running


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Where a data directory may be made; nothing is there yet."""
    return tmp_path / "data"


@pytest.fixture(scope="session")
def _made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a first start leaves behind."""
    folder = tmp_path_factory.mktemp("made") / "data"
    with server(folder) as running:
        assert running.end() == 0
    return folder


@pytest.fixture
def installed(_made: Path, tmp_path: Path) -> Path:
    """The data of an installation that no server has."""
    shutil.copytree(_made, tmp_path / "data")
    return tmp_path / "data"

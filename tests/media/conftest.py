"""A storage on disk, and the folder through which files go there."""

from __future__ import annotations

from pathlib import Path

import pytest

from telecine.media import spool
from telecine.media.storage import Storage
from tests.media.fakes import FakeDecoders


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "media"


@pytest.fixture
def storage(root: Path) -> Storage:
    return Storage.on_disk(root)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "tmp"
    spool.prepare(made)
    return made


@pytest.fixture
def decoders() -> FakeDecoders:
    return FakeDecoders()

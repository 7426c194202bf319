from __future__ import annotations

from pathlib import Path

import pytest

from telecine.config import Config, Settings
from telecine.server.installation import is_installed


@pytest.mark.parametrize(
    ("url", "there", "installed"),
    [
        (None, {}, False),
        (None, {"telecine.db": b""}, False),
        (None, {"telecine.db": b"SQLite format 3\0"}, True),
        (None, {"media": None}, False),
        ("postgresql+asyncpg://a@b/c", {"media": None}, True),  # as a start leaves it: nothing in it
        ("postgresql+asyncpg://a@b/c", {"telecine.db": b"SQLite format 3\0"}, False),
    ],
)
def test_what_tells_of_an_installation(
    tmp_path: Path, url: str | None, there: dict[str, bytes | None], installed: bool
) -> None:
    for name, content in there.items():
        (tmp_path / name).mkdir() if content is None else (tmp_path / name).write_bytes(content)
    assert is_installed(Settings(data=tmp_path, config=Config(), database_url=url)) is installed


def test_a_file_in_the_place_of_the_folder_is_none(tmp_path: Path) -> None:
    (tmp_path / "data").touch()
    assert not is_installed(Settings(data=tmp_path / "data", config=Config()))

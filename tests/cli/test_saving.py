"""What `download` makes of outputs that are no files, and of companions."""

from __future__ import annotations

import io
from pathlib import Path
from typing import IO

import pytest

from telecine.cli.failure import Failure
from telecine.cli.saving import save
from telecine.cli.wire import Output, Task


class Shop:
    """A connection that has every file."""

    def download(self, url: str) -> IO[bytes]:
        return io.BytesIO(url.encode())


def task(*outputs: Output) -> Task:
    return Task(id="tsk_1", status="succeeded", operation="music", model="m", created_at=1.0, outputs=list(outputs))


SONG = Output(index=0, url="https://f/a", content_type="audio/mpeg")
COVER = Output(index=1, part="cover", url="https://f/b", content_type="image/png")
WORDS = Output(index=2, part="lyrics", text="la 啦", content_type="text/plain")


def test_texts_and_companions_are_saved_beside_the_song(tmp_path: Path) -> None:
    found = save(Shop(), task(SONG, COVER, WORDS), tmp_path / "song.mp3", force=False)  # type: ignore[arg-type]
    assert [path.name for path, _ in found] == ["song-1.mp3", "song-2.png", "song-3.txt"]
    assert (tmp_path / "song-1.mp3").read_bytes() == b"https://f/a"
    assert (tmp_path / "song-3.txt").read_text("utf-8") == "la 啦"


def test_a_lost_companion_is_left_out_and_a_lost_song_is_a_failure(tmp_path: Path) -> None:
    lost = Output(index=1, part="cover")
    found = save(Shop(), task(SONG, lost), tmp_path / "song.mp3", force=False)  # type: ignore[arg-type]
    assert [path.name for path, _ in found] == ["song-1.mp3"]
    with pytest.raises(Failure):
        save(Shop(), task(Output(index=0)), tmp_path / "other.mp3", force=False)  # type: ignore[arg-type]

"""Files that came inside an answer: taken into storage as they are, kept as outputs from there."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from telecine.media.collect import Collector
from telecine.media.library import MediaLibrary
from telecine.media.reader import Reader
from telecine.media.storage import Storage, content_key, link_to
from telecine.net.client import Client, FetchError
from telecine.net.spool import Spooled
from telecine.nouns.task import Output
from telecine.providers.base import Channel, Provider
from tests.media.fakes import HTML, PNG, FakeDecoders, files_in

KEY = content_key(7, 55, 1)
OUTPUT = Output(task_id=55, index=1, kind="image", upstream_url=link_to(KEY))
NOBODY: Provider = None  # type: ignore[assignment]  # no upstream is asked
CHANNEL = Channel("main", "http://127.0.0.1")


@pytest.fixture
def library(storage: Storage, decoders: FakeDecoders, folder: Path) -> MediaLibrary:
    reader = Reader(storage, Client(), decoders, folder)
    return MediaLibrary(storage, Collector(storage, decoders, folder), reader, folder)


async def test_a_file_is_taken_whole_and_kept_from_there(library: MediaLibrary, root: Path, folder: Path) -> None:
    async with library.spool() as spool:
        sink = spool.sink()
        sink.write(PNG)
        await library.take(KEY, Spooled(sink.path, len(PNG), sink.finish()))
    assert (files_in(root), files_in(folder)) == (["a7/t55/1.content.bin"], [])
    kept = await library.keep(NOBODY, CHANNEL, OUTPUT, 7)
    assert (kept.state, kept.object_key, kept.content_type) == ("stored", "a7/t55/1.png", "image/png")
    assert await library.keep(NOBODY, CHANNEL, OUTPUT, 7) == kept  # after a kill, once more
    await library.forget([KEY])
    assert (files_in(root), (root / "a7/t55/1.png").read_bytes()) == (["a7/t55/1.png"], PNG)


async def test_a_small_one_is_taken_from_memory(library: MediaLibrary, folder: Path) -> None:
    await library.take(KEY, PNG)
    assert (await library.keep(NOBODY, CHANNEL, OUTPUT, 7)).bytes == len(PNG)
    assert files_in(folder) == []


async def test_what_is_no_such_file_stays_where_it_is(library: MediaLibrary, root: Path) -> None:
    await library.take(KEY, HTML)
    with pytest.raises(FetchError):
        await library.keep(NOBODY, CHANNEL, OUTPUT, 7)
    assert files_in(root) == ["a7/t55/1.content.bin"]
    assert (await library.keep(NOBODY, CHANNEL, replace(OUTPUT, kind="file"), 7)).state == "stored"


async def test_one_that_is_gone_cannot_be_had(library: MediaLibrary) -> None:
    with pytest.raises(FileNotFoundError):
        await library.keep(NOBODY, CHANNEL, OUTPUT, 7)

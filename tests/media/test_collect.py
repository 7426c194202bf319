"""Outputs on their way from the upstream to our storage."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from telecine.media.collect import Collector
from telecine.media.storage import Storage
from telecine.net.client import Client, FetchError
from telecine.net.guard import AddressPolicy
from telecine.nouns.operations import Kind
from telecine.nouns.task import Output
from tests.media.fakes import HTML, MP4, PNG, WAV, FakeDecoders, chunked, files_in
from tests.upstreams.files import Answer, FileServer

PENDING = Output(task_id=55, index=1, upstream_url="https://upstream.example/x")


@pytest.fixture
def collector(storage: Storage, decoders: FakeDecoders, folder: Path) -> Collector:
    return Collector(storage, decoders, folder, max_bytes=10_000)


async def test_a_video_is_kept_with_its_poster(collector: Collector, root: Path, folder: Path) -> None:
    kept = await collector.collect(chunked(MP4), PENDING, account_id=7)
    assert (kept.state, kept.object_key, kept.poster_key) == ("stored", "a7/t55/1.mp4", "a7/t55/1.poster.jpg")
    assert (kept.content_type, kept.bytes, kept.sha256) == ("video/mp4", len(MP4), hashlib.sha256(MP4).hexdigest())
    assert (kept.width, kept.height, kept.duration) == (1280, 720, 5.0)
    assert kept.upstream_url == PENDING.upstream_url
    assert (root / "a7/t55/1.mp4").read_bytes() == MP4
    assert (root / "a7/t55/1.poster.jpg").read_bytes() == b"poster of %d bytes" % len(MP4)
    assert files_in(folder) == []


async def test_an_equal_file_is_not_looked_at_again(collector: Collector, decoders: FakeDecoders, root: Path) -> None:
    first = await collector.collect(chunked(MP4), PENDING, account_id=7)
    decoders.crashing, decoders.posters = True, False
    again = await collector.collect(chunked(MP4), replace(PENDING, task_id=56), account_id=8)
    assert again == replace(first, task_id=56, object_key="a8/t56/1.mp4", poster_key="a8/t56/1.poster.jpg")
    assert (root / "a8/t56/1.poster.jpg").read_bytes() == (root / "a7/t55/1.poster.jpg").read_bytes()
    for name in files_in(root):
        if name.endswith(".jpg"):
            (root / name).unlink()
    assert (await collector.collect(chunked(MP4), PENDING, account_id=7)).poster_key is None  # it is drawn anew
    with pytest.raises(FetchError, match="no video"):
        await collector.collect(chunked(MP4 + b"more"), PENDING, account_id=7)
    with pytest.raises(FetchError, match="of kind video, not image"):
        await collector.collect(chunked(MP4), replace(PENDING, kind="image"), account_id=7)


@pytest.mark.parametrize(("kind", "body", "extension"), [("image", PNG, "png"), ("audio", WAV, "wav")])
async def test_other_kinds_have_no_poster(
    collector: Collector, root: Path, kind: str, body: bytes, extension: str
) -> None:
    kept = await collector.collect(chunked(body), Output(task_id=55, index=0, kind=kind), account_id=7)  # type: ignore[arg-type]
    assert kept.poster_key is None
    assert files_in(root) == [f"a7/t55/0.{extension}"]


@pytest.mark.parametrize(
    ("kind", "content_type"), [("file", "application/octet-stream"), ("text", "text/plain")], ids=["file", "text"]
)
@pytest.mark.parametrize("body", [b"PK\3\4 a score", HTML, MP4, b""], ids=["zip", "html", "video", "empty"])
async def test_what_is_no_media_is_kept_as_it_comes(
    collector: Collector, root: Path, kind: Kind, content_type: str, body: bytes
) -> None:
    kept = await collector.collect(chunked(body), Output(task_id=55, index=0, kind=kind), account_id=7)
    assert (kept.state, kept.content_type, kept.object_key) == ("stored", content_type, "a7/t55/0.bin")
    assert (kept.bytes, kept.sha256) == (len(body), hashlib.sha256(body).hexdigest())
    assert (root / "a7/t55/0.bin").read_bytes() == body
    assert (kept.poster_key, kept.width, kept.duration) == (None, None, None)


async def test_collecting_again_changes_nothing(collector: Collector, root: Path) -> None:
    first = await collector.collect(chunked(MP4), PENDING, account_id=7)
    before = files_in(root)
    assert await collector.collect(chunked(MP4), PENDING, account_id=7) == first
    assert files_in(root) == before


async def test_a_video_without_a_picture_is_kept_all_the_same(
    collector: Collector, decoders: FakeDecoders, root: Path, folder: Path
) -> None:
    decoders.posters = False
    kept = await collector.collect(chunked(MP4), PENDING, account_id=7)
    assert (kept.state, kept.poster_key) == ("stored", None)
    assert files_in(root) == ["a7/t55/1.mp4"]
    assert files_in(folder) == []


@pytest.mark.parametrize("body", [HTML, b"", PNG, WAV, MP4 * 3], ids=["html", "empty", "image", "sound", "too-large"])
async def test_what_is_no_such_file_is_not_kept(collector: Collector, root: Path, folder: Path, body: bytes) -> None:
    with pytest.raises(FetchError):
        await collector.collect(chunked(body), PENDING, account_id=7)
    assert files_in(root) == files_in(folder) == []


async def test_a_stream_that_breaks_leaves_nothing(collector: Collector, root: Path, folder: Path) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield MP4
        raise FetchError("the connection broke")

    with pytest.raises(FetchError, match="the connection broke"):
        await collector.collect(broken(), PENDING, account_id=7)
    assert files_in(root) == files_in(folder) == []


async def test_the_upstreams_connection_is_not_kept_waiting(collector: Collector) -> None:
    closed = False

    async def connection() -> AsyncIterator[bytes]:
        nonlocal closed
        try:
            while True:
                yield MP4
        finally:
            closed = True

    with pytest.raises(FetchError, match="larger than 10000 bytes") as caught:
        await collector.collect(connection(), PENDING, account_id=7)
    assert closed
    assert caught.value.refused


@pytest.mark.parametrize("fault", ["cut", "reset", "stall"])
async def test_from_a_server_that_fails_and_then_does_not(
    collector: Collector, root: Path, folder: Path, fault: str
) -> None:
    client = Client(AddressPolicy(["127.0.0.0/8"]), stall=0.1)
    async with FileServer() as server:
        server.answers["/v"] = Answer(MP4, fault=fault)  # type: ignore[arg-type]
        for broken in (True, False):
            async with client.stream(server.url("/v"), max_bytes=10_000) as answer:
                if broken:
                    with pytest.raises(FetchError):
                        await collector.collect(answer.chunks, PENDING, account_id=7)
                    assert files_in(root) == files_in(folder) == []
                else:
                    assert (await collector.collect(answer.chunks, PENDING, account_id=7)).state == "stored"
            server.answers["/v"].fault = ""
    await client.close()

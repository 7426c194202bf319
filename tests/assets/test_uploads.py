"""Files in parts, and files that are too large for any memory."""

from __future__ import annotations

import hashlib
import os
import tracemalloc
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from telecine.assets import uploads
from telecine.assets.asset import Asset, Wanted
from telecine.assets.shelf import Shelf
from telecine.nouns.errors import GatewayError
from tests.assets.house import BOTH, ME, House
from tests.media.fakes import MP4, PNG, FakeDecoders, FakeSeen, chunked, files_in

PART = 2000
MIB = 1024 * 1024
LARGE = int(os.environ.get("TELECINE_LARGE_MIB", "64"))
"""As many MiB as show it; 2048 take some seconds of a core."""


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "PART", PART)


async def sent(house: House, asset: Asset, content: bytes, *numbers: int) -> None:
    for number in numbers:
        part = content[(number - 1) * PART : number * PART]
        await house.assets.uploads.put(ME, asset.id, number, chunked(part))


@BOTH
async def test_parts_come_in_any_order_more_than_once_and_through_any_process(house: House) -> None:
    begun = await house.assets.uploads.create(ME, len(MP4), Wanted(name="clip"))
    assert (begun.part_size, await house.totals()) == (PART, (1, len(MP4), 0))
    await sent(house, begun.asset, bytes(len(MP4)), 3, 1)
    await sent(house, begun.asset, MP4, 1, 3, 2)
    assert len(house.files) == 3, "those that were replaced are gone"
    there = (await house.assets.uploads.get(ME, begun.asset.id)).parts
    assert [(one.number, one.bytes) for one in there] == [(1, 2000), (2, 2000), (3, 1012)]
    digest = hashlib.sha256(MP4).hexdigest()
    done = await house.assets.uploads.complete(ME, begun.asset.id, digest.upper())
    assert (done.state, (await house.assets.uploads.complete(ME, begun.asset.id)).state) == ("processing", "processing")
    await house.arrive()
    made = await house.assets.uploads.complete(ME, begun.asset.id)
    assert (made.state, made.kind, made.sha256, made.name) == ("ready", "video", digest, "clip")
    assert (len(house.files), files_in(house.tmp), await house.totals()) == (2, [], (1, len(MP4), 0))


async def test_what_is_not_due_is_refused_by_its_number(house: House) -> None:
    begun = (await house.assets.uploads.create(ME, len(MP4), Wanted())).asset
    for number, content, code in (
        (0, b"x", "invalid_request"),
        (4, b"x", "invalid_request"),
        (1, b"x" * 1999, "invalid_request"),
        (1, b"x" * 2001, "too_large"),
        (3, b"x" * 1013, "too_large"),
    ):
        with pytest.raises(GatewayError) as caught:
            await house.assets.uploads.put(ME, begun.id, number, chunked(content))
        assert (caught.value.code, caught.value.param) == (code, "number")
    with pytest.raises(GatewayError) as caught:
        await house.assets.uploads.put(house.other, begun.id, 1, chunked(b"x" * 2000))
    assert caught.value.code == "not_found"
    await sent(house, begun, MP4, 2)
    with pytest.raises(GatewayError) as caught:
        await house.assets.uploads.complete(ME, begun.id)
    assert caught.value.message == "parts: 1, 3 of 3 have not come."
    for digest in ("x", "g" * 64):
        with pytest.raises(GatewayError) as caught:
            await house.assets.uploads.complete(ME, begun.id, digest)
        assert caught.value.param == "sha256"
    assert len(house.files) == 1


async def test_another_hash_or_what_is_no_media_fails_it_and_frees_the_room(house: House) -> None:
    for content, digest, words in ((PNG, "0" * 64, "has the SHA-256"), (b"<html>", None, "that can be read")):
        begun = (await house.assets.uploads.create(ME, len(content), Wanted())).asset
        await sent(house, begun, content, 1)
        await house.assets.uploads.complete(ME, begun.id, digest)
        await house.arrive()
        failed = await house.assets.get(ME, begun.id)
        assert failed.error is not None
        assert (failed.state, words in failed.error.message) == ("failed", True)
        with pytest.raises(GatewayError) as caught:
            await sent(house, begun, content, 1)
        assert caught.value.code == "conflict"
    assert (house.files, await house.totals()) == ([], (2, 0, 0))


async def test_a_size_that_cannot_be_is_refused(house: House) -> None:
    house.bounded(asset_size=100)
    for size, code in ((0, "invalid_request"), (-1, "invalid_request"), (101, "too_large")):
        with pytest.raises(GatewayError) as caught:
            await house.assets.uploads.create(ME, size, Wanted())
        assert (caught.value.code, caught.value.param) == (code, "size")
    house.bounded(asset_bytes=99)
    with pytest.raises(GatewayError) as caught:
        await house.assets.uploads.create(ME, 100, Wanted())
    assert caught.value.param == "quota"


def test_there_are_never_too_many_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "PART", 16 * MIB)
    for size, part in ((1, 16), (2048 * MIB, 16), (16_000 * MIB, 16), (16_001 * MIB, 32), (MIB * MIB, 1056)):
        assert uploads.part_size(size) == part * MIB


class Blind(FakeDecoders):
    """Looks at nothing: what decoders need of memory is their own processes'."""

    async def probe(self, path: Path, account_id: int) -> FakeSeen:
        return FakeSeen("audio/wav", "audio", duration=5.0)


async def test_a_large_file_takes_no_memory(house: House) -> None:
    chunk = bytes(256 * 1024)

    async def body() -> AsyncIterator[bytes]:
        for _ in range(LARGE * 4):
            yield chunk

    house.assets._shelf = Shelf(house.storage, Blind(), house.tmp)
    tracemalloc.start()
    try:
        made = await house.assets.add(ME, body(), Wanted())
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (made.bytes, peak < 8 * MIB) == (LARGE * MIB, True), peak
    assert files_in(house.tmp) == []

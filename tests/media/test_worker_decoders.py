"""The whole way with real files and real decoders."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from fractions import Fraction
from pathlib import Path

import av
import pytest
from PIL import Image

from telecine.media.collect import Collector
from telecine.media.decoders import UndecodableError
from telecine.media.intake import Intake
from telecine.media.sheets import Sheets, sheet_key
from telecine.media.storage import Storage
from telecine.media.worker_decoders import WorkerDecoders
from telecine.net.client import FetchError
from telecine.net.guard import AddressPolicy
from telecine.nouns.errors import GatewayError
from telecine.nouns.task import Output
from telecine.workers import Workers
from tests.media.fakes import HTML, chunked, files_in


@pytest.fixture
async def real() -> AsyncIterator[WorkerDecoders]:
    workers = Workers(1)
    yield WorkerDecoders(workers)
    await workers.close()


def picture() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (64, 48), "teal").save(file, "PNG")
    return file.getvalue()


def clip() -> bytes:
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.time_base = Fraction(1, 10)
        for shade in range(10):
            frame = av.VideoFrame(64, 48, "yuv420p")
            for plane in frame.planes:
                plane.update(bytes([shade * 20]) * plane.buffer_size)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return file.getvalue()


async def test_a_picture_comes_in(real: WorkerDecoders, storage: Storage, folder: Path) -> None:
    intake = Intake(storage, real, AddressPolicy(), folder)
    item = await intake.store(7, "image", chunked(picture()), param="image", max_bytes=10_000)
    assert (item.content_type, item.width, item.height) == ("image/png", 64, 48)
    for other in (HTML, picture()[:60]):
        with pytest.raises(GatewayError, match="'image' needs an image that can be read: "):
            await intake.store(7, "image", chunked(other), param="image", max_bytes=10_000)


async def test_a_video_is_collected(real: WorkerDecoders, storage: Storage, root: Path, folder: Path) -> None:
    pending = Output(task_id=5, index=0)
    collector = Collector(storage, real, folder)
    kept = await collector.collect(chunked(clip()), pending, account_id=7)
    assert (kept.content_type, kept.width, kept.height) == ("video/mp4", 64, 48)
    assert kept.duration == pytest.approx(1.0)
    await Sheets(storage, real, folder).ensure(kept)
    assert files_in(root) == ["a7/t5/0.mp4", "a7/t5/0.poster.jpg", "a7/t5/0.spritesheet.jpg"]
    for key in (kept.poster_key, sheet_key(kept.object_key or "")):
        with Image.open(root / (key or "")) as made:
            assert made.format == "JPEG"
    with pytest.raises(FetchError, match="what the upstream sent is no video"):
        await collector.collect(chunked(HTML), pending, account_id=7)
    assert files_in(folder) == []


async def test_a_worker_that_cannot_be_had_is_not_the_files_fault(tmp_path: Path) -> None:
    workers = Workers(1)
    await workers.close()
    with pytest.raises(UndecodableError) as caught:
        await WorkerDecoders(workers).probe(tmp_path, 7)
    assert not caught.value.declined

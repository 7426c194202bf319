"""Decoders that go by the first bytes, so that these tests need no worker processes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TypeVar, TypeVarTuple

import msgspec

from telecine.media import drawing
from telecine.media.decoders import UndecodableError
from telecine.media.formats import Kind
from telecine.workers import DeclinedError

Drawn = TypeVar("Drawn")
Args = TypeVarTuple("Args")

PNG = b"\x89PNG\r\n\x1a\n" + b"p" * 100
MP4 = b"\0\0\0\x18ftypisom" + b"v" * 5000
WAV = b"RIFF\0\0\0\0WAVEfmt " + b"w" * 100
BMP = b"BM" + b"b" * 100
HTML = b"<!doctype html><title>502 Bad Gateway</title>"
MOMENT = 1_800_000_000.0


class FakeSeen(msgspec.Struct, frozen=True):
    content_type: str
    kind: Kind
    width: int | None = None
    height: int | None = None
    duration: float | None = None
    frame_rate: float | None = None


_SEEN = {
    PNG[:4]: FakeSeen("image/png", "image", 640, 480),
    MP4[:4]: FakeSeen("video/mp4", "video", 1280, 720, 5.0, 24.0),
    WAV[:4]: FakeSeen("audio/wav", "audio", duration=2.0),
    BMP[:2]: FakeSeen("image/bmp", "image", 8, 8),
}


class FakeDecoders:
    """Implements telecine.media.decoders.Decoders.

    `stuck` makes `probe` hang, `crashing` makes it fail; `posters` may be switched off.
    """

    def __init__(self) -> None:
        self.stuck = False
        self.crashing = False
        self.posters = True
        self.sheets = 0
        self.probed = asyncio.Event()

    async def probe(self, path: Path, account_id: int) -> FakeSeen:
        self.probed.set()
        if self.stuck:
            await asyncio.Event().wait()
        if self.crashing:
            raise UndecodableError("the worker process ended", declined=False)
        return _recognise(path)

    async def poster(self, path: Path, target: Path, account_id: int) -> None:
        if not self.posters:
            _draw("half", path, target)
            raise UndecodableError("no picture")
        _draw("poster", path, target)

    async def spritesheet(self, path: Path, target: Path, account_id: int) -> None:
        self.sheets += 1
        await asyncio.sleep(0)
        _draw("sheet", path, target)

    async def grid(self, paths: list[Path], target: Path, account_id: int) -> None:
        await _drawn(drawing.grid, paths, target)

    async def canvas(
        self, path: Path, target: Path, growth: tuple[float, float, float, float], account_id: int
    ) -> tuple[int, int]:
        return await _drawn(drawing.canvas, path, target, growth)

    async def hole(self, path: Path, target: Path, size: tuple[int, int], account_id: int) -> None:
        await _drawn(drawing.hole, path, target, size)


async def _drawn(draw: Callable[[*Args], Drawn], *args: *Args) -> Drawn:
    """What a worker process would do, in a thread."""
    try:
        return await asyncio.to_thread(draw, *args)
    except DeclinedError as error:
        raise UndecodableError(str(error)) from None


def _recognise(path: Path) -> FakeSeen:
    content = path.read_bytes()
    for start, seen in _SEEN.items():
        if content.startswith(start):
            return seen
    raise UndecodableError("it cannot be decoded")


def _draw(what: str, path: Path, target: Path) -> None:
    target.write_text(f"{what} of {path.stat().st_size} bytes")


async def chunked(content: bytes, size: int = 700) -> AsyncIterator[bytes]:
    """`content` as a body would come."""
    for start in range(0, len(content), size):
        yield content[start : start + size]


def files_in(folder: Path) -> list[str]:
    """Every file under `folder`, by its path from there."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())

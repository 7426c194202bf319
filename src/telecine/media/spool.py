"""Files on their way: streamed to a temporary folder, hashed as they come, gone when the block ends."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from telecine.media.storage import Storage
from telecine.net.spool import Sink, Spooled

_BATCH: Final = 1024 * 1024


class OversizeError(Exception):
    """More came than was allowed."""


@asynccontextmanager
async def spool(chunks: AsyncIterator[bytes], folder: Path, max_bytes: int) -> AsyncIterator[Spooled]:
    """Write `chunks` to a file that lives as long as the block. Raises OversizeError and whatever `chunks` raises.

    `chunks` is closed before the block begins, or before the error is raised.
    """
    async with scratch(folder) as path:
        sink = Sink(path)
        try:
            try:
                spooled = await _fill(sink, chunks, max_bytes)
            finally:
                if isinstance(chunks, AsyncGenerator):
                    await chunks.aclose()
            yield spooled
        finally:
            await asyncio.shield(asyncio.to_thread(sink.abandon))


@asynccontextmanager
async def scratch(folder: Path, suffix: str = "") -> AsyncIterator[Path]:
    """A name in `folder` that nobody else uses; what lies there when the block ends is deleted."""
    path = folder / f"{secrets.token_hex(16)}{suffix}"
    try:
        yield path
    finally:
        await asyncio.shield(asyncio.to_thread(path.unlink, missing_ok=True))


@asynccontextmanager
async def borrowed(storage: Storage, key: str, folder: Path) -> AsyncIterator[Path]:
    """The object at `key` as a local file for the length of the block. Raises FileNotFoundError."""
    size = await storage.size(key)
    if size is None:
        raise FileNotFoundError("the object is gone")
    local = storage.local(key)
    if local is not None:
        yield local
        return
    async with spool(storage.read(key), folder, size) as copy:
        yield copy.path


def prepare(folder: Path) -> None:
    """Make the folder, and empty it of what a killed process left. Call it once, before anything is spooled."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for leftover in folder.iterdir():
        if leftover.is_file():
            leftover.unlink()


async def _fill(sink: Sink, chunks: AsyncIterator[bytes], max_bytes: int) -> Spooled:
    batch = bytearray()
    total = 0
    async for chunk in chunks:
        total += len(chunk)
        if total > max_bytes:
            raise OversizeError(f"more than {max_bytes} bytes")
        batch += chunk
        if len(batch) >= _BATCH:
            full, batch = bytes(batch), bytearray()
            await asyncio.to_thread(sink.write, full)
    sha256 = await asyncio.to_thread(sink.finish, bytes(batch))
    return Spooled(sink.path, total, sha256)

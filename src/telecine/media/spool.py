"""Files on their way: streamed to a temporary folder, hashed as they come, gone when the block ends."""

from __future__ import annotations

import asyncio
import hashlib
import os
import secrets
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from threading import Lock
from typing import BinaryIO, Final

import msgspec

from telecine.media.storage import Storage

_BATCH: Final = 1024 * 1024


class OversizeError(Exception):
    """More came than was allowed."""


class Spooled(msgspec.Struct, frozen=True):
    """A file that has come whole."""

    path: Path
    bytes: int
    sha256: str


@asynccontextmanager
async def spool(chunks: AsyncIterator[bytes], folder: Path, max_bytes: int) -> AsyncIterator[Spooled]:
    """Write `chunks` to a file that lives as long as the block. Raises OversizeError and whatever `chunks` raises.

    `chunks` is closed before the block begins, or before the error is raised.
    """
    async with scratch(folder) as path:
        sink = _Sink(path)
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


async def _fill(sink: _Sink, chunks: AsyncIterator[bytes], max_bytes: int) -> Spooled:
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


class _Sink:
    """The file's one writer. Its methods run in threads, and a cancelled caller does not wait for them: so each holds
    the lock, and after `abandon` none of them touches the disk any more."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = Lock()
        self._file: BinaryIO | None = None
        self._abandoned = False
        self._digest = hashlib.sha256()

    def write(self, data: bytes) -> None:
        with self._lock:
            if self._abandoned:
                return
            if self._file is None:
                self._file = os.fdopen(os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")
            self._file.write(data)
            self._digest.update(data)

    def finish(self, rest: bytes) -> str:
        self.write(rest)
        with self._lock:
            if self._file is not None:
                self._file.close()
            return self._digest.hexdigest()

    def abandon(self) -> None:
        with self._lock:
            self._abandoned = True
            if self._file is not None:
                self._file.close()

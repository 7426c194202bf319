"""Bytes on their way to storage: written to a temporary folder and hashed as they come."""

from __future__ import annotations

import asyncio
import hashlib
import os
import secrets
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import BinaryIO, Final, Self

import msgspec

MOST_SPOOLED: Final = 2 * 1024 * 1024 * 1024
"""Bytes of one answer with files in it."""


class Spooled(msgspec.Struct, frozen=True):
    """A file that has come whole."""

    path: Path
    bytes: int
    sha256: str


class Sink:
    """A file's one writer. Its methods run in threads, and a cancelled caller does not wait for them: so each holds the
    lock, and after `abandon` none of them touches the disk any more."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.bytes = 0
        self._lock = Lock()
        self._file: BinaryIO | None = None
        self._abandoned = False
        self._digest = hashlib.sha256()

    def write(self, data: bytes) -> None:
        """Add `data` to the file, which the first call makes. Raises OSError."""
        with self._lock:
            if self._abandoned:
                return
            if self._file is None:
                self._file = os.fdopen(os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")
            self._file.write(data)
            self._digest.update(data)
            self.bytes += len(data)

    def finish(self, rest: bytes = b"") -> str:
        """Add the last bytes; the SHA-256 of all."""
        self.write(rest)
        with self._lock:
            if self._file is not None:
                self._file.close()
            return self._digest.hexdigest()

    def abandon(self) -> None:
        """Nothing more is written."""
        with self._lock:
            self._abandoned = True
            if self._file is not None:
                self._file.close()


class Spool:
    """The files that came inside answers: in `folder`, until the block ends. Without any, nothing is ever made."""

    def __init__(self, folder: Path, most: int = MOST_SPOOLED) -> None:
        """`most`: bytes of a whole answer."""
        self.most = most
        self._folder = folder
        self._sinks: list[Sink] = []

    def sink(self) -> Sink:
        """A new file."""
        self._sinks.append(Sink(self._folder / secrets.token_hex(16)))
        return self._sinks[-1]

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._sinks:
            await asyncio.shield(asyncio.to_thread(self._clear))

    def _clear(self) -> None:
        for sink in self._sinks:
            sink.abandon()
            sink.path.unlink(missing_ok=True)

"""Files on their way to a server, piece by piece."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BufferedReader, RawIOBase
from pathlib import Path
from typing import IO, Final

import msgspec

_BUFFER: Final = 256 * 1024


def _unheard(_: int) -> None:
    return None


class Piece(msgspec.Struct, frozen=True):
    """`size` bytes of the file at `path`, from `start`, as the body of a request; it may be sent more than once."""

    path: Path
    start: int
    size: int
    content_type: str
    told: Callable[[int], None] = _unheard
    """Called with how many bytes of it have gone out."""

    @contextmanager
    def opened(self) -> Iterator[IO[bytes]]:
        """The bytes, from their beginning. Raises OSError."""
        with self.path.open("rb") as file:
            file.seek(self.start)
            with BufferedReader(_Window(file, self.size, self.told), _BUFFER) as found:
                yield found


class _Window(RawIOBase):
    """So many of the next bytes of a file."""

    def __init__(self, file: IO[bytes], size: int, told: Callable[[int], None]) -> None:
        self._file, self._size, self._left, self._told = file, size, size, told

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        content = self._file.read(min(len(buffer), self._left))
        buffer[: len(content)] = content
        self._left -= len(content)
        self._told(self._size - self._left)
        return len(content)

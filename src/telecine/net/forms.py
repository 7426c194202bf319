"""Forms that are sent: texts, and files that are streamed from the disk as they are sent."""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import AsyncIterator
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO, Final

import msgspec

from telecine.net.errors import FetchError

Pair = tuple[str, str]
_UNQUOTED: Final = str.maketrans({'"': "%22", "\r": "%0D", "\n": "%0A"})
"""How browsers write these in a part's name (HTML, multipart/form-data encoding algorithm)."""
_MAGIC: Final = (
    (b"\x89PNG", "image/png", "png"),
    (b"\xff\xd8\xff", "image/jpeg", "jpg"),
    (b"GIF8", "image/gif", "gif"),
    (b"\x1a\x45\xdf\xa3", "video/webm", "webm"),
)
OTHER: Final = ("application/octet-stream", "bin")
_CHUNK: Final = 256 * 1024


class File(msgspec.Struct, frozen=True):
    """A part with the content of a file, which stays as it is until the form has been sent."""

    name: str
    path: Path
    stem: str | None = None
    """Of its file name, where that is not the name of the part."""
    extension: str | None = None
    """The same, where that is not what the content calls for."""


class Form(msgspec.Struct, frozen=True):
    """`multipart/form-data`: the texts first, then the files, each in their order."""

    pairs: tuple[Pair, ...]
    files: tuple[File, ...] = ()

    async def opened(self, files: ExitStack) -> Multipart:
        """What is sent; `files` closes what is open for it. Raises FetchError where a file is gone."""
        made = Multipart()
        for name, text in self.pairs:  # without a type: some readers take whatever has one for a file
            made.add(_disposition(name), text.encode("utf-8", "replace"))
        for file in self.files:
            try:
                made.add(*await asyncio.to_thread(_part, file, files))
            except OSError:
                raise FetchError("a file that was to be sent cannot be read", sent=False) from None
        return made


class Multipart:
    """A form as it goes out."""

    def __init__(self) -> None:
        self._boundary = secrets.token_hex(16)
        self._parts: list[tuple[bytes, bytes | BinaryIO]] = []
        self._end = f"--{self._boundary}--\r\n".encode()
        self.size = len(self._end)
        self.content_type = f"multipart/form-data; boundary={self._boundary}"

    def add(self, headers: str, content: bytes | BinaryIO) -> None:
        """Add a part; of a file, as much as there is of it now."""
        head = f"--{self._boundary}\r\n{headers}\r\n\r\n".encode()
        size = len(content) if isinstance(content, bytes) else os.fstat(content.fileno()).st_size
        self.size += len(head) + size + 2
        self._parts.append((head, content))

    async def pieces(self) -> AsyncIterator[bytes]:
        """All of it."""
        for head, content in self._parts:
            yield head
            if isinstance(content, bytes):
                yield content
            else:
                while piece := await asyncio.to_thread(content.read, _CHUNK):
                    yield piece
            yield b"\r\n"
        yield self._end


def _part(file: File, stack: ExitStack) -> tuple[str, BinaryIO]:
    content = stack.enter_context(file.path.open("rb"))
    kind, extension = kind_of(content.peek(12))
    disposition = _disposition(file.name, f"{file.stem or file.name}.{file.extension or extension}")
    return f"{disposition}\r\nContent-Type: {kind}", content


def _disposition(name: str, filename: str | None = None) -> str:
    """Brackets, and what is not ASCII, as they are: few servers read any other way of writing them."""
    shown = name.translate(_UNQUOTED).encode("utf-8", "replace").decode()
    return f'Content-Disposition: form-data; name="{shown}"' + (f'; filename="{filename}"' if filename else "")


def kind_of(content: bytes) -> tuple[str, str]:
    """(content type, extension) of a picture or a video: OpenAI refuses one whose part says something else."""
    for magic, content_type, extension in _MAGIC:
        if content.startswith(magic):
            return content_type, extension
    if content[4:8] == b"ftyp":
        return "video/mp4", "mp4"
    return ("image/webp", "webp") if content[:4] == b"RIFF" and content[8:12] == b"WEBP" else OTHER

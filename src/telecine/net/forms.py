"""Forms that are sent: texts, and files that are streamed from the disk as they are sent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from typing import Final

import msgspec
from aiohttp import BytesPayload, MultipartWriter
from aiohttp.hdrs import CONTENT_DISPOSITION, CONTENT_TYPE
from aiohttp.payload import BufferedReaderPayload

Pair = tuple[str, str]
_UNQUOTED: Final = str.maketrans({'"': "%22", "\r": "%0D", "\n": "%0A"})
"""How browsers write these in a part's name (HTML, multipart/form-data encoding algorithm)."""
_MAGIC: Final = (
    (b"\x89PNG", "image/png", "png"),
    (b"\xff\xd8\xff", "image/jpeg", "jpg"),
    (b"GIF8", "image/gif", "gif"),
)
_OTHER: Final = ("application/octet-stream", "bin")


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

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[MultipartWriter]:
        """What aiohttp sends, with its length; the files are open until the block ends. Raises OSError where one is
        gone."""
        with ExitStack() as stack:
            writer = MultipartWriter("form-data")
            for name, text in self.pairs:
                part = BytesPayload(text.encode("utf-8", "replace"), headers={CONTENT_DISPOSITION: _disposition(name)})
                del part.headers[CONTENT_TYPE]  # some readers take whatever has one for a file
                writer.append_payload(part)
            for file in self.files:
                writer.append_payload(await asyncio.to_thread(_part, file, stack))
            yield writer


def _part(file: File, stack: ExitStack) -> BufferedReaderPayload:
    content = stack.enter_context(file.path.open("rb"))
    kind, extension = _kind(content.peek(12))
    disposition = _disposition(file.name, f"{file.stem or file.name}.{file.extension or extension}")
    return BufferedReaderPayload(content, content_type=kind, headers={CONTENT_DISPOSITION: disposition})


def _disposition(name: str, filename: str | None = None) -> str:
    """aiohttp's own would write brackets and what is not ASCII in a way that few servers read."""
    shown = name.translate(_UNQUOTED).encode("utf-8", "replace").decode()
    return f'form-data; name="{shown}"' + (f'; filename="{filename}"' if filename else "")


def _kind(content: bytes) -> tuple[str, str]:
    """(content type, extension) of a picture: OpenAI refuses one whose part says something else."""
    for magic, content_type, extension in _MAGIC:
        if content.startswith(magic):
            return content_type, extension
    return ("image/webp", "webp") if content[:4] == b"RIFF" and content[8:12] == b"WEBP" else _OTHER

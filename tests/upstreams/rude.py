"""A webhook's receiver that takes what it is sent, says so, and then does something odd with the body of its answer."""

from __future__ import annotations

import asyncio
import contextlib
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final, Self

_BOMB: Final = zlib.compress(bytes(64 * 1024 * 1024), wbits=31)
_CHUNKED: Final = b"transfer-encoding: chunked\r\n"
BODIES: Final[dict[str, tuple[bytes, bytes]]] = {
    "whole": (b"content-length: 2\r\n", b"ok"),
    "cut short": (b"content-length: 1000\r\n", b"half"),
    "drips": (b"content-length: 100000\r\n", b"."),
    "reset": (b"content-length: 1000\r\n", b"half"),
    "reset at once": (b"content-length: 1000\r\n", b""),
    "too long": (b"content-length: 99999999999\r\n", b"x" * 300_000),
    "too long without a length": (b"connection: close\r\n", b"x" * 300_000),
    "longer than it says": (b"content-length: 2\r\n", b"ok, and then some more"),
    "bad chunk": (_CHUNKED, b"zz\r\nnonsense\r\n"),
    "bad chunk later": (_CHUNKED, b"2\r\nok\r\nzz\r\nnonsense\r\n"),
    "chunk cut short": (_CHUNKED, b"ff\r\nhalf"),
    "endless chunk": (_CHUNKED, b"fffffffff\r\n" + b"x" * 100_000),
    "gzip bomb": (b"content-encoding: gzip\r\ncontent-length: %d\r\n" % len(_BOMB), _BOMB),
    "no gzip": (b"content-encoding: gzip\r\ncontent-length: 5\r\n", b"plain"),
    "unknown coding": (b"content-encoding: br, zstd, x\r\ncontent-length: 5\r\n", b"plain"),
    "early hints first": (_CHUNKED, b"zz\r\n"),
}
"""By what is odd: (headers, what is sent of the body)."""
_WHOLE: Final = ("whole", "gzip bomb", "no gzip", "unknown coding")
_OPEN: Final = ("drips", "endless chunk", "too long")


class RudeServer:
    """`async with RudeServer().listening() as server`; `server.url(odd)` is answered with that body."""

    def __init__(self) -> None:
        self.taken = 0
        self.connections = 0
        self.port = 0
        self._waiting: set[asyncio.Task[None]] = set()

    def url(self, odd: str) -> str:
        return f"http://127.0.0.1:{self.port}/{odd.replace(' ', '-')}"

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[Self]:
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for one in self._waiting:
                one.cancel()
            await asyncio.gather(*self._waiting, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.create_task(self._serve(reader, writer))
        self._waiting.add(task)
        task.add_done_callback(self._waiting.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
                while await self._answer(reader, writer):
                    pass
        finally:
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Whether the connection may be used again."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        await reader.readexactly(int(head.partition("content-length: ")[2].partition("\r")[0]))
        self.taken += 1
        odd = head.split(" ")[1][1:].replace("-", " ")
        headers, body = BODIES[odd]
        hints = b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n" if odd.startswith("early") else b""
        writer.write(hints + b"HTTP/1.1 202 Accepted\r\n" + headers + b"\r\n" + body)
        await writer.drain()
        if odd.startswith("reset"):
            writer.transport.abort()
        while odd in _OPEN:
            writer.write(b".")
            await writer.drain()
            await asyncio.sleep(0.05)
        return odd in _WHOLE

"""A server that costs almost nothing: it answers each request with what one function makes of it."""

from __future__ import annotations

import asyncio
import re
from typing import Self, cast

_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)


class Mock:
    """`requests` counts what came. Whoever inherits says what is answered."""

    def __init__(self) -> None:
        self.requests = 0
        self.base_url = ""
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        """Listen on a free port."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Connection(self), "127.0.0.1", 0, backlog=4096)
        self.base_url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._server is not None:
            self._server.close()

    def answer(self, head: bytes, body: bytes) -> bytes:
        """The whole HTTP answer to one request; nothing where that hangs."""
        raise NotImplementedError


def reply(body: bytes, kind: bytes = b"application/json") -> bytes:
    """An answer that is well."""
    return b"HTTP/1.1 200 OK\r\ncontent-type: %s\r\ncontent-length: %d\r\n\r\n%s" % (kind, len(body), body)


class _Connection(asyncio.Protocol):
    def __init__(self, mock: Mock) -> None:
        self._mock = mock
        self._buffer = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            head = self._buffer[:end]
            found = _LENGTH.search(head)
            size = end + 4 + (int(found.group(1)) if found else 0)
            if len(self._buffer) < size:
                return
            self._mock.requests += 1
            answer = self._mock.answer(head, self._buffer[end + 4 : size])
            self._buffer = self._buffer[size:]
            if self._transport is not None and answer:
                self._transport.write(answer)
                if b"onnection: close" in head:
                    self._transport.close()

"""One HTTP/1.1 connection, read by httptools: the head of an answer counts by itself, whatever comes after it, and no
answer is read that was not asked for."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from typing import Any, Final

import httptools

from telecine.net.errors import LATE, BrokenError, FetchError

MOST_FIELD: Final = 16 * 1024
"""Bytes of a header."""
_MOST_HEAD: Final = 128 * 1024
_MOST_INTERIM: Final = 16
_AHEAD: Final = 256 * 1024
"""Bytes of a body that wait to be read: then nothing more is taken from the peer for a while."""


class Connection(asyncio.Protocol):
    """`begin` before an answer is asked for, then `head` and `read`; `usable` says whether it can be done again."""

    transport: asyncio.Transport

    def __init__(self) -> None:
        self.closed = asyncio.get_running_loop().create_future()
        """Done when the connection has ended."""
        self.complete = True
        """Whether the answer has come whole, or none is waited for."""
        self._parser: Any = httptools.HttpResponseParser(self)
        self._parser.set_dangerous_leniencies(
            lenient_headers=True, lenient_optional_cr_before_lf=True, lenient_spaces_after_chunk_size=True
        )
        self._waiter: asyncio.Future[None] | None = None
        self._drained: asyncio.Future[None] | None = None
        self._resting = False
        """Whether nothing is taken from the peer for now."""

    def begin(self) -> None:
        """An answer is to come."""
        self.status, self.headers = 0, dict[str, str]()
        self.complete = self._keep = self._until_end = False
        self._interim = self._head_bytes = self._ahead = 0
        self._pieces: deque[bytes] = deque()
        self._error: FetchError | None = None

    @property
    def usable(self) -> bool:
        """Whether the answer has come whole, and the peer takes another request."""
        return self.complete and self._keep and not self._resting and not self.transport.is_closing()

    async def head(self, silence: float | None) -> None:
        """Wait for `status` and `headers`. Raises FetchError."""
        while not self.status:
            await self._more(silence)

    async def read(self, silence: float | None) -> bytes:
        """The next piece of the body, as it was sent; nothing at its end. Raises FetchError.

        `silence`: seconds in which something has to come, None for any.
        """
        while not self._pieces:
            if self.complete:
                return b""
            await self._more(silence)
        piece = self._pieces.popleft()
        self._ahead -= len(piece)
        if self._resting and self._ahead < _AHEAD:
            self._resting = False
            self.transport.resume_reading()
        return piece

    async def send(self, pieces: AsyncIterator[bytes]) -> None:
        """Send a body, no faster than the peer takes it."""
        try:
            async for piece in pieces:
                self.transport.write(piece)
                if self._drained is not None:
                    await self._drained
                if self.closed.done():
                    return
        except Exception:
            self.fail(BrokenError())

    def fail(self, error: FetchError) -> None:
        """Tell whoever waits for the answer, or for the rest of it, that it will not come."""
        if not self.complete:
            self._error = self._error or error
            self._wake()
        self.transport.abort()

    # What asyncio says.

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def connection_lost(self, error: Exception | None) -> None:
        if not self.complete:
            self.complete = bool(self.status) and self._until_end and error is None
            self._error = self._error or BrokenError()
        self._wake()
        self.resume_writing()
        self.closed.set_result(None)
        self._parser = None  # it holds this

    def pause_writing(self) -> None:
        self._drained = asyncio.get_running_loop().create_future()

    def resume_writing(self) -> None:
        if self._drained is not None and not self._drained.done():
            self._drained.set_result(None)
        self._drained = None

    def data_received(self, data: bytes) -> None:
        if self.complete:  # nobody asked for it
            self._keep = False
            self.transport.abort()
            return
        try:
            self._parser.feed_data(data)
            if not self.status:
                self._head_bytes += len(data)
                if self._head_bytes > _MOST_HEAD:
                    self.fail(BrokenError())
        except httptools.HttpParserUpgrade:
            self.complete, self._keep = True, False
        except httptools.HttpParserError:
            self._keep = False
            if not self.complete:
                self.fail(BrokenError())
        self._wake()
        if self._ahead > _AHEAD and not self._resting:
            self._resting = True
            self.transport.pause_reading()

    # What httptools says.

    def on_message_begin(self) -> None:
        if self.complete:
            raise BrokenError

    def on_header(self, name: bytes, value: bytes) -> None:
        if len(name) + len(value) > MOST_FIELD:
            raise BrokenError
        if not self.status:  # and no trailer
            self.headers[name.decode("latin-1").lower()] = value.strip().decode("utf-8", "surrogateescape")

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        if status < 200 and status != 101:
            self._interim += 1
            self.headers = {}
            if self._interim > _MOST_INTERIM:
                raise BrokenError
            return
        self.status, self._keep = status, self._parser.should_keep_alive()
        coding = self.headers.get("transfer-encoding", "").lower()
        self._until_end = "content-length" not in self.headers and not coding.endswith("chunked")

    def on_body(self, data: bytes) -> None:
        self._pieces.append(data)
        self._ahead += len(data)

    def on_message_complete(self) -> None:
        self.complete = bool(self.status)

    async def _more(self, silence: float | None) -> None:
        if self._error is not None:
            raise self._error
        loop = asyncio.get_running_loop()
        timer = None if silence is None else loop.call_later(silence, self.fail, FetchError(LATE))
        self._waiter = loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None
            if timer is not None:
                timer.cancel()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

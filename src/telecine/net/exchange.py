"""One request over one connection, down to the head of its answer."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Callable, Mapping
from functools import partial
from typing import Final, NamedTuple

from telecine.net.connection import Connection
from telecine.net.connections import Connections, Peer
from telecine.net.errors import LATE, BrokenError, FetchError
from telecine.net.forms import Multipart

CHUNK: Final = 256 * 1024
_AGENT: Final = "telecine"
_BODIES: Final = frozenset({"POST", "PUT", "PATCH", "DELETE"})
"""The methods that say how long their body is though they have none."""


class Message(NamedTuple):
    """A request as it goes out."""

    head: bytes
    body: bytes | Multipart | None
    before_send: Callable[[], None] | None
    ends: float
    """Until when the whole answer has to come, by the loop's clock."""
    connect: float
    silence: float | None
    """Seconds for dialling, and in which something has to come."""
    decompress: bool


def head_of(
    method: str, host: str, path: str, headers: Mapping[str, str], body: bytes | Multipart | None, *, last: bool
) -> bytes:
    """The head of a request. `last`: its connection is for it alone. Raises ValueError for a line break in a header."""
    given = {name.lower() for name in headers}
    before = [("Host", host), ("user-agent", _AGENT)]
    after = [("Accept", "*/*"), ("Accept-Encoding", "gzip, deflate")]
    if body is not None or method in _BODIES:
        after.append(("Content-Length", str(body.size if isinstance(body, Multipart) else len(body or b""))))
        after.append(("Content-Type", body.content_type if isinstance(body, Multipart) else "application/octet-stream"))
    if last:
        after.append(("Connection", "close"))
    lines = [f"{method} {path} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in before if name.lower() not in given]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    lines += [f"{name}: {value}" for name, value in after if name.lower() not in given]
    head = "\r\n".join(lines)
    if head.count("\r") != len(lines) - 1 or head.count("\n") != len(lines) - 1 or "\0" in head:
        raise ValueError("a line break in a header")
    return f"{head}\r\n\r\n".encode()


class Answer:
    """The head of an answer, and its body, which is still to be read. `leave` when done with it."""

    def __init__(self, connection: Connection, give: Callable[[Connection], None], silence: float | None) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        """Names in lower case."""
        self._connection = connection
        self._give = give
        self._silence = silence
        self._zipped: _Zipped | None = None
        self._sending: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None

    @property
    def length(self) -> int | None:
        """Bytes of the body as it is sent, where that is told."""
        told = self.headers.get("content-length", "")
        return int(told) if told.isascii() and told.isdigit() else None

    async def ask(self, message: Message) -> None:
        """Send `message` and wait for the head. Raises FetchError, and what `before_send` does."""
        connection = self._connection
        connection.begin()
        self._timer = asyncio.get_running_loop().call_at(message.ends, connection.fail, FetchError(LATE))
        if message.before_send is not None:
            message.before_send()
        if isinstance(message.body, Multipart):
            connection.transport.write(message.head)
            self._sending = asyncio.create_task(connection.send(message.body.pieces()), name="form")
        else:
            connection.transport.write(message.head + (message.body or b""))  # one piece costs less than two
        await connection.head(self._silence)
        self.status, self.headers = connection.status, connection.headers
        coding = self.headers.get("content-encoding", "").lower()
        if message.decompress and coding in ("gzip", "deflate"):
            self._zipped = _Zipped(coding)

    async def read(self) -> bytes:
        """The next piece of the body, of `CHUNK` bytes at most; nothing at its end. Raises FetchError."""
        while True:
            if self._zipped is not None and (piece := self._zipped.more()):
                return piece
            piece = await self._connection.read(self._silence)
            if self._zipped is None:
                return piece
            if not piece:
                self._zipped.end()
                return piece
            self._zipped.feed(piece)

    def leave(self, *, keep: bool = True) -> None:
        """Give the connection back; it is closed where the answer has not been read whole, or not `keep`."""
        if self._timer is not None:
            self._timer.cancel()
        if self._sending is not None and not self._sending.done():
            self._sending.cancel()
            keep = False
        if keep:
            self._give(self._connection)
        else:
            self._connection.transport.abort()


class _Zipped:
    """A body that is unpacked as it is read, however large what is in it."""

    def __init__(self, coding: str) -> None:
        self._gzip = coding == "gzip"
        self._zip: zlib._Decompress | None = None
        self._raw = b""
        self._full = False

    def feed(self, raw: bytes) -> None:
        """More of what was sent, once `more` has nothing any more."""
        self._raw = raw
        if self._zip is None:  # "deflate" comes with the header of RFC 1950, or as RFC 1951 alone
            plain = not self._gzip and raw[0] & 0xF != 8
            self._zip = zlib.decompressobj(-zlib.MAX_WBITS if plain else zlib.MAX_WBITS + 16 * self._gzip)

    def more(self) -> bytes:
        """The next of what is in it; nothing where more has to be fed. Raises BrokenError."""
        if self._zip is None or not (self._raw or self._full):
            return b""
        try:
            found = self._zip.decompress(self._raw, CHUNK)
        except zlib.error:
            raise BrokenError from None
        self._raw, self._full = self._zip.unconsumed_tail, len(found) == CHUNK
        return found

    def end(self) -> None:
        """Nothing more was sent. Raises BrokenError where something is missing."""
        if self._zip is not None and not self._zip.eof:
            raise BrokenError


async def exchange(connections: Connections, to: Peer, message: Message) -> Answer:
    """Send `message` and wait for the head of its answer. Raises FetchError, and what `before_send` does."""
    connection = await connections.take(to, message.connect)
    answer = Answer(connection, partial(connections.give, to), message.silence)
    try:
        await answer.ask(message)
    except BaseException:
        answer.leave(keep=False)
        raise
    return answer

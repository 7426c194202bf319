"""One request over one connection, down to the head of its answer.

aiohttp dials, keeps connections, and reads what comes; its session, which does a great deal for everybody's sake, costs
more than all of that.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Final, NamedTuple

import aiohttp
from aiohttp.client_proto import ResponseHandler
from aiohttp.client_reqrep import ConnectionKey
from aiohttp.connector import Connection
from aiohttp.http import StreamWriter
from yarl import URL

from telecine.net.heads import HeadFirst, HeadFirstConnector
from telecine.net.urls import origin

MOST_FIELD: Final = 16 * 1024
"""Bytes of a header, and of a status line."""
_AGENT: Final = "telecine"
_BODIES: Final = frozenset({"POST", "PUT", "PATCH", "DELETE"})
"""The methods that say how long their body is though they have none."""


class Peer:
    """Where a connection leads, in the words of aiohttp's connector, which asks its own requests for them."""

    ssl = True
    proxy = proxy_auth = proxy_headers = server_hostname = None

    def __init__(self, url: URL) -> None:
        self.url = url
        self.host = url.raw_host or ""
        self.port = url.port
        self.plain = url.user is None and url.password is None
        """Whether the URL carries no credentials."""
        self.connection_key = ConnectionKey(self.host, self.port, self.is_ssl(), self.ssl, None, None, None)

    def is_ssl(self) -> bool:
        return self.url.scheme == "https"


@lru_cache(maxsize=512)
def peer(beginning: str) -> Peer:
    """The peer of URLs with this beginning. Raises ValueError for what is none."""
    return Peer(origin(beginning))


class Message(NamedTuple):
    """A request as it goes out."""

    head: bytes
    body: bytes | aiohttp.MultipartWriter | None
    before_send: Callable[[], None] | None
    ends: float
    """Until when the whole answer has to come, by the loop's clock."""


def head_of(
    method: str,
    to: Peer,
    path: str,
    headers: Mapping[str, str],
    body: bytes | aiohttp.MultipartWriter | None,
    *,
    last: bool,
) -> bytes:
    """The head of a request. `last`: its connection is for it alone. Raises ValueError for a line break in a header."""
    given = {name.lower() for name in headers}
    before = [("Host", to.url.host_port_subcomponent), ("user-agent", _AGENT)]
    after = [("Accept", "*/*"), ("Accept-Encoding", "gzip, deflate")]
    if body is not None or method in _BODIES:
        form = body if isinstance(body, aiohttp.MultipartWriter) else None
        after.append(("Content-Length", str(form.size if form is not None else len(body or b""))))
        after.append(("Content-Type", form.content_type if form is not None else "application/octet-stream"))
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

    def __init__(self, connection: Connection) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        """Names in lower case."""
        self.content: aiohttp.StreamReader = aiohttp.streams.EMPTY_PAYLOAD
        self._connection = connection
        self.sending: asyncio.Task[None] | None = None
        self.timer: asyncio.TimerHandle | None = None

    @property
    def length(self) -> int | None:
        """Bytes of the body as it is sent, where that is told."""
        told = self.headers.get("content-length", "")
        return int(told) if told.isascii() and told.isdigit() else None

    def leave(self, *, keep: bool = True) -> None:
        """Give the connection back; it is closed where the answer has not been read whole, or not `keep`."""
        if self.timer is not None:
            self.timer.cancel()
        if self.sending is not None and not self.sending.done():
            self.sending.cancel()
            keep = False
        if keep:
            self._connection.release()
        else:
            self._connection.close()


async def exchange(
    connector: HeadFirstConnector, to: Peer, message: Message, limits: aiohttp.ClientTimeout, *, decompress: bool
) -> Answer:
    """Send `message` and wait for the head of its answer. Raises what aiohttp raises, and what `before_send` does.

    `limits`: for connecting, and for silence.
    """
    try:
        connection = await connector.connect(to, [], limits)  # type: ignore[arg-type]
    except TimeoutError:
        raise aiohttp.ConnectionTimeoutError from None
    answer = Answer(connection)
    try:
        protocol = connection.protocol
        assert isinstance(protocol, HeadFirst)  # noqa: S101  the connector makes no others
        protocol.set_response_params(
            auto_decompress=decompress,
            read_timeout=limits.sock_read,
            max_line_size=MOST_FIELD,
            max_field_size=MOST_FIELD,
        )
        answer.timer = asyncio.get_running_loop().call_at(message.ends, protocol.expire)
        if message.before_send is not None:
            message.before_send()
        answer.sending = _send(message, protocol)
        protocol.start_timeout()
        while answer.status < 200 and answer.status != 101:
            head, answer.content = await protocol.read()
            answer.status = head.code
        answer.headers = {name.lower(): value for name, value in head.headers.items()}
    except BaseException:
        answer.leave(keep=False)
        raise
    return answer


def _send(message: Message, protocol: ResponseHandler) -> asyncio.Task[None] | None:
    """Hand the message over; what still sends it, where it is a form: its answer may come before its end."""
    transport = protocol.transport
    if transport is None:
        raise aiohttp.ServerDisconnectedError
    if isinstance(message.body, bytes):
        transport.writelines((message.head, message.body))
        return None
    transport.write(message.head)
    return None if message.body is None else asyncio.create_task(_send_form(message.body, protocol), name="form")


async def _send_form(form: aiohttp.MultipartWriter, protocol: ResponseHandler) -> None:
    try:
        await form.write(StreamWriter(protocol, asyncio.get_running_loop()))
    except Exception as error:
        protocol.set_exception(aiohttp.ClientConnectionError("the form could not be sent"), error)

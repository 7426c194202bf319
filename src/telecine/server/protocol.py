"""HTTP/1.1 as uvicorn speaks it, with an end to how much of a request, and how many requests, may be held before anyone
has seen them, and to how long a client may keep us waiting. What the application itself waits for, a body among it, is
the gate's to bound."""

from __future__ import annotations

from asyncio import TimerHandle, Transport
from typing import Any, Final, Literal

import httptools
from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from telecine.server.connections import Connections, Patience
from telecine.server.offer import without_offer

MOST_HELD: Final = 256 * 1024
"""Bytes; the gate's own limit on headers is lower, and answers in the caller's envelope."""
MOST_HEADERS: Final = 256
_PIECE: Final = 1024
"""Bytes that the parser gets at a time. It reads on to their end, and so few hold few requests."""
_TURN: Final = 16
"""Pieces, after which other connections have their turn."""
_ENDS: Final = b"connection: close\r\ncontent-length: 0\r\n\r\n"
_TOO_LARGE: Final = b"HTTP/1.1 431 Request Header Fields Too Large\r\n" + _ENDS
_UNREADABLE: Final = b"HTTP/1.1 400 Bad Request\r\n" + _ENDS
_TOO_SLOW: Final = b"HTTP/1.1 408 Request Timeout\r\n" + _ENDS
_TOO_MANY: Final = b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 10\r\n" + _ENDS


_CONTINUE: Final = b"HTTP/1.1 100 "
_LENGTH: Final = b"\r\ncontent-length: "


class _TooManyHeadersError(Exception):
    pass


class Joined:
    """The transport as one answer has it: a head that says how long the body is goes out with the beginning of that,
    in one call of the system."""

    def __init__(self, transport: Transport, *, bodiless: bool) -> None:
        self._transport = transport
        self._bodiless = bodiless
        self._head: bytes | None = None
        self.close, self.is_closing = transport.close, transport.is_closing

    def write(self, data: bytes) -> None:
        if self._head:
            self._transport.writelines((self._head, data))
            self._head = b""
            return
        if self._head is None and not data.startswith(_CONTINUE):
            self._head = data if _LENGTH in data and not self._bodiless else b""
        if not self._head:
            self._transport.write(data)


class _Flow(FlowControl):
    """Reads nothing more while something waits that has been read already."""

    def __init__(self, transport: Transport, protocol: Protocol) -> None:
        super().__init__(transport)
        self._protocol = protocol

    def resume_reading(self) -> None:
        if not self._protocol.full:
            super().resume_reading()


class Protocol(HttpToolsProtocol):
    """Closes a connection that is one too many; whose request line, headers, trailers or chunk extensions never end, or
    are too slow; or that takes nothing of its answer. Reads no further where requests wait behind one that is being
    answered. Takes no offer of another protocol: the request is served as it is (RFC 9110, section 7.8).

    The parser itself keeps all of a request's head, and makes requests of all that it is given, so without this one
    connection could fill the memory, and needs no key for it. While no request is being answered, a timer runs.
    """

    def __init__(self, connections: Connections, patience: Patience, **options: Any) -> None:
        super().__init__(**options)
        self._connections = connections
        self._patience = patience
        self._address: str | None = None
        self._rest = b""
        """What has been read and not parsed."""
        self._held = 0
        self._moved = False
        self._left = 0
        """Bytes of the body that are still to come, where its length is known."""
        self._offered = False
        self._running: RequestResponseCycle | None = None
        self._part: Literal["head", "body"] | None = None
        """What of a request is coming in."""
        self._timer: TimerHandle | None = None
        self._reader: TimerHandle | None = None

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.flow = _Flow(transport, self)
        self._address = self.client[0] if self.client else ""
        if self._connections.open(self._address):
            self._wait(self._patience.head)
        else:
            self._end(_TOO_MANY)

    def connection_lost(self, exc: Exception | None) -> None:
        self._wait(None)
        self._read()
        if self._address is not None:
            self._connections.close(self._address)
            self._address = None
        self._rest = b""
        self.pipeline.clear()
        super().connection_lost(exc)
        if self._running is not None and not self._running.response_complete:  # uvicorn tells only the newest request
            self._running.disconnected = True
            self._running.message_event.set()

    @property
    def full(self) -> bool:
        """Something waits that has been read."""
        return bool(self._rest or self.pipeline)

    def data_received(self, data: bytes) -> None:
        self._rest = self._rest + data if self._rest else data
        self._feed()

    def _feed(self) -> None:
        """Let the parser have what has been read, until requests wait for their turn."""
        if not self._rest or self.pipeline or self.transport.is_closing():
            return
        self._unset_keepalive_if_required()
        small = len(self._rest) <= _PIECE  # as most requests are
        at = self._parse(self._rest) if small else self._parse_pieces(memoryview(self._rest))
        self._rest = b"" if self.transport.is_closing() else self._rest[at:]
        if self._rest:
            self.flow.pause_reading()
            if not self.pipeline:
                self.loop.call_soon(self._go_on)

    def _parse_pieces(self, data: memoryview) -> int:
        """Parse as much of `data` as there is a turn for; how many bytes that were."""
        at, turn = 0, 0
        while at < len(data) and turn < _TURN and not self.pipeline and not self.transport.is_closing():
            at += self._parse(data[at : at + max(_PIECE, self._left)])
            turn += 1
        return at

    def _go_on(self) -> None:
        self._feed()
        if not self.transport.is_closing():
            self.flow.resume_reading()

    def _parse(self, piece: bytes | memoryview) -> int:
        """Parse `piece`, or its part before an offer of another protocol; how many bytes that were."""
        self._moved = False
        used = len(piece)
        try:
            try:
                self.parser.feed_data(piece)
            except httptools.HttpParserUpgrade as upgrade:
                used = upgrade.args[0]
                self._decline()
        except httptools.HttpParserError as error:
            too_many = isinstance(error.__context__, _TooManyHeadersError)
            self._end(b"" if self._answering else _TOO_LARGE if too_many else _UNREADABLE)
            return used
        self._held = 0 if self._moved else self._held + used
        if self._held > MOST_HELD:
            self._end(b"" if self._answering else _TOO_LARGE)
        return used

    def _decline(self) -> None:
        """Read the head again without the offer: the parser takes all behind it for the other protocol's."""
        head = without_offer(self.parser.get_method(), self.url, self.parser.get_http_version(), self.headers)
        self._offered = False
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn does
        self.parser.feed_data(head)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._part = "head"
        if not self._answering:
            self._wait(self._patience.head)

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._part != "head":  # a trailer: it came too late to mean anything (RFC 9110, section 6.5.1)
            return
        if len(self.headers) == MOST_HEADERS:
            raise _TooManyHeadersError
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        if self.parser.should_upgrade() and self.parser.get_method() != b"CONNECT":
            self._offered = True
            return
        self._moved, self._part = True, "body"
        super().on_headers_complete()
        joined: Any = Joined(self.transport, bodiless=self.scope["method"] == "HEAD")
        self.cycle.transport = joined
        self.scope["arrived"] = self.cycle.message_event.is_set  # type: ignore[typeddict-unknown-key]
        for name, value in self.headers:
            if name == b"content-length":
                self._left = int(value)
        self._wait(None)
        if not self.flow.write_paused:  # whoever asks again has read what there was
            self._read()

    def on_body(self, body: bytes) -> None:
        self._moved = True
        self._left = max(0, self._left - len(body))
        super().on_body(body)

    def on_message_complete(self) -> None:
        if self._offered:
            return
        super().on_message_complete()
        self._part, self._left = None, 0
        if not self._answering:  # the rest of a body that nobody wanted
            self._wait(self._patience.idle)

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if not self._answering:
            self._wait(self._patience.head if self._part == "body" else self._patience.idle)
        self._read()
        self._watch()
        self._go_on()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self._running = cycle
        super()._start_asgi_task(cycle, app)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._watch()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._read()

    @property
    def _answering(self) -> bool:
        cycle: Any = self.cycle  # None before the first request
        return cycle is not None and not cycle.response_complete

    def _wait(self, seconds: float | None) -> None:
        """End the connection after `seconds`, in the place of whatever was waited for; None waits for nothing."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None if seconds is None else self.loop.call_later(seconds, self._too_slow)

    def _too_slow(self) -> None:
        self._end(_TOO_SLOW if self._part == "head" and not self._answering else b"")

    def _end(self, farewell: bytes) -> None:
        self._wait(None)
        if farewell and not self.transport.is_closing():
            self.transport.write(farewell)
        self.transport.close()
        self._watch()  # closing waits for the peer to take what has been written

    def _watch(self) -> None:
        """Drop the connection where in a while nothing more of what is written has been taken."""
        left = self.transport.get_write_buffer_size()
        if self._reader is None and left:
            self._reader = self.loop.call_later(self._patience.unread, self._look, left)

    def _look(self, before: int) -> None:
        self._reader = None
        if self.transport.get_write_buffer_size() < before:
            self._watch()
        else:
            self.transport.abort()

    def _read(self) -> None:
        """What was written has been taken."""
        if self._reader is not None:
            self._reader.cancel()
            self._reader = None

"""HTTP/1.1 as uvicorn speaks it, with an end to how much of a request may be held before anyone has seen it, and to how
long a client may keep us waiting. What the application itself waits for, a body among it, is the gate's to bound."""

from __future__ import annotations

from asyncio import TimerHandle, Transport
from typing import Any, Final, Literal

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from telecine.server.connections import Connections, Patience

MOST_HELD: Final = 256 * 1024
"""Bytes; the gate's own limit on headers is lower, and answers in the caller's envelope."""
_ENDS: Final = b"connection: close\r\ncontent-length: 0\r\n\r\n"
_TOO_LARGE: Final = b"HTTP/1.1 431 Request Header Fields Too Large\r\n" + _ENDS
_TOO_SLOW: Final = b"HTTP/1.1 408 Request Timeout\r\n" + _ENDS
_TOO_MANY: Final = b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 10\r\n" + _ENDS


class Protocol(HttpToolsProtocol):
    """Closes a connection that is one too many; whose request line, headers, trailers or chunk extensions never end, or
    are too slow; or that takes nothing of its answer.

    The parser itself keeps all of a request's head, so without this one connection could fill the memory, and needs no
    key for it. While no request is being answered, a timer runs.
    """

    def __init__(self, connections: Connections, patience: Patience, **options: Any) -> None:
        super().__init__(**options)
        self._connections = connections
        self._patience = patience
        self._address: str | None = None
        self._held = 0
        self._moved = False
        self._part: Literal["head", "body"] | None = None
        """What of a request is coming in."""
        self._timer: TimerHandle | None = None
        self._reader: TimerHandle | None = None

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
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
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._moved = False
        super().data_received(data)
        self._held = 0 if self._moved else self._held + len(data)
        if self._held > MOST_HELD:
            self._end(b"" if self._answering else _TOO_LARGE)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._part = "head"
        if not self._answering:
            self._wait(self._patience.head)

    def on_headers_complete(self) -> None:
        self._moved, self._part = True, "body"
        super().on_headers_complete()
        self._wait(None)
        if not self.flow.write_paused:  # whoever asks again has read what there was
            self._read()

    def on_body(self, body: bytes) -> None:
        self._moved = True
        super().on_body(body)

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._part = None
        if not self._answering:  # the rest of a body that nobody wanted
            self._wait(self._patience.idle)

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if not self._answering:
            self._wait(self._patience.head if self._part == "body" else self._patience.idle)
        self._read()
        self._watch()

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

"""HTTP/1.1 as uvicorn speaks it, with an end to how much of a request may be held before anyone has seen it."""

from __future__ import annotations

from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MOST_HELD: Final = 256 * 1024
"""Bytes; the gate's own limit on headers is lower, and answers in the caller's envelope."""
_REFUSAL: Final = b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"


class Protocol(HttpToolsProtocol):
    """Closes a connection whose request line, headers, trailers or chunk extensions never end.

    The parser itself keeps all of them, so without this one connection could fill the memory, and needs no key for it.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._held = 0
        self._moved = False

    def data_received(self, data: bytes) -> None:
        self._moved = False
        super().data_received(data)
        self._held = 0 if self._moved else self._held + len(data)
        if self._held > MOST_HELD:
            cycle: Any = self.cycle  # None before the first request
            if cycle is None or cycle.response_complete:
                self.transport.write(_REFUSAL)
            self.transport.close()

    def on_headers_complete(self) -> None:
        self._moved = True
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._moved = True
        super().on_body(body)

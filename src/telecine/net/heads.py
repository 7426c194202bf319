"""Connections on which an answer's head counts by itself, whatever comes after it."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import Any, Final

import aiohttp
from aiohttp.client_proto import ResponseHandler

_END: Final = b"\r\n\r\n"
_INTERIM: Final = re.compile(rb"HTTP/1\.[01] 1\d\d")


class HeadFirst(ResponseHandler):
    """Reads the head of an answer before the first byte of its body.

    aiohttp's parser takes both at once where they come together, and forgets the status that it has read when the body
    is no HTTP.
    """

    _head: bytearray | None = None
    """What has come of a head, whose size aiohttp bounds; None where none is to come."""

    def set_response_params(self, **params: Any) -> None:
        """As aiohttp's: another answer is to come."""
        self._head = bytearray()
        super().set_response_params(**params)

    def data_received(self, data: bytes) -> None:
        """As aiohttp's."""
        while data and self._head is not None and self._parser is not None:
            cut = self._end_of_head(self._head, data)
            super().data_received(data[:cut])
            data = data[cut:]
        if data:
            super().data_received(data)

    def _end_of_head(self, head: bytearray, data: bytes) -> int:
        """How much of `data` belongs to `head`, which grows by it."""
        known = len(head)
        head += data
        end = head.find(_END, max(0, known - len(_END) + 1))
        if end < 0:
            return len(data)
        # The head of an interim answer (103 Early Hints) is not the one that is waited for.
        self._head = bytearray() if _INTERIM.match(head) else None
        return end + len(_END) - known


class HeadFirstConnector(aiohttp.TCPConnector):
    """Connections of that kind."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        made: Callable[..., ResponseHandler] = HeadFirst
        self._factory = partial(made, loop=self._loop)

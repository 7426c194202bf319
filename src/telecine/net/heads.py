"""Connections on which an answer's head counts by itself, whatever comes after it, and no answer is read that was not
asked for."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import Any, Final

import aiohttp
from aiohttp.abc import AbstractResolver
from aiohttp.client_proto import ResponseHandler

from telecine.net.guard import AddressPolicy, GuardedConnector

_END: Final = re.compile(rb"\n\r?\n")
_INTERIM: Final = re.compile(rb"\A\s*+(?:HTTP/\d\.\d +1(?!01)\d\d|\Z)")
"""What is not the head that is waited for: that of an interim answer (103 Early Hints), or blank lines."""
_MOST_INTERIM: Final = 16
_PIECE: Final = 16 * 1024
"""Bytes that the parser gets at a time: it reads on to their end, however many answers there are in them."""


class HeadFirst(ResponseHandler):
    """Reads the head of an answer before the first byte of its body, and hangs up on whoever goes on sending heads.

    aiohttp's parser takes both at once where they come together, and forgets the status that it has read when the body
    is no HTTP. It also reads as many answers as come, which for thousands of them keeps everything else waiting.
    """

    _head: bytearray | None = None
    """What has come of a head, whose size aiohttp bounds; None where none is to come."""
    _interim = 0
    """How many heads have come that were not the one."""
    _answered = False
    _refused = False

    def set_response_params(self, **params: Any) -> None:
        """As aiohttp's: another answer is to come."""
        self._head, self._interim, self._answered = bytearray(), 0, False
        super().set_response_params(**params)

    def data_received(self, data: bytes) -> None:
        """As aiohttp's."""
        if not data:  # it goes on with what it has kept back
            super().data_received(data)
        at = 0
        while at < len(data) and not self._refused:
            piece = data[at : at + _PIECE]
            if self._head is not None and self._parser is not None:
                piece = piece[: self._end_of_head(self._head, piece)]
            super().data_received(piece)
            at += len(piece)
            if self._interim > _MOST_INTERIM:
                self._refuse()
                self.set_exception(aiohttp.ClientConnectionError("interim answers without end"))

    def feed_data(self, data: Any, size: int = 0) -> None:
        """As aiohttp's: an answer has come."""
        if self._answered:
            self._refuse()
            return
        self._answered = data[0].code >= 200 or data[0].code == 101
        super().feed_data(data, size)

    def expire(self) -> None:
        """Tell whoever waits for the answer, or for its body, that its time is over."""
        self._on_read_timeout()

    def _refuse(self) -> None:
        """Read nothing more."""
        self._refused = self._should_close = True
        if self.transport is not None:
            self.transport.close()

    def _end_of_head(self, head: bytearray, piece: bytes) -> int:
        """How much of `piece` belongs to `head`, which grows by it."""
        known = len(head)
        head += piece
        end = _END.search(head, max(0, known - 2))
        if end is None:
            return len(piece)
        if _INTERIM.match(head, 0, end.end()):
            self._head = bytearray()
            self._interim += 1
        else:
            self._head = None
        return end.end() - known


class HeadFirstConnector(GuardedConnector):
    """Connections of that kind."""

    def __init__(self, policy: AddressPolicy, resolver: AbstractResolver | None, **options: Any) -> None:
        super().__init__(policy, resolver, **options)
        made: Callable[..., ResponseHandler] = HeadFirst
        self._factory = partial(made, loop=self._loop)

"""A bound on the bytes of large bodies that are held at once, however many legal ones arrive together."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final

from telecine.nouns.errors import GatewayError

ROOM: Final = 128 * 1024 * 1024
_SECONDS: Final = 120.0


class Room:
    """So many bytes, taken and given back; first come, first served. One event loop uses it."""

    def __init__(self, size: int = ROOM, seconds: float = _SECONDS) -> None:
        """`seconds`: how long anyone waits for room."""
        self._size = size
        self._seconds = seconds
        self._taken = 0
        self.alone = asyncio.Lock()
        """For whoever reads a large body: that holds the interpreter, and several in turn would hold it for long."""
        self._waiting: deque[tuple[asyncio.Future[None], int]] = deque()

    async def take(self, size: int) -> int:
        """Wait for `size` bytes of room; what was taken is to be given back. One larger than all of it takes all of it.

        Raises GatewayError (`capacity`) where there is none in time.
        """
        size = min(size, self._size)
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((turn, size))
        self._admit()
        try:
            async with asyncio.timeout(self._seconds):
                await turn
        except BaseException as error:
            if turn.done() and not turn.cancelled():
                self.give(size)
            turn.cancel()
            self._admit()
            if isinstance(error, TimeoutError):
                message = "Too many large requests arrive at once; try again in a little while."
                raise GatewayError("capacity", message, retry_after=5) from None
            raise
        return size

    def give(self, size: int) -> None:
        """Give back what `take` answered."""
        self._taken -= size
        self._admit()

    def _admit(self) -> None:
        while self._waiting:
            turn, size = self._waiting[0]
            if not turn.cancelled():
                if self._taken + size > self._size:
                    return
                self._taken += size
                turn.set_result(None)
            self._waiting.popleft()

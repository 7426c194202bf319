"""A bound on the bytes of large bodies that are held at once, however many legal ones arrive together."""

from __future__ import annotations

import asyncio
from typing import Final

from telecine.nouns.errors import GatewayError
from telecine.shares import Shares

ROOM: Final = 128 * 1024 * 1024
_SECONDS: Final = 120.0


class Room:
    """So many bytes, taken and given back, in turns among accounts. One event loop uses it."""

    def __init__(self, size: int = ROOM, seconds: float = _SECONDS) -> None:
        """`seconds`: how long anyone waits for room."""
        self._bytes: Shares[int] = Shares(size, 0)  # none to spare: it is about memory, and nobody has it for long
        self._seconds = seconds
        self.alone: Shares[int] = Shares(1, 0)
        """For whoever reads a large body: that holds the interpreter, and several in turn would hold it for long."""

    @property
    def taken(self) -> int:
        """Bytes that are taken."""
        return self._bytes.used

    async def take(self, account_id: int, size: int) -> int:
        """Wait for `size` bytes of room; what was taken is to be given back. One larger than all of it takes all of it.

        Raises GatewayError (`capacity`) where there is none in time.
        """
        size = min(size, self._bytes.most)
        try:
            async with asyncio.timeout(self._seconds):
                await self._bytes.take(account_id, size)
        except TimeoutError:
            message = "Too many large requests arrive at once; try again in a little while."
            raise GatewayError("capacity", message, retry_after=5) from None
        return size

    def give(self, account_id: int, size: int) -> None:
        """Give back what `take` answered."""
        self._bytes.give(account_id, size)

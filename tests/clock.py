"""Time that tests move by hand."""

from __future__ import annotations

import asyncio


class HandClock:
    """A clock that stands still until it is told to move."""

    def __init__(self, now: float = 1_763_700_000.0) -> None:
        self._now = now

    def now(self) -> float:
        return self._now

    def advance(self, seconds: float) -> None:
        """Move time on."""
        self._now += seconds

    async def sleep(self, seconds: float) -> None:
        self._now += seconds
        await asyncio.sleep(0)

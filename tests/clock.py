"""Time for tests: moved by hand, or running fast."""

from __future__ import annotations

import asyncio
import time

from telecine.clock import Slip, until_set


class HandClock:
    """A clock that stands still until it is told to move."""

    def __init__(self, now: float = 1_763_700_000.0) -> None:
        self._now = now
        self._jumped = 0.0

    def now(self) -> float:
        return self._now

    def elapsed(self) -> float:
        return self._now - self._jumped

    def slip(self) -> Slip:
        return Slip(self._jumped)

    def advance(self, seconds: float) -> None:
        """Move time on."""
        self._now += seconds

    def jump(self, seconds: float) -> None:
        """Somebody sets the clock; no time passes."""
        self._now += seconds
        self._jumped += seconds

    def set(self, now: float) -> None:
        """Stand at `now`."""
        self._now = now

    async def sleep(self, seconds: float) -> None:
        self._now += seconds
        await asyncio.sleep(0)

    async def wait(self, event: asyncio.Event, seconds: float) -> None:
        if not event.is_set():
            await self.sleep(seconds)


class FastClock:
    """The machine's clock, `speed` times as fast since the moment `epoch` (seconds since the Unix epoch).

    Processes with the same epoch agree about the time, so one that is killed and started again finds it moved on.
    """

    def __init__(self, speed: float, epoch: float) -> None:
        self._speed = speed
        self._epoch = epoch

    def now(self) -> float:
        return self._epoch + (time.time() - self._epoch) * self._speed

    def elapsed(self) -> float:
        return time.monotonic() * self._speed

    def slip(self) -> Slip:
        return Slip()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds / self._speed)

    async def wait(self, event: asyncio.Event, seconds: float) -> None:
        await until_set(event, seconds / self._speed)

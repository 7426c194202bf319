"""Time, injected. Nothing else in Telecine asks the system what time it is, so tests move time by hand."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import Protocol


class Clock(Protocol):
    """What the engine, the ledger and the signers need of time."""

    def now(self) -> float:
        """Seconds since the Unix epoch."""
        ...

    def elapsed(self) -> float:
        """Seconds since some moment in the life of this process: what durations are measured by. It never jumps."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Return after `seconds`."""
        ...

    async def wait(self, event: asyncio.Event, seconds: float) -> None:
        """Return when `event` is set, or after `seconds`."""
        ...


class SystemClock:
    """The machine's own clock, but one that never goes back: were the machine's set back by an hour, nothing would
    fall due for that hour."""

    def __init__(self) -> None:
        self._offset = time.time() - time.monotonic()

    def now(self) -> float:
        self._offset = max(self._offset, time.time() - time.monotonic())
        return time.monotonic() + self._offset

    def elapsed(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def wait(self, event: asyncio.Event, seconds: float) -> None:
        await until_set(event, seconds)


async def until_set(event: asyncio.Event, seconds: float) -> None:
    """Return when `event` is set, or after `seconds` of the machine's time.

    Not `asyncio.wait_for`: on Python 3.11 that swallows a cancel which comes in the tick in which the event is set.
    """
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()

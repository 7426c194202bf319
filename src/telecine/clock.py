"""Time, injected. Nothing else in Telecine asks the system what time it is, so tests move time by hand."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import NamedTuple, Protocol


class Slip(NamedTuple):
    """What somebody has done to the machine's clock while this process ran. Seconds; adjusting it slowly is none."""

    jumped: float = 0.0
    """By how much it shows more than has passed since the start; below 0 where it was set back."""
    ahead: float = 0.0
    """How far our time, which never goes back, is ahead of it."""


class Clock(Protocol):
    """What the engine, the ledger and the signers need of time."""

    def now(self) -> float:
        """Seconds since the Unix epoch."""
        ...

    def elapsed(self) -> float:
        """Seconds since some moment in the life of this process: what durations are measured by. It never jumps."""
        ...

    def slip(self) -> Slip:
        """How the machine's clock was set since the start."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Return after `seconds`."""
        ...

    async def wait(self, event: asyncio.Event, seconds: float) -> None:
        """Return when `event` is set, or after `seconds`."""
        ...


_CLOCK = getattr(time, "CLOCK_BOOTTIME", None)


def _passed() -> float:
    """Seconds since some moment, by a clock that nobody sets. On Linux it goes on while the machine is suspended, as
    `time.monotonic` does not: leases run out then, too."""
    return time.monotonic() if _CLOCK is None else time.clock_gettime(_CLOCK)


class SystemClock:
    """The machine's own clock, but one that never goes back: were the machine's set back by an hour, nothing would
    fall due for that hour."""

    def __init__(self) -> None:
        self._offset = self._first = time.time() - _passed()

    def now(self) -> float:
        passed = _passed()
        offset = time.time() - passed
        self._offset = max(self._offset, offset)
        return passed + self._offset

    def elapsed(self) -> float:
        return _passed()

    def slip(self) -> Slip:
        self.now()
        offset = time.time() - _passed()
        return Slip(offset - self._first, max(0.0, self._offset - offset))

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

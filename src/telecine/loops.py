"""The loops of a process: what it does again and again for as long as it works.

A turn that raises, whatever it raises, is logged and tried again, soon and then less often, so no failure of a database
ends a loop; how each loop fares is there to be asked (`/readyz`, `telecine doctor`, `/metrics`). What ends a loop all
the same (the interpreter is about to end, a bug in here) sets `Loops.broken`, and whoever serves then ends the process.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, Final, NoReturn

import msgspec
import structlog

from telecine.clock import Clock

_log = structlog.get_logger(__name__)

_FIRST_AGAIN: Final = 1.0
_SOON: Final = 5.0
_LATEST_AGAIN: Final = 30.0
"""Seconds after which a turn that failed is tried again: first, at most where turns are frequent, at most elsewhere."""
LEAVING: Final = 5.0
"""Seconds that tasks have to heed the cancel of a stop."""
_LEAST_PATIENCE: Final = 30.0
_TURNS: Final = 3
"""A loop is stalled when none of this many turns, or none in half a minute, has gone well."""

Turn = Callable[[], Awaitable[float | None]]
"""One turn; how many seconds after it the next one is due, None for the usual time."""


class Pulse(msgspec.Struct, frozen=True):
    """How a loop fares at one moment."""

    name: str
    failures: int
    """Turns that have failed since the start of the process."""
    failing: int
    """Turns that have failed since the last good one."""
    age: float
    """Seconds since the last good turn, or since the start."""
    stalled: bool
    """It has ended, or has had no good turn for so long that something must be done."""
    error: str | None = None
    """The kind of the last failure, while it fails."""


class Loop:
    """`turn`, every `every` seconds, beginning after `first`."""

    def __init__(self, name: str, turn: Turn, clock: Clock, *, every: float, first: float = 0.0) -> None:
        self.name = name
        self._turn = turn
        self._clock = clock
        self._every = every
        self._first = first
        self._nudged = asyncio.Event()
        self._good_at: float | None = None
        self._failures = 0
        self._failing = 0
        self._error: str | None = None
        self.ended = False

    def nudge(self) -> None:
        """Take the next turn at once, unless the last one failed."""
        self._nudged.set()

    @property
    def pulse(self) -> Pulse:
        """How the loop fares now. One that has not been started is well."""
        age = 0.0 if self._good_at is None else max(0.0, self._clock.elapsed() - self._good_at)
        stalled = self.ended or age > max(_LEAST_PATIENCE, _TURNS * self._every)
        return Pulse(self.name, self._failures, self._failing, age, stalled, self._error)

    async def run(self) -> NoReturn:
        """Until cancelled."""
        self._good_at = self._clock.elapsed() + self._first
        try:
            if self._first:
                await self._clock.sleep(self._first)
            while True:
                self._nudged.clear()
                pause = await self._once()
                if self._failing:
                    await self._clock.sleep(pause)
                elif pause > 0:
                    await self._clock.wait(self._nudged, pause)
        finally:
            self.ended = True

    async def _once(self) -> float:
        """One turn; seconds until the next."""
        try:
            told = await self._turn()
        except asyncio.CancelledError as error:
            if (task := asyncio.current_task()) is not None and task.cancelling():
                raise
            return self._failed(error)  # nobody wants this loop to end: a library let one of its own cancels escape
        except Exception as error:
            return self._failed(error)
        if self._failing:
            _log.warning("loop_recovered", loop=self.name, failures=self._failing)
        self._failing, self._error, self._good_at = 0, None, self._clock.elapsed()
        return self._every if told is None else told

    def _failed(self, error: BaseException) -> float:
        self._failures += 1
        self._failing += 1
        self._error = type(error).__name__
        again = min(_FIRST_AGAIN * 2.0 ** min(self._failing - 1, 16), _SOON if self._every <= _SOON else _LATEST_AGAIN)
        _log.error("loop_failed", loop=self.name, failures=self._failing, again=again, exc_info=error)
        return again


class Loops:
    """Those of one process."""

    def __init__(self, loops: Sequence[Loop]) -> None:
        self._loops = loops
        self._running: list[asyncio.Task[NoReturn]] = []
        self._stopping = False
        self.broken = asyncio.Event()
        """A loop has ended though nobody stopped it: the process can only end, too, and be started anew."""
        self.ended: list[str] = []
        """The names of such loops."""

    @property
    def pulses(self) -> tuple[Pulse, ...]:
        """Of every loop."""
        return tuple(loop.pulse for loop in self._loops)

    def start(self) -> None:
        """Begin every loop."""
        for loop in self._loops:
            task = asyncio.create_task(loop.run(), name=loop.name)
            task.add_done_callback(self._done)
            self._running.append(task)

    async def stop(self, seconds: float) -> list[str]:
        """End every loop; the names of those that have not ended in `seconds`, which are left and logged."""
        self._stopping = True
        return await end(self._running, seconds)

    def _done(self, task: asyncio.Task[NoReturn]) -> None:
        error = None if task.cancelled() else task.exception()
        if not self._stopping:
            _log.critical("loop_ended", loop=task.get_name(), exc_info=error)
            self.ended.append(task.get_name())
            self.broken.set()


async def end(tasks: Iterable[asyncio.Task[Any]], seconds: float) -> list[str]:
    """Cancel `tasks` and wait for them; the names of those that have not ended in `seconds`, left and logged."""
    ending = list(tasks)
    for task in ending:
        task.cancel()
    if not ending:
        return []
    _, left = await asyncio.wait(ending, timeout=seconds)
    names = sorted(task.get_name() for task in left)
    if names:
        _log.error("left_behind", tasks=names, seconds=seconds)
    return names

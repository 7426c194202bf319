"""Who wants to know at once when a task changes. It lives in one process and forgets; the records are the truth."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from telecine.clock import Clock


class Watch:
    """Tells waiters of this process that a task's step has been committed. Steps of other processes go unheard."""

    def __init__(self) -> None:
        self._waiters: dict[int, set[asyncio.Event]] = {}

    def changed(self, task_id: int) -> None:
        """Wake everybody who watches the task. Called after the commit."""
        for event in self._waiters.get(task_id, ()):
            event.set()

    def wake(self) -> None:
        """Wake everybody: this process is about to end."""
        for events in self._waiters.values():
            for event in events:
                event.set()

    @contextmanager
    def watching(self, task_id: int) -> Iterator[asyncio.Event]:
        """An event that every change of the task sets, from here to the end of the block."""
        event = asyncio.Event()
        waiters = self._waiters.setdefault(task_id, set())
        waiters.add(event)
        try:
            yield event
        finally:
            waiters.discard(event)
            if not waiters and self._waiters.get(task_id) is waiters:
                del self._waiters[task_id]

    async def wait(self, task_id: int, seconds: float, clock: Clock) -> bool:
        """Wait for the next change, `seconds` at most; whether there was one."""
        with self.watching(task_id) as event:
            await clock.wait(event, seconds)
            return event.is_set()

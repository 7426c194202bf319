"""Worker processes that outlive the server that started them: the next one in this test process goes on with them.

A worker costs half a second of a core before its first call, and hundreds of servers in tests want one each.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

from telecine.server import rooms
from telecine.workers import NICENESS, Lane, Workers

_WAITING: Final[dict[Lane, list[Any]]] = {lane: [] for lane in NICENESS}


class KeptWorkers(Workers):
    """As Workers, but those that wait for work when it is closed wait for the next."""

    def __init__(self, size: int = 2) -> None:
        super().__init__(size)
        self._idle = _WAITING

    async def close(self) -> None:
        self._closed = True
        for call in self._calls:
            call.abandon()
        await asyncio.to_thread(self._threads.shutdown)


def keep_workers() -> None:
    """From now on, for every server inside this process."""
    rooms.Workers = KeptWorkers  # type: ignore[attr-defined]

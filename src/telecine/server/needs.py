"""What a create needs of the machine: room, a disk for files, and records that are really committed."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any, Final

from telecine.clock import Clock
from telecine.media.storage import Storage
from telecine.server.recent import Recent
from telecine.store.database import Database
from telecine.store.probe import Probe

LEAST_ROOM: Final = 64 * 1024 * 1024
"""Bytes that have to be free. A create takes some thousands, but a file, a checkpoint or a migration takes more."""
_FRESH_SECONDS: Final = 5.0
_PATIENCE: Final = 5.0
"""Seconds of the machine's clock for a write. Statements wait longer for a lock, callers do not."""


class Needs:
    """Looks at most every few seconds, because anybody may ask."""

    def __init__(self, database: Database, storage: Storage, data: Path, clock: Clock) -> None:
        self._database = database
        self._storage = storage
        self._data = data
        self._found = Recent(self._look, _FRESH_SECONDS, clock)
        self._writing: asyncio.Task[Any] | None = None

    async def met(self) -> dict[str, bool]:
        """By name: `room` on the disk of the data, `storage` and `writes` that take something."""
        return await self._found.get()

    async def _look(self) -> dict[str, bool]:
        return {
            "room": await asyncio.to_thread(self._room) >= LEAST_ROOM,
            "storage": await self._stores(),
            "writes": await self._writes(),
        }

    def _room(self) -> int:
        """Bytes that are free where there are fewest."""
        folders = [one for one in (self._data, self._storage.root) if one is not None and one.is_dir()]
        return min(free.f_bavail * free.f_frsize for free in map(os.statvfs, folders))

    async def _stores(self) -> bool:
        try:
            await self._storage.check()
        except Exception:
            return False
        return True

    async def _writes(self) -> bool:
        """One write at a time: the next look waits for one that is still under way."""
        if self._writing is None:
            self._writing = asyncio.create_task(self._database.write(Probe()), name="probe")
        done, _ = await asyncio.wait([self._writing], timeout=_PATIENCE)
        if not done:
            return False
        failed, self._writing = self._writing.exception() is not None, None
        return not failed

"""The decoders in worker processes, which a hostile file may crash and a cancellation kills."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar, TypeVarTuple

from telecine.media.decoders import Seen, UndecodableError
from telecine.media.probe import poster, probe, spritesheet
from telecine.workers import WorkerError, Workers

PROBE_SECONDS: Final = 20.0
RENDER_SECONDS: Final = 60.0
Result = TypeVar("Result")
Args = TypeVarTuple("Args")


class WorkerDecoders:
    """Implements telecine.media.decoders.Decoders."""

    def __init__(self, workers: Workers, *, urgent: bool = False) -> None:
        """`urgent`: for files that have been paid for, which never wait for those that clients send."""
        self._workers = workers
        self._urgent = urgent

    async def probe(self, path: Path) -> Seen:
        """What the file at `path` really is."""
        return await self._run(probe, path, seconds=PROBE_SECONDS)

    async def poster(self, path: Path, target: Path) -> None:
        """Write one still picture of it to `target`, as JPEG."""
        await self._run(poster, path, target, seconds=RENDER_SECONDS)

    async def spritesheet(self, path: Path, target: Path) -> None:
        """Write a grid of its frames to `target`, as JPEG."""
        await self._run(spritesheet, path, target, seconds=RENDER_SECONDS)

    async def _run(self, function: Callable[[*Args], Result], *args: *Args, seconds: float) -> Result:
        try:
            return await self._workers.run(function, *args, seconds=seconds, urgent=self._urgent)
        except WorkerError as error:
            raise UndecodableError(str(error), declined=error.declined) from None

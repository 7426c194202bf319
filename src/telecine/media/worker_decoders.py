"""The decoders in worker processes, which a hostile file may crash and a cancellation kills."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar, TypeVarTuple

from telecine.media.decoders import Seen, UndecodableError
from telecine.media.drawing import canvas, grid, hole
from telecine.media.probe import poster, probe, spritesheet
from telecine.workers import Lane, WorkerError, Workers

PROBE_SECONDS: Final = 20.0
RENDER_SECONDS: Final = 60.0
Result = TypeVar("Result")
Args = TypeVarTuple("Args")


class WorkerDecoders:
    """Implements telecine.media.decoders.Decoders."""

    def __init__(self, workers: Workers, *, paid: bool = False) -> None:
        """`paid`: for files that have been paid for, which wait for nothing that clients send or ask for."""
        self._workers = workers
        self._paid = paid

    async def probe(self, path: Path, account_id: int) -> Seen:
        """What the file at `path` really is."""
        return await self._run(probe, path, lane="look", account_id=account_id, seconds=PROBE_SECONDS)

    async def poster(self, path: Path, target: Path, account_id: int) -> None:
        """Write one still picture of it to `target`, as JPEG."""
        await self._run(poster, path, target, lane="draw", account_id=account_id, seconds=RENDER_SECONDS)

    async def spritesheet(self, path: Path, target: Path, account_id: int) -> None:
        """Write a grid of its frames to `target`, as JPEG."""
        await self._run(spritesheet, path, target, lane="draw", account_id=account_id, seconds=RENDER_SECONDS)

    async def grid(self, paths: list[Path], target: Path, account_id: int) -> None:
        """Write pictures to `target` as one, as JPEG."""
        await self._run(grid, paths, target, lane="draw", account_id=account_id, seconds=RENDER_SECONDS)

    async def canvas(
        self, path: Path, target: Path, growth: tuple[float, float, float, float], account_id: int
    ) -> tuple[int, int]:
        """Write a picture on a larger ground to `target`, as PNG; its size."""
        return await self._run(canvas, path, target, growth, lane="draw", account_id=account_id, seconds=RENDER_SECONDS)

    async def hole(self, path: Path, target: Path, size: tuple[int, int], account_id: int) -> None:
        """Write a mask of that size to `target`, as PNG."""
        await self._run(hole, path, target, size, lane="draw", account_id=account_id, seconds=RENDER_SECONDS)

    async def _run(
        self, function: Callable[[*Args], Result], *args: *Args, lane: Lane, account_id: int, seconds: float
    ) -> Result:
        lane = "keep" if self._paid else lane
        try:
            return await self._workers.run(function, *args, seconds=seconds, lane=lane, account_id=account_id)
        except WorkerError as error:
            raise UndecodableError(str(error), declined=error.declined) from None

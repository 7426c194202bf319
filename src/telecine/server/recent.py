"""Answers that are dear to find and may be a few seconds old."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from telecine.clock import Clock

T = TypeVar("T")


class Recent(Generic[T]):
    """The answer of `ask`, at most `seconds` old. Whoever asks while it is being found waits for that one: however many
    ask, it is found once. Errors are told to all who wait, and not kept."""

    def __init__(self, ask: Callable[[], Awaitable[T]], seconds: float, clock: Clock) -> None:
        self._ask = ask
        self._seconds = seconds
        self._clock = clock
        self._found: tuple[float, T] | None = None
        self._finding: asyncio.Task[T] | None = None

    async def get(self) -> T:
        """The answer. Raises what `ask` raises."""
        if self._found is not None and self._clock.elapsed() - self._found[0] < self._seconds:
            return self._found[1]
        if self._finding is None:
            self._finding = asyncio.create_task(self._find(), name="recent")
        return await asyncio.shield(self._finding)  # one who hangs up ends it for nobody

    async def _find(self) -> T:
        try:
            found = await self._ask()
            self._found = self._clock.elapsed(), found
            return found
        finally:
            self._finding = None

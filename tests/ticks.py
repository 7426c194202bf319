"""How long an event loop was away at the longest, measured so that a busy machine changes nothing."""

from __future__ import annotations

import asyncio
import time

ROUNDS = 3
"""What really holds up the loop does so in every round; a machine that is busy elsewhere hardly ever does."""


class Ticks:
    """A task on a loop that looks at the time again and again; start it with `run`, and set `going` to False."""

    def __init__(self) -> None:
        self.longest = 0.0
        """Seconds between two looks, at the most."""
        self.going = True

    async def run(self) -> None:
        last = time.perf_counter()
        while self.going:
            await asyncio.sleep(0.005)
            now = time.perf_counter()
            self.longest, last = max(self.longest, now - last), now

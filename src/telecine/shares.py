"""A bounded number of places that is shared fairly: one holder alone may have the whole, two share it."""

from __future__ import annotations

import asyncio
import itertools
from collections import deque
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager
from typing import Final, Generic, NamedTuple, Self, TypeVar

Holder = TypeVar("Holder", bound=Hashable)
_SPARE: Final = 4
"""A quarter as many places as one alone may have are kept for others."""


class Shares(Generic[Holder]):
    """Places for what takes long, by whom they are held (an account, a host). One event loop uses it.

    A holder alone has `most` places. `spare` more are there for those who come while it has them all, so that nobody
    waits for the end of somebody else's work before beginning at all: whoever holds something already may only have
    `most / spare` times what would still be free. So two noisy ones leave room for a third, and as theirs end, all come
    to hold the same. Where places are short, the next one goes to whoever holds the fewest, and among those to the one
    who was served the longest ago; each holder's own wait in the order in which they came.
    """

    def __init__(self, most: int, spare: int | None = None) -> None:
        """`spare` None: a quarter of `most`, at least one. With 0 there are only turns: for what takes no time."""
        self.most = most
        self.spare = max(1, most // _SPARE) if spare is None else spare
        self._held: dict[Holder, int] = {}
        self._used = 0
        self._waiting: dict[Holder, deque[_Wish]] = {}
        self._served: dict[Holder, int] = {}
        """Who was served when, for as long as anybody waits."""
        self._numbers = itertools.count(1)

    @property
    def used(self) -> int:
        """How many places are held."""
        return self._used

    @property
    def free(self) -> int:
        """How many are left, those that are kept for others among them."""
        return max(0, self.most + self.spare - self._used)

    def held(self, holder: Holder) -> int:
        """How many `holder` has."""
        return self._held.get(holder, 0)

    def waiting(self, holder: Holder) -> int:
        """How many `holder` waits for."""
        return sum(not wish.turn.cancelled() for wish in self._waiting.get(holder, ()))

    def full(self) -> list[Holder]:
        """Those who hold something and may have no more now."""
        return [holder for holder in self._held if not self._fits(holder, 1)]

    def copy(self) -> Self:
        """The same places, held by the same, and nobody waiting: to see what could be taken."""
        copied = type(self)(self.most, self.spare)
        copied._held, copied._used, copied._served = dict(self._held), self._used, dict(self._served)
        return copied

    @asynccontextmanager
    async def place(self, holder: Holder, size: int = 1) -> AsyncIterator[None]:
        """`size` places for `holder` until the block ends, waited for."""
        await self.take(holder, size)
        try:
            yield
        finally:
            self.give(holder, size)

    async def take(self, holder: Holder, size: int = 1) -> None:
        """Wait for `size` places, at most `most`, which are to be given back. Whoever is cancelled has taken none."""
        wish = _Wish(asyncio.get_running_loop().create_future(), size)
        self._waiting.setdefault(holder, deque()).append(wish)
        self._admit()
        try:
            await wish.turn
        except BaseException:
            if wish.turn.done() and not wish.turn.cancelled():
                self.give(holder, size)
            else:
                wish.turn.cancel()
                self._admit()
            raise

    def try_take(self, holder: Holder, size: int = 1) -> bool:
        """Take `size` places if they are there for `holder` now, and nobody who waits comes first."""
        first = self._first()
        if not self._fits(holder, size) or (first is not None and self._rank(first) <= self._rank(holder)):
            return False
        self.add(holder, size)
        return True

    def add(self, holder: Holder, size: int = 1) -> None:
        """Count `size` places as taken, whether they are there or not: for what has begun already."""
        self._held[holder] = self.held(holder) + size
        self._used += size
        self._served[holder] = next(self._numbers)

    def give(self, holder: Holder, size: int = 1) -> None:
        """Give back what was taken."""
        left = self._held[holder] - size
        if left:
            self._held[holder] = left
        else:
            del self._held[holder]
        self._used -= size
        self._admit()

    def _fits(self, holder: Holder, size: int) -> bool:
        left = self.most + self.spare - self._used - size
        if left < 0:
            return False
        held = self.held(holder)
        return not held or (held + size) * self.spare <= self.most * left

    def _rank(self, holder: Holder) -> tuple[int, int]:
        return self.held(holder), self._served.get(holder, 0)

    def _first(self) -> Holder | None:
        """Who is to be served next."""
        return min(self._waiting, key=self._rank, default=None)

    def _admit(self) -> None:
        """Serve those who wait, as far as there are places. One who has to wait is not overtaken by smaller wishes."""
        while (holder := self._first()) is not None:
            queue = self._waiting[holder]
            wish = queue[0]
            if not wish.turn.cancelled():
                if not self._fits(holder, wish.size):
                    return
                self.add(holder, wish.size)
                wish.turn.set_result(None)
            queue.popleft()
            if not queue:
                del self._waiting[holder]
        self._served.clear()


class _Wish(NamedTuple):
    turn: asyncio.Future[None]
    size: int

"""How many streams of events are open in this process, and how many requests wait for the end of a task. Each costs a
connection and memory for as long as it lives, and a stream reads as well."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from telecine.nouns.errors import GatewayError
from telecine.shares import Shares

_TRY_AGAIN: Final = 10.0
"""Seconds; a guess, for nobody knows when a reader leaves."""
_ALL: Final = 20_000


class Streams:
    """Counts what is open, in memory: so many for each account, and so many in all, which accounts share fairly."""

    def __init__(self, most: int, in_all: int = _ALL) -> None:
        self.most = most
        """For each account, as the configuration says now; what is open beyond it stays open."""
        self._places: Shares[int] = Shares(max(1, in_all * 4 // 5))  # and a quarter of that to spare

    @property
    def used(self) -> int:
        """How many are open."""
        return self._places.used

    def open(self, account_id: int) -> int:
        """How many the account holds open."""
        return self._places.held(account_id)

    @contextmanager
    def one_of(self, account_id: int) -> Iterator[None]:
        """One more, until the block ends. Raises GatewayError (`rate_limited`, `capacity`)."""
        if self.open(account_id) >= self.most:
            raise GatewayError(
                "rate_limited",
                f"This account has {self.most} event streams open, which is as many as it may. Close one, or follow "
                "tasks with webhooks.",
                retry_after=_TRY_AGAIN,
            )
        if not self._places.try_take(account_id):
            message = (
                "Too many event streams are open here; try again in a little while, or follow tasks with webhooks."
            )
            raise GatewayError("capacity", message, retry_after=_TRY_AGAIN)
        try:
            yield
        finally:
            self._places.give(account_id)


class Waits:
    """Counts who waits, in memory: so many in all, which accounts share fairly."""

    def __init__(self, most: int = 10_000) -> None:
        self._places: Shares[int] = Shares(max(1, most * 4 // 5))  # and a quarter of that to spare

    @property
    def used(self) -> int:
        """How many wait."""
        return self._places.used

    @contextmanager
    def one_of(self, account_id: int) -> Iterator[bool]:
        """One more of the account until the block ends; whether there is room for it."""
        room = self._places.try_take(account_id)
        try:
            yield room
        finally:
            if room:
                self._places.give(account_id)

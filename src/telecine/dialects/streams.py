"""How many streams each account holds open in this process. A stream costs memory and reads for as long as it lives."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from telecine.nouns.errors import GatewayError

_TRY_AGAIN: Final = 10.0
"""Seconds; a guess, for nobody knows when a reader leaves."""


class Streams:
    """Counts what is open, in memory."""

    def __init__(self, most: int) -> None:
        self.most = most
        """For each account, as the configuration says now; what is open beyond it stays open."""
        self._open: Counter[int] = Counter()

    def open(self, account_id: int) -> int:
        """How many the account holds open."""
        return self._open[account_id]

    @contextmanager
    def one_of(self, account_id: int) -> Iterator[None]:
        """One more, until the block ends. Raises GatewayError (`rate_limited`)."""
        if self._open[account_id] >= self.most:
            raise GatewayError(
                "rate_limited",
                f"This account has {self.most} event streams open, which is as many as it may. Close one, or follow "
                "tasks with webhooks.",
                retry_after=_TRY_AGAIN,
            )
        self._open[account_id] += 1
        try:
            yield
        finally:
            self._open[account_id] -= 1
            if not self._open[account_id]:
                del self._open[account_id]

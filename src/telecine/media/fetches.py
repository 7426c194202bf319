"""How many inputs are fetched from clients' URLs at a time."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final
from urllib.parse import urlsplit

from telecine.shares import Shares

AT_ONCE: Final = 64
"""For one account alone."""
AT_ONCE_A_HOST: Final = 16
"""The same, of one host: however slow that is, the others are fetched."""


class Fetches:
    """Places for fetches, shared fairly by account; those of each host as well."""

    def __init__(self, most: int = AT_ONCE, per_host: int = AT_ONCE_A_HOST) -> None:
        self.all: Shares[int] = Shares(most)
        self._per_host = per_host
        self._hosts: dict[str, tuple[Shares[int], list[None]]] = {}

    @asynccontextmanager
    async def one(self, account_id: int, url: str) -> AsyncIterator[None]:
        """One more for the account, until the block ends; waits for its turn."""
        host = (urlsplit(url).hostname or "").rstrip(".")
        shares, users = self._hosts.setdefault(host, (Shares(self._per_host), []))
        users.append(None)
        try:
            # In this order: who waits for a busy host keeps nobody from another one.
            async with shares.place(account_id), self.all.place(account_id):
                yield
        finally:
            users.pop()
            if not users:
                del self._hosts[host]

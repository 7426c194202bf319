"""What providers keep on this machine of the jobs of tasks, and how it goes with these."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from sqlalchemy import select

from telecine.providers.base import Keeper, Provider
from telecine.store import tables
from telecine.store.database import Database


class KeptJobs:
    """The jobs of those of `providers`, by name, that keep any here."""

    def __init__(self, database: Database, providers: Mapping[str, Provider | Keeper]) -> None:
        self._database = database
        self._keepers = {name: one for name, one in providers.items() if isinstance(one, Keeper)}

    async def forget(self, task_ids: Sequence[int]) -> None:
        """Delete what is kept of the jobs of these tasks. Raises OSError."""
        table = tables.attempts.c
        handles: dict[str, list[str]] = defaultdict(list)
        mine = (table.task_id.in_(task_ids), table.provider.in_(list(self._keepers)))
        for provider, handle in await self._database.rows(select(table.provider, table.handle).where(*mine)):
            handles[provider].append(handle)
        for provider, theirs in handles.items():
            await self._keepers[provider].forget(theirs)

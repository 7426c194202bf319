"""Objects that no row names: what a kill between storing a file and committing its row has left behind."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Final

import msgspec
from sqlalchemy import select, tuple_

from telecine.assets.outputs import shared
from telecine.assets.purge import lost
from telecine.clock import Clock
from telecine.media.storage import Storage, Stored, asset_of, is_answer, is_content, linked
from telecine.nouns.request import GenerationRequest
from telecine.store import tables
from telecine.store.database import Database
from telecine.upkeep.retention import BATCH, first_id

_GRACE: Final = 86400.0
"""How old an object must be to be called lost: its row may still be on its way."""
_BEFORE: Final = 2 * 3600.0
"""How long after its inputs, at most, a task is created: the upload is part of the same request."""
_AFTER: Final = 60.0
_PAUSE: Final = 0.05
_decode: Final = msgspec.json.Decoder(GenerationRequest).decode


class Sweep:
    """Looks through the storage in pages, each compared with the records in one batch."""

    def __init__(self, database: Database, storage: Storage, clock: Clock, *, draft: Callable[[], float]) -> None:
        """`draft`: for how long, in seconds, a task that is there already may wait for the request that it runs with,
        and that one's files."""
        self._draft = draft
        self._database = database
        self._storage = storage
        self._clock = clock

    async def run(self) -> int:
        """Delete what is lost; how many objects."""
        inputs: dict[int, list[Stored]] = {}
        gone = 0
        async for page in self._storage.list():
            old = [one for one in page if one.at < self._clock.now() - _GRACE]
            for one in old:
                if "/in/" in one.key:
                    inputs.setdefault(int(one.key[1:].partition("/")[0]), []).append(one)
            gone += await self._delete(await self._lost_outputs([one.key for one in old if "/t" in one.key]))
            kept = [one.key for one in old if asset_of(one.key) is not None]
            gone += await self._delete(await self._database.read(lambda connection, kept=kept: lost(connection, kept)))  # type: ignore[misc]
            await self._clock.sleep(_PAUSE)
        for account_id, stored in sorted(inputs.items()):
            stored.sort(key=lambda one: one.at)  # so that a batch spans little time, and few tasks
            for start in range(0, len(stored), BATCH):
                gone += await self._delete(await self._lost_inputs(account_id, stored[start : start + BATCH]))
                await self._clock.sleep(_PAUSE)
        return gone

    async def _delete(self, keys: Sequence[str]) -> int:
        for key in keys:
            await self._storage.delete(key)
        return len(keys)

    async def _lost_outputs(self, keys: Sequence[str]) -> list[str]:
        if not keys:
            return []
        table = tables.outputs.c
        places = {key: _place(key) for key in keys}
        columns = (table.task_id, table.index, table.object_key, table.upstream_url)
        named = select(*columns).where(tuple_(table.task_id, table.index).in_(list(set(places.values()))))
        rows = {(task_id, index): (key, url) for task_id, index, key, url in await self._database.rows(named)}
        task = tables.tasks.c
        unended = select(task.id).where(task.id.in_({one for one, _ in places.values()}), task.ended_at.is_(None))
        waiting = {row.id for row in await self._database.rows(unended)}
        both = await self._database.read(lambda connection: shared(connection, {one for one, _ in places.values()}))
        lost = [key for key, place in places.items() if not _is_kept(key, rows.get(place), both)]
        # What an upstream has answered waits for its task, however long the step that commits it cannot be done.
        return [one for one in lost if places[one][0] not in waiting or not (is_answer(one) or is_content(one))]

    async def _lost_inputs(self, account_id: int, stored: Sequence[Stored]) -> list[str]:
        first, last = stored[0].at - self._draft() - _AFTER, stored[-1].at + _BEFORE
        used: set[str] = set()
        async for request in self._requests(account_id, first_id(first), first_id(last)):
            used.update(one.object_key for one in request.inputs if one.object_key)
        return [one.key for one in stored if one.key not in used]

    async def _requests(self, account_id: int, first: int, last: int) -> AsyncIterator[GenerationRequest]:
        table = tables.tasks.c
        while True:
            some = (table.account_id == account_id, table.id >= first, table.id < last)
            query = select(table.id, table.request).where(*some).order_by(table.id).limit(BATCH)
            rows = await self._database.rows(query)
            for _, body in rows:
                yield _decode(body)
            if len(rows) < BATCH:
                return
            first = rows[-1].id + 1


def _is_kept(key: str, row: tuple[str | None, str | None] | None, both: frozenset[str]) -> bool:
    """Whether the row of an output, its key and its link, names what lies under `key`, or that of a library's file
    (`both`) does; no row names an answer."""
    if is_answer(key):
        return False
    if key in both:
        return True
    if row is None:
        return False
    if is_content(key):
        return linked(row[1]) == key
    # A poster or a contact sheet lies beside its file and lives as long.
    return row[0] is not None and key.split(".", maxsplit=1)[0] == row[0].split(".")[0]


def _place(key: str) -> tuple[int, int]:
    """The task id and index in `a1/t2/0.poster.jpg`."""
    _, task, name = key.split("/")
    return int(task[1:]), int(name.partition(".")[0])

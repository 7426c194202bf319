"""What goes of libraries: uploads that nobody goes on with, files that are too old, and the bytes of those deleted.

Guarantees: at most 200 files a transaction; the bytes of a file stay for as long as a signed link to it may work, a
task that refers to it has not ended, or an output is the same file; they go before the row does, and a kill in between
leaves what the next round finishes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final

import structlog
from sqlalchemy import Connection, delete, exists, select, update

from telecine.assets.asset import Asset
from telecine.assets.counting import add, recount
from telecine.assets.outputs import of_output
from telecine.assets.rows import asset_of
from telecine.assets.writes import tombstone
from telecine.clock import Clock
from telecine.media.storage import Storage
from telecine.media.storage import asset_of as asset_in
from telecine.store import tables
from telecine.store.database import Database

BATCH: Final = 200
_PAUSE: Final = 0.1
_AGAIN: Final = 3600.0
"""Seconds after which a file that a task still uses is looked at again."""
_A: Final = tables.assets
_P: Final = tables.asset_parts
_U: Final = tables.asset_uses
_log = structlog.get_logger(__name__)


class Purge:
    """Rounds of it. `link_seconds`: how long, at most, a signed link works."""

    def __init__(self, database: Database, storage: Storage, clock: Clock, link_seconds: Callable[[], float]) -> None:
        self._database = database
        self._storage = storage
        self._clock = clock
        self._link_seconds = link_seconds

    async def run(self, before: int = 0) -> int:
        """One round; how many files went for good. Those with an id lower than `before` are too old."""
        abandoned = (_A.c.state == "uploading", _A.c.due <= self._clock.now())
        for what in (abandoned, (_A.c.id < before, _A.c.state.in_(("ready", "failed")))):
            while await self._database.change(partial(self._bury, what=what)):
                await self._clock.sleep(_PAUSE)
        if wrong := await self._database.change(recount):
            _log.error("libraries_recounted", accounts=wrong)
        gone = 0
        while batch := await self._database.change(self._due):
            for one in batch:
                await self._drop(one)
            gone += len(batch)
            await self._clock.sleep(_PAUSE)
        return gone

    def _bury(self, connection: Connection, what: Sequence[Any]) -> int:
        """Delete files, as their owner would; how many."""
        query = select(_A).where(_A.c.deleted_at.is_(None), *what).order_by(_A.c.id).limit(BATCH)
        found = connection.execute(query.with_for_update(skip_locked=True)).mappings().all()
        tombstone(connection, [asset_of(row) for row in found], self._clock.now())
        return len(found)

    def _due(self, connection: Connection) -> list[Asset]:
        """Deleted files whose bytes can go. The others of those that are due are put off."""
        now = self._clock.now()
        deleted = (_A.c.deleted_at.is_not(None), _A.c.due <= now)
        query = select(_A).where(*deleted).order_by(_A.c.due, _A.c.id).limit(BATCH)
        rows = connection.execute(query.with_for_update(skip_locked=True)).mappings().all()
        used = _used(connection, [row["id"] for row in rows])
        good: list[Asset] = []
        for row in rows:
            linked_until = row["deleted_at"] + self._link_seconds() if row["object_key"] is not None else 0.0
            if linked_until <= now and row["id"] not in used:
                good.append(asset_of(row))
                continue
            due = max(linked_until, now + _AGAIN)
            connection.execute(update(_A).where(_A.c.id == row["id"]).values(due=due))
        return good

    async def _drop(self, asset: Asset) -> None:
        """The bytes, then the row."""

        def keys(connection: Connection) -> list[str | None]:
            parts = connection.execute(select(_P.c.object_key).where(_P.c.asset_id == asset.id)).scalars()
            return [*parts, *([] if of_output(connection, asset) else [asset.object_key, asset.poster_key])]

        for key in await self._database.read(keys):
            if key is not None:
                await self._storage.delete(key)
        await self._database.change(lambda connection: _forget(connection, asset))


def _used(connection: Connection, ids: Sequence[int]) -> set[int]:
    """Those of the files `ids` that a task refers to which has not ended."""
    task = tables.tasks.c
    living = exists().where(task.id == _U.c.task_id, task.ended_at.is_(None))
    return set(connection.execute(select(_U.c.asset_id).where(_U.c.asset_id.in_(ids), living)).scalars())


def _forget(connection: Connection, asset: Asset) -> None:
    mine = connection.execute(delete(_A).where(_A.c.id == asset.id, _A.c.deleted_at.is_not(None)))
    if mine.rowcount:
        connection.execute(delete(_U).where(_U.c.asset_id == asset.id))
        add(connection, asset.account_id, leaving=-asset.bytes)


def lost(connection: Connection, keys: Sequence[str]) -> list[str]:
    """Those of `keys` of libraries that no row names."""
    if not keys:
        return []
    ids = {number for key in keys if (number := asset_in(key)) is not None}
    files = connection.execute(select(_A.c.object_key, _A.c.poster_key).where(_A.c.id.in_(ids))).all()
    parts = connection.execute(select(_P.c.object_key).where(_P.c.asset_id.in_(ids))).scalars()
    named = {*(key for row in files for key in row), *parts}
    return [key for key in keys if key not in named]


def erase(connection: Connection, account_id: int, *, now: float, gone: bool) -> None:
    """An account's library is nobody's any more: names, links and groups go at once, and the rows once the bytes are
    `gone`."""
    mine = select(_A.c.id).where(_A.c.account_id == account_id)
    nameless = {"name": "", "url": None, "group_id": None, "error_message": None}
    connection.execute(delete(tables.asset_groups).where(tables.asset_groups.c.account_id == account_id))
    connection.execute(update(_A).where(_A.c.account_id == account_id).values(nameless))
    living = (_A.c.account_id == account_id, _A.c.deleted_at.is_(None))
    rows = connection.execute(select(_A).where(*living).order_by(_A.c.id).with_for_update()).mappings().all()
    tombstone(connection, [asset_of(row) for row in rows], now)
    if gone:
        connection.execute(delete(_U).where(_U.c.asset_id.in_(mine)))
        connection.execute(delete(_A).where(_A.c.account_id == account_id))
        connection.execute(delete(tables.asset_totals).where(tables.asset_totals.c.account_id == account_id))

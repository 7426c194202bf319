"""Files that come by themselves: fetched from the URLs that clients named, or put together of their parts.

Guarantees: whoever sees to a file has claimed it, in the transaction that counts the try, and only the last claim may
commit what came of it; a claim that is not renewed ends, so that a kill only makes the file late; URLs are fetched by
the one fetcher, under the guard of addresses, and the work is shared fairly by account.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, aclosing
from functools import partial
from typing import Any, Final

import msgspec
import structlog
from sqlalchemy import Connection, bindparam, delete, func, select, update

from telecine.assets.asset import Asset
from telecine.assets.counting import add, check, quota_of, take
from telecine.assets.rows import asset_of, values_of
from telecine.assets.shelf import Shelf
from telecine.clock import Clock
from telecine.config import LimitsConfig
from telecine.loops import LEAVING, Loop, end
from telecine.media.reader import Reader
from telecine.media.spool import spool
from telecine.net.client import FetchError
from telecine.net.spool import Spooled
from telecine.nouns.errors import GatewayError, TaskError, invalid
from telecine.shares import Shares
from telecine.store import tables
from telecine.store.database import Database, lease_time
from telecine.store.prepared import Prepared

AT_ONCE: Final = 32
"""For one account alone."""
LEASE: Final = 120.0
_EVERY: Final = 20.0
_MOST_TRIES: Final = 8
_FIRST_AGAIN: Final = 5.0
_LOOK: Final = 256
_A: Final = tables.assets
_P: Final = tables.asset_parts
_MINE: Final = ("group_id", "name", "created_at", "task_id", "output")
"""What a client may change meanwhile, and what stays."""
_RENEW: Final = Prepared(
    update(_A).where(_A.c.id == bindparam("b_id"), _A.c.tries == bindparam("b_tries")).values(due=bindparam("b_due"))
)
_log = structlog.get_logger(__name__)


class Claimed(msgspec.Struct, frozen=True):
    """A file that somebody sees to."""

    asset: Asset
    url: str | None
    """None: it is put together of its parts."""
    tries: int


class GoneError(Exception):
    """Somebody else has claimed it by now, or it was deleted."""


class Arrivals:
    """Sees to them. `begin` once before `loop` runs, `stop` after it."""

    def __init__(
        self,
        database: Database,
        shelf: Shelf,
        reader: Reader,
        clock: Clock,
        limits: Callable[[], LimitsConfig],
    ) -> None:
        """`limits`: as they are now."""
        self._database = database
        self._shelf = shelf
        self._reader = reader
        self._clock = clock
        self._limits = limits
        self._places: Shares[int] = Shares(AT_ONCE)
        """By account."""
        self._running: dict[int, tuple[int, asyncio.Task[None]]] = {}
        """By the file's id, which try it is."""
        self.loop = Loop("assets", self.turn, clock, every=_EVERY)

    async def begin(self) -> None:
        """What the process before this one was about is due now, where nobody else shares the records."""
        if self._database.sqlite:
            now, arriving = self._clock.now(), (_A.c.state == "processing", _A.c.due > self._clock.now())
            await self._database.change(
                lambda connection: connection.execute(update(_A).where(*arriving).values(due=now))
            )

    async def stop(self) -> list[str]:
        """End what is under way; it is due at once for others, or the next process. The names of what did not end."""
        left = {number: tries for number, (tries, _) in self._running.items()}
        names = await end([task for _, task in self._running.values()], LEAVING)
        if left:
            await self._database.change(lambda connection: _renew(connection, left, self._clock.now()))
        return names

    async def turn(self) -> float:
        """Renew what is ours, and claim what is due; seconds until there is something to do."""
        if mine := {number: tries for number, (tries, _) in self._running.items()}:
            await self._database.change(
                lambda connection: _renew(connection, mine, lease_time(connection, self._clock.now()) + LEASE)
            )
        pause = await self._database.read(self._pause)
        if pause > 0:
            return min(pause, _EVERY)
        for one in await self._claimed():
            task = asyncio.create_task(self._see_to(one), name=f"asset {one.asset.id}")
            self._running[one.asset.id] = one.tries, task
            task.add_done_callback(partial(self._done, one))
        return min(await self._database.read(self._pause), _EVERY) or _EVERY

    def _pause(self, connection: Connection) -> float:
        now = lease_time(connection, self._clock.now())
        first = connection.execute(select(func.min(_A.c.due)).where(*_arriving())).scalar()
        return _EVERY if first is None else max(0.0, first - now)

    async def _claimed(self) -> list[Claimed]:
        """Those that are due, as far as there are places for their accounts, which are taken."""
        full = self._places.full()

        def look(connection: Connection) -> list[Any]:
            now = lease_time(connection, self._clock.now())
            due = select(_A.c.id, _A.c.account_id).where(*_arriving(), _A.c.due <= now, _A.c.account_id.not_in(full))
            return list(connection.execute(due.order_by(_A.c.due, _A.c.id).limit(_LOOK)).all())

        seen = [row for row in await self._database.read(look) if row.id not in self._running]
        left = {row.id: row.account_id for row in seen if self._places.try_take(row.account_id)}
        try:
            claimed = await self._database.change(lambda connection: self._claim(connection, list(left)))
            for one in claimed:
                del left[one.asset.id]
            return claimed
        finally:
            for account_id in left.values():
                self._places.give(account_id)

    def _claim(self, connection: Connection, ids: Sequence[int]) -> list[Claimed]:
        """Those of `ids` that nobody else has claimed."""
        now = lease_time(connection, self._clock.now())
        mine = select(_A).where(_A.c.id.in_(ids), *_arriving(), _A.c.due <= now)
        rows = connection.execute(mine.order_by(_A.c.id).with_for_update(skip_locked=True)).mappings().all()
        found = [Claimed(asset_of(row), row["url"], row["tries"] + 1) for row in rows]
        for one in found:
            values = {"tries": one.tries, "due": now + LEASE}
            connection.execute(update(_A).where(_A.c.id == one.asset.id).values(values))
        return found

    def _done(self, one: Claimed, _: asyncio.Task[None]) -> None:
        self._running.pop(one.asset.id, None)
        self._places.give(one.asset.account_id)
        self.loop.nudge()

    async def _see_to(self, one: Claimed) -> None:
        """Have it come, and commit what came of it."""
        try:
            await self._have(one)
        except GoneError:
            return
        except GatewayError as error:
            await self._fail(one, error.as_task_error())
        except (FetchError, OSError) as error:
            if one.tries < _MOST_TRIES:
                await self._later(one)
            else:
                reason = error.reason if isinstance(error, FetchError) else "it could not be stored"
                await self._fail(one, TaskError("upstream_failed", f"The file could not be had: {reason}."))
        except Exception:
            _log.exception("asset_failed", asset=one.asset.id)
            if one.tries < _MOST_TRIES:
                await self._later(one)
            else:
                await self._fail(one, TaskError("internal", "The file could not be kept."))

    async def _have(self, one: Claimed) -> None:
        """Raises GoneError, and whatever keeps it from coming."""
        asset = one.asset
        param = "file" if one.url is None else "url"
        async with await self._coming(one) as file:
            if one.url is None and asset.sha256 is not None and asset.sha256 != file.sha256:
                raise invalid(f"What came has the SHA-256 {file.sha256}, and not the one that was said.", "sha256")
            kept = await self._shelf.put(file, asset, param=param, wanted=asset.kind)
        try:
            parts = await self._database.change(lambda connection: self._keep(connection, one, kept))
        except (GoneError, GatewayError):
            await self._shelf.drop([kept.object_key, kept.poster_key])
            raise
        await self._shelf.drop(parts)

    async def _coming(self, one: Claimed) -> AbstractAsyncContextManager[Spooled]:
        asset, limits = one.asset, self._limits()
        if one.url is None:
            return self._joined(asset)
        quota = await self._database.read(lambda connection: quota_of(connection, asset.account_id, limits))
        check(quota, size=1)
        most = min(limits.asset_size, quota.most_bytes - quota.bytes)
        return self._reader.brought(one.url, "asset", most, asset.account_id)

    def _joined(self, asset: Asset) -> AbstractAsyncContextManager[Spooled]:
        """What its parts make, one after the other."""

        async def whole() -> AsyncIterator[bytes]:
            query = select(_P.c.object_key).where(_P.c.asset_id == asset.id).order_by(_P.c.number)
            for row in await self._database.rows(query):
                async with aclosing(self._shelf.storage.read(row.object_key)) as chunks:
                    async for chunk in chunks:
                        yield chunk

        return spool(whole(), self._shelf.folder, asset.bytes)

    def _keep(self, connection: Connection, one: Claimed, kept: Asset) -> list[str]:
        """Note that it is ready, and count it; where its parts lie, which are of no use any more."""
        values = {name: value for name, value in values_of(kept).items() if name not in _MINE}
        before = _end(connection, one, {**values, "updated_at": self._clock.now()})
        take(connection, kept.account_id, self._limits(), size=kept.bytes - before)
        return drop_parts(connection, kept.id)

    async def _fail(self, one: Claimed, error: TaskError) -> None:
        """Note that it never comes. Raises nothing where somebody else sees to it by now."""
        values = {"state": "failed", "bytes": 0, "error_code": error.code, "error_message": error.message}

        def fail(connection: Connection) -> list[str]:
            before = _end(connection, one, {**values, "updated_at": self._clock.now()})
            add(connection, one.asset.account_id, size=-before)
            return drop_parts(connection, one.asset.id)

        try:
            parts = await self._database.change(fail)
        except GoneError:
            return
        await self._shelf.drop(parts)

    async def _later(self, one: Claimed) -> None:
        pause = _FIRST_AGAIN * 2.0 ** (one.tries - 1)
        await self._database.change(
            lambda connection: _renew(
                connection, {one.asset.id: one.tries}, lease_time(connection, self._clock.now()) + pause
            )
        )


def drop_parts(connection: Connection, asset_id: int) -> list[str]:
    """Take the parts of a file out of the records; where they lie, to be deleted once this is committed."""
    keys = list(connection.execute(select(_P.c.object_key).where(_P.c.asset_id == asset_id)).scalars())
    if keys:
        connection.execute(delete(_P).where(_P.c.asset_id == asset_id))
    return keys


def _arriving() -> tuple[Any, ...]:
    return _A.c.due.is_not(None), _A.c.state == "processing", _A.c.deleted_at.is_(None)


def _end(connection: Connection, one: Claimed, values: dict[str, Any]) -> int:
    """Note what came of a claim; the bytes that were counted for the file before. Raises GoneError."""
    mine = (_A.c.id == one.asset.id, _A.c.tries == one.tries, *_arriving())
    before: int | None = connection.execute(select(_A.c.bytes).where(*mine).with_for_update()).scalar()
    if before is None:
        raise GoneError
    connection.execute(update(_A).where(_A.c.id == one.asset.id).values(**values, url=None, due=None))
    return before


def _renew(connection: Connection, tries: dict[int, int], due: float) -> None:
    """Have files come again at `due`, as far as nobody else has claimed them since."""
    _RENEW.run(connection, [{"b_id": number, "b_tries": tries[number], "b_due": due} for number in sorted(tries)])

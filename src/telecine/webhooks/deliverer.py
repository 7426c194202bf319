"""Sends what is due, tries again with growing pauses for 24 hours, and keeps the order of each task's news."""

from __future__ import annotations

import asyncio
from typing import Final

import msgspec
import structlog
from sqlalchemy import and_, exists, select, update
from sqlalchemy.exc import SQLAlchemyError

from telecine.clock import Clock
from telecine.net.client import Client, FetchError
from telecine.store import tables
from telecine.store.database import Database

_log = structlog.get_logger(__name__)

TRY_SECONDS: Final = 15.0
GIVE_UP_SECONDS: Final = 24 * 3600.0
_FIRST_PAUSE: Final = 5.0
_LONGEST_PAUSE: Final = 3600.0
_AT_ONCE: Final = 64
_TICK: Final = 1.0
_REPLY_BYTES: Final = 64 * 1024


class _Due(msgspec.Struct, frozen=True):
    id: int
    url: str
    body: bytes
    tries: int
    created_at: float


class Deliverer:
    """One per installation: it holds the deliveries that it is sending in memory only."""

    def __init__(self, database: Database, client: Client, clock: Clock) -> None:
        self._database = database
        self._client = client
        self._clock = clock
        self._sending: set[int] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._nudged = asyncio.Event()

    def nudge(self) -> None:
        """A delivery may have fallen due: look soon."""
        self._nudged.set()

    async def run(self) -> None:
        """Send what falls due, until cancelled."""
        while True:
            self._nudged.clear()
            try:
                await self.send_due()
            except (SQLAlchemyError, OSError):
                _log.exception("deliveries_failed")
            await self._clock.wait(self._nudged, _TICK)

    async def send_due(self) -> int:
        """Begin to send what is due now; how many."""
        due = [one for one in await self._due() if one.id not in self._sending]
        for one in due[: _AT_ONCE - len(self._sending)]:
            self._sending.add(one.id)
            task = asyncio.create_task(self._send(one), name=f"delivery {one.id}")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return len(due)

    async def settle(self) -> None:
        """Send all that is due, one after the other where order asks for it. For tests."""
        while await self.send_due() or self._tasks:
            await asyncio.wait(list(self._tasks))

    async def stop(self) -> None:
        """Let the tries under way finish; each is bounded by its time limit."""
        if self._tasks:
            await asyncio.wait(list(self._tasks))

    async def _due(self) -> list[_Due]:
        """What is due and has no unfinished elder of the same task before it."""
        now = self._clock.now()
        table, elder = tables.deliveries, tables.deliveries.alias()
        waits = exists().where(
            and_(
                elder.c.task_id == table.c.task_id,
                elder.c.url == table.c.url,
                elder.c.sequence < table.c.sequence,
                elder.c.state == "pending",
            )
        )
        columns = (table.c.id, table.c.url, table.c.body, table.c.tries, table.c.created_at)
        async with self._database.reading() as connection:
            rows = await connection.execute(
                select(*columns).where(table.c.due <= now, ~waits).order_by(table.c.due).limit(2 * _AT_ONCE)
            )
            return [_Due(*row) for row in rows.all()]

    async def _send(self, delivery: _Due) -> None:
        status: int | None = None
        reason: str | None = None
        try:
            reply = await self._client.request(
                "POST",
                delivery.url,
                headers={"content-type": "application/json; charset=utf-8"},
                body=delivery.body,
                timeout=TRY_SECONDS,
                max_bytes=_REPLY_BYTES,
            )
            status = reply.status
        except FetchError as error:
            reason = error.reason
        try:
            await self._record(delivery, status, reason)
        except (SQLAlchemyError, OSError):
            _log.exception("delivery_not_recorded", delivery=delivery.id)
        finally:
            self._sending.discard(delivery.id)
            self.nudge()

    async def _record(self, delivery: _Due, status: int | None, reason: str | None) -> None:
        now = self._clock.now()
        tries = delivery.tries + 1
        done = status is not None and 200 <= status < 300
        pause = min(_FIRST_PAUSE * 2.0 ** (tries - 1), _LONGEST_PAUSE)
        given_up = not done and now + pause > delivery.created_at + GIVE_UP_SECONDS
        async with self._database.writing() as connection:
            await connection.execute(
                update(tables.deliveries)
                .where(tables.deliveries.c.id == delivery.id)
                .values(
                    state="delivered" if done else "failed" if given_up else "pending",
                    due=None if done or given_up else now + pause,
                    tries=tries,
                    status=status,
                    reason=reason,
                    delivered_at=now if done else None,
                )
            )

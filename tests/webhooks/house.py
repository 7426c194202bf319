"""A small house with webhooks, and receivers on real sockets."""

from __future__ import annotations

import asyncio
import inspect
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Self

from aiohttp import web
from multidict import CIMultiDictProxy
from sqlalchemy import select

from telecine.net.client import Client
from telecine.net.guard import AddressPolicy
from telecine.nouns.ids import IdSource
from telecine.providers.outcomes import PollOutcome
from telecine.store import tables
from telecine.tasks.view import View
from telecine.webhooks.deliverer import Deliverer
from telecine.webhooks.delivery import PROGRESS, Message, Tidings
from telecine.webhooks.endpoints import Endpoints
from telecine.webhooks.log import DeliveryLog
from tests.clock import HandClock
from tests.records import reading
from tests.tasks.scripted import House, text_to_video

KEY = b"k" * 32


class Receiver:
    """Takes what is posted; `statuses` are answered one after the other, the last one for ever."""

    def __init__(self) -> None:
        self.bodies: list[str] = []
        self.headers: list[CIMultiDictProxy[str]] = []
        self.paths: list[str] = []
        self.statuses = [200]
        self.answer = b""
        self.retry_after: str | None = None
        self.url = ""
        self.gate: asyncio.Event | None = None
        """Where it is closed, requests wait at it before they are answered."""
        self.busiest = 0
        self._busy = 0

    @property
    def told(self) -> list[tuple[str, int]]:
        """The (type, progress) of each neutral body, as it came."""
        return [(body["type"], body["data"]["progress"]) for body in map(json.loads, self.bodies)]

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[Self]:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._take)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
        try:
            yield self
        finally:
            await runner.cleanup()

    async def _take(self, request: web.Request) -> web.Response:
        self.bodies.append(await request.text())
        self.headers.append(request.headers)
        self.paths.append(request.path)
        self._busy += 1
        self.busiest = max(self.busiest, self._busy)
        try:
            if self.gate is not None:
                await self.gate.wait()
        finally:
            self._busy -= 1
        status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        headers = {"location": "/elsewhere"} | ({"retry-after": self.retry_after} if self.retry_after else {})
        return web.Response(status=status, headers=headers, body=self.answer)


def flat(view: View, news: Tidings) -> Message | None:
    """A dialect's own body, which does not tell progress."""
    return None if news.type == PROGRESS else Message(f"{view.task.status} {view.task.progress}".encode())


def neutral(view: View, news: Tidings) -> Message:
    """Something like our own body."""
    told = {"type": news.type, "at": news.at, "data": {"progress": view.task.progress}}
    return Message(json.dumps(told).encode())


class Hooks:
    """A house of scripted providers with endpoints, a deliverer and a log, its clock moved by hand."""

    def __init__(self, folder: Path, clock: HandClock | None = None, allowed: tuple[str, ...] = ("127.0.0.0/8",)):
        self.clock = clock or HandClock(time.time())  # receivers refuse what is older than five minutes
        self.house = House(folder, clock=self.clock, announcers={"kling": flat})
        self.client = Client(AddressPolicy(allowed))
        ids = IdSource()
        self.endpoints = Endpoints(self.house.database, self.clock, ids, KEY)
        self.log = DeliveryLog(self.house.database, self.clock, ids)
        self.deliverer = Deliverer(self.house.database, self.client, self.clock, self.endpoints)
        self.house.context.neutral = neutral
        self.house.context.subscribed = self.endpoints.subscribed
        self.house.context.told = self.deliverer.nudge

    @property
    def account(self) -> int:
        return self.house.me.account_id

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[Self]:
        async with self.house.opened():
            await self.endpoints.refresh()
            try:
                yield self
            finally:
                await self.deliverer.stop(15)
                await self.client.close()

    async def run_task(self, *polls: PollOutcome, url: str | None = None, dialect: str = "tasks") -> int:
        """Make a task and move time on until it has gone through `polls`."""
        self.house.provider.polls = list(polls)
        view = await self.house.tasks.create(self.house.me, text_to_video(callback_url=url), dialect)
        await self.house.pass_time(60)
        return view.task.id

    async def states(self) -> list[tuple[str, str, int]]:
        """(type, state, tries) of every delivery, oldest first."""
        table = tables.deliveries.c
        async with reading(self.house.database) as connection:
            rows = await connection.execute(select(table.type, table.state, table.tries).order_by(table.id))
            return [tuple(row) for row in rows.all()]

    async def column(self, name: str) -> list[Any]:
        """One column of every delivery, oldest first."""
        table = tables.deliveries.c
        async with reading(self.house.database) as connection:
            return list((await connection.execute(select(table[name]).order_by(table.id))).scalars())


async def until(good: Callable[[], Any], seconds: float = 5.0) -> Any:
    """Let the loop run until `good()`, or what it promises, holds; and what that was."""
    async with asyncio.timeout(seconds):
        while True:
            found = good()
            if inspect.isawaitable(found):
                found = await found
            if found:
                return found
            await asyncio.sleep(0.01)

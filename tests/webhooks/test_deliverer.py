"""Webhooks out: at least once, in order, with growing pauses, to a receiver on a real socket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web
from sqlalchemy import select

from telecine.net.client import Client
from telecine.net.guard import AddressPolicy
from telecine.store import tables
from telecine.tasks.view import View
from telecine.webhooks.deliverer import Deliverer
from tests.tasks.scripted import DONE, House, text_to_video


class Receiver:
    """Takes what is posted; `statuses` are answered one after the other, the last one for ever."""

    def __init__(self) -> None:
        self.bodies: list[str] = []
        self.statuses = [200]
        self.url = ""

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[Receiver]:
        async def take(request: web.Request) -> web.Response:
            self.bodies.append(await request.text())
            status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
            return web.Response(status=status, headers={"location": "/elsewhere"})

        app = web.Application()
        app.router.add_route("*", "/{path:.*}", take)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        assert site._server is not None
        self.url = f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}/hook"  # type: ignore[attr-defined]
        try:
            yield self
        finally:
            await runner.cleanup()


def told(view: View) -> bytes:
    return f"{view.task.status} {view.task.progress}".encode()


@asynccontextmanager
async def running(
    tmp_path: Path, allowed: tuple[str, ...] = ("127.0.0.0/8",)
) -> AsyncIterator[tuple[House, Deliverer]]:
    house = House(tmp_path, announcers={"kling": told})
    client = Client(AddressPolicy(allowed))
    async with house.opened():
        try:
            yield house, Deliverer(house.database, client, house.clock)
        finally:
            await client.close()


async def states(house: House) -> list[tuple[str, int]]:
    async with house.database.reading() as connection:
        table = tables.deliveries.c
        rows = await connection.execute(select(table.state, table.tries).order_by(table.sequence))
        return [(state, tries) for state, tries in rows.all()]


async def finish(house: House, url: str) -> None:
    house.provider.polls = [DONE]
    await house.tasks.create(house.me, text_to_video(callback_url=url), "kling")
    await house.pass_time(30)


async def test_every_status_change_is_told_once_in_order(tmp_path: Path) -> None:
    async with running(tmp_path) as (house, deliverer), Receiver().listening() as receiver:
        await finish(house, receiver.url)
        await deliverer.settle()
        assert receiver.bodies == ["queued 0", "running 0", "succeeded 100"]
        await deliverer.settle()
        assert len(receiver.bodies) == 3


@pytest.mark.parametrize("status", [500, 404, 301])
async def test_later_news_wait_for_earlier_ones_that_were_not_taken(tmp_path: Path, status: int) -> None:
    async with running(tmp_path) as (house, deliverer), Receiver().listening() as receiver:
        receiver.statuses = [status, status, 200]
        await finish(house, receiver.url)
        await deliverer.settle()
        assert receiver.bodies == ["queued 0"]
        house.clock.advance(5)
        await deliverer.settle()
        house.clock.advance(9)
        await deliverer.settle()
        assert receiver.bodies == ["queued 0", "queued 0"]
        house.clock.advance(1)
        await deliverer.settle()
        assert receiver.bodies == ["queued 0", "queued 0", "queued 0", "running 0", "succeeded 100"]
        assert await states(house) == [("delivered", 3), ("delivered", 1), ("delivered", 1)]


async def test_given_up_after_a_day(tmp_path: Path) -> None:
    async with running(tmp_path) as (house, deliverer), Receiver().listening() as receiver:
        receiver.statuses = [503]
        await finish(house, receiver.url)
        for _ in range(40):
            await deliverer.settle()
            house.clock.advance(3600)
        assert {state for state, _ in await states(house)} == {"failed"}
        tries = len(receiver.bodies)
        await deliverer.settle()
        assert len(receiver.bodies) == tries


async def test_a_private_address_is_never_called(tmp_path: Path) -> None:
    async with running(tmp_path, allowed=()) as (house, deliverer), Receiver().listening() as receiver:
        await finish(house, receiver.url)
        await deliverer.settle()
        assert receiver.bodies == []


async def test_news_survive_a_restart(tmp_path: Path) -> None:
    async with Receiver().listening() as receiver:
        async with running(tmp_path) as (house, _):
            await finish(house, receiver.url)
        async with running(tmp_path) as (house, deliverer):
            house.clock.advance(100)
            await deliverer.settle()
            assert receiver.bodies == ["queued 0", "running 0", "succeeded 100"]


async def test_a_slow_receiver_does_not_hold_up_steps(tmp_path: Path) -> None:
    async with running(tmp_path) as (house, deliverer):
        gate = asyncio.Event()

        async def stuck(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await gate.wait()
            writer.close()

        server = await asyncio.start_server(stuck, "127.0.0.1", 0)
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        house.provider.polls = [DONE]
        view = await house.tasks.create(house.me, text_to_video(callback_url=url), "kling")
        await deliverer.send_due()
        await house.pass_time(30)
        assert (await house.tasks.get(house.me, view.task.id)).task.state == "succeeded"
        gate.set()
        await deliverer.stop()
        server.close()
        await server.wait_closed()

"""A protocol's own headers go with its webhooks, and are kept sealed until then."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from sqlalchemy import select, update

from telecine.nouns.ids import IdSource
from telecine.providers.outcomes import Running
from telecine.store import tables
from telecine.store.sealing import Seal
from telecine.tasks.view import View
from telecine.webhooks.delivery import Message, Tidings
from telecine.webhooks.endpoints import Endpoints
from telecine.webhooks.sealing import reseal
from tests.records import reading, writing
from tests.webhooks.house import KEY, Hooks, Receiver

TOKEN = "what the client gave us to know us by"


def announced(view: View, news: Tidings) -> Message | None:
    """Like a protocol that signs in a way of its own, and would like to say more than it may."""
    headers = {"X-Token": TOKEN, "Webhook-Id": "mine", "Content-Type": "text/plain"}
    return Message(f"{news.type} {view.task.progress}".encode(), headers)


class Told:
    """One running task that has been told of."""

    def __init__(self, hooks: Hooks, receiver: Receiver) -> None:
        self.hooks, self.receiver = hooks, receiver
        for context in hooks.house.contexts:
            context.announcers["kling"] = announced
            context.sealed = hooks.endpoints.sealed

    async def run(self) -> None:
        await self.hooks.run_task(Running(started=False), url=self.receiver.url, dialect="kling")

    async def kept(self) -> bytes:
        async with reading(self.hooks.house.database) as connection:
            found = (await connection.execute(select(tables.deliveries.c.headers))).scalars().all()
        (headers,) = [one for one in found if one is not None]
        return bytes(headers)


async def test_they_are_sent_beside_ours_and_never_instead_of_them(tmp_path: Path) -> None:
    async with Hooks(tmp_path).opened() as hooks, Receiver().listening() as receiver:
        told = Told(hooks, receiver)
        await told.run()
        assert TOKEN.encode() not in await told.kept()
        await hooks.deliverer.drain()
        (headers,) = receiver.headers
        assert headers["x-token"] == TOKEN
        assert headers.getall("webhook-id")[0].startswith("msg_")
        assert len(headers.getall("webhook-id")) == 1
        assert headers.getall("content-type") == ["application/json; charset=utf-8"]


async def test_what_is_sent_again_has_them_too(tmp_path: Path) -> None:
    async with Hooks(tmp_path).opened() as hooks, Receiver().listening() as receiver:
        await Told(hooks, receiver).run()
        await hooks.deliverer.drain()
        (first,), _ = await hooks.log.list(hooks.account, limit=5)
        await hooks.log.redeliver(first, None)
        await hooks.deliverer.drain()
        assert [one["x-token"] for one in receiver.headers] == [TOKEN, TOKEN]


async def test_they_are_of_one_task_and_wait_for_a_key_that_is_lost(tmp_path: Path) -> None:
    async with Hooks(tmp_path).opened() as hooks, Receiver().listening() as receiver:
        told = Told(hooks, receiver)
        await told.run()
        (delivery,), _ = await hooks.log.list(hooks.account, limit=5)
        assert hooks.endpoints.opened(delivery.headers, delivery.task_id + 1) is None
        mine = tables.deliveries.c.id == delivery.id
        for headers, heard in ((Seal(b"x" * 32).close(b"{}", delivery.task_id), 0), (delivery.headers, 1)):
            async with writing(hooks.house.database) as connection:
                await connection.execute(update(tables.deliveries).where(mine).values(headers=headers))
            await hooks.deliverer.drain()
            assert len(receiver.headers) == heard
            hooks.clock.advance(5)
        assert await hooks.column("tries") == [2]


async def test_they_are_sealed_anew_when_the_key_changes(tmp_path: Path) -> None:
    newest = b"n" * 32
    async with Hooks(tmp_path).opened() as hooks, Receiver().listening() as receiver:
        told = Told(hooks, receiver)
        await told.run()
        (delivery,), _ = await hooks.log.list(hooks.account, limit=5)
        assert await reseal(hooks.house.database, [newest, KEY]) >= 1
        assert await reseal(hooks.house.database, [newest, KEY]) == 0
        after = Endpoints(hooks.house.database, hooks.clock, IdSource(), newest)
        opened = after.opened(await told.kept(), delivery.task_id)
        assert opened is not None
        assert opened["x-token"] == TOKEN


async def test_progress_is_told_where_the_protocol_tells_it(tmp_path: Path) -> None:
    async with Hooks(tmp_path).opened() as hooks, Receiver().listening() as receiver:
        Told(hooks, receiver)
        await hooks.run_task(Running(10, started=True), Running(40, started=True), url=receiver.url, dialect="kling")
        await hooks.deliverer.drain()
        assert receiver.bodies[-1] == "task.progress 40"


@pytest.mark.parametrize("headers", [{}, {"a": "b"}])
def test_a_message_without_any_keeps_none(headers: dict[str, str]) -> None:
    seal = Endpoints.__new__(Endpoints)
    seal._seal = Seal(KEY)
    sealed = seal.sealed(headers, 7)
    assert (sealed is None) == (not headers)
    assert seal.opened(sealed, 7) == headers
    assert msgspec.json.encode(headers) not in (sealed or b"")

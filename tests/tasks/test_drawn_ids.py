"""Two processes may draw the same id in the same millisecond: whoever is second draws anew, and nobody is told."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from telecine.accounts.balances import Balances
from telecine.accounts.keys import Keys
from telecine.config import AccountConfig, KeyConfig
from telecine.nouns.ids import IdSource
from telecine.store import tables
from telecine.tasks.view import Filter
from telecine.webhooks.delivery import Message
from telecine.webhooks.endpoints import Endpoints
from telecine.webhooks.log import DeliveryLog
from tests.records import reading
from tests.tasks.scripted import DONE, SEAL, House, text_to_video

HOOK = "https://app.example/hook"


class Unlucky(IdSource):
    """Draws first what somebody else has drawn, as often as it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.taken: list[int] = []
        self.drawn: list[int] = []

    def next(self, now: float) -> int:
        self.drawn.append(self.taken.pop(0) if self.taken else super().next(now))
        return self.drawn[-1]


def unlucky(house: House) -> Unlucky:
    house.context.ids = Unlucky()
    return house.context.ids


async def ids(house: House, column: Any) -> list[int]:
    async with reading(house.database) as connection:
        return sorted((await connection.execute(select(column))).scalars())


async def count(house: House, table: Any) -> int:
    async with reading(house.database) as connection:
        return int((await connection.execute(select(func.count()).select_from(table))).scalar_one())


async def test_of_a_task(tmp_path: Path) -> None:
    async with House(tmp_path).opened() as house:
        first = await house.tasks.create(house.me, text_to_video(), "tasks")
        unlucky(house).taken = [first.task.id, first.task.id]
        second = await house.tasks.create(house.me, text_to_video(prompt="another"), "tasks")
        assert second.task.id != first.task.id
        assert second.task.request.prompt == "another"
        assert await count(house, tables.tasks) == 2


async def test_of_an_attempt_whose_handle_it_is_too(tmp_path: Path) -> None:
    async with House(tmp_path).opened() as house:
        await house.tasks.create(house.me, text_to_video(), "tasks")
        (taken,) = await ids(house, tables.attempts.c.id)
        source = unlucky(house)
        source.taken = [source.next(house.clock.now()), taken, taken]
        view = await house.tasks.create(house.me, text_to_video(), "tasks")
        assert view.task.state == "running"
        handles = [one.handle for one in house.provider.sent]
        assert len(set(handles)) == 2
        assert sorted(map(int, handles)) == await ids(house, tables.attempts.c.id)


async def test_of_webhooks(tmp_path: Path) -> None:
    async with House(tmp_path, announcers={"kling": lambda *_: Message(b"{}")}).opened() as house:
        house.provider.polls = [DONE]
        await house.tasks.create(house.me, text_to_video(callback_url=HOOK), "kling")
        taken = await ids(house, tables.deliveries.c.id)
        source = unlucky(house)
        source.taken = [source.next(house.clock.now()), *taken]  # of the task, then of its first webhook
        view = await house.tasks.create(house.me, text_to_video(callback_url=HOOK), "kling")
        assert view.task.state == "running"
        before = await count(house, tables.deliveries)
        source.taken = [*taken, *taken]  # of those of its next steps
        house.clock.advance(60)
        await house.engine.drain()
        assert await count(house, tables.deliveries) > before
        assert {view.task.status for view in (await house.tasks.list(house.me, Filter(limit=9))).views} == {"succeeded"}


async def test_of_accounts_keys_and_payments(tmp_path: Path) -> None:
    async with House(tmp_path).opened() as house:
        source = unlucky(house)
        keys = Keys(house.database, house.clock, source, SEAL)
        balances = Balances(house.database, keys, house.clock, source)
        first = await keys.account("first")
        source.taken = [first]
        assert await keys.account("second") not in (first, house.me.account_id)
        made, _ = await keys.create("one", account="first")
        source.taken = [int(made.id)]
        again, _ = await keys.create("two", account="first")
        assert again.id != made.id
        await balances.deposit("first", 100)
        source.taken = [source.drawn[-1]]
        assert (await balances.deposit("first", 20)).balance == 120
        key = KeyConfig(name="filed", key="sk-0123456789-0123456789-0123456789", account="first")
        await house.configure(accounts=[AccountConfig(name="first", balance=Decimal(1))])
        async with reading(house.database) as connection:
            entry = tables.ledger_entries.c
            ref = (await connection.execute(select(entry.ref_id).where(entry.ref_type == "config"))).scalar_one()
        source.taken = [int(ref), int(made.id)]
        await house.configure(keys=[key], accounts=[AccountConfig(name="first", balance=Decimal(2))])
        assert (await balances.read(first)).balance == 2_000_120
        assert len(await keys.list()) == 3


async def test_of_endpoints_and_what_is_sent_by_hand(tmp_path: Path) -> None:
    async with House(tmp_path).opened() as house:
        source = unlucky(house)
        endpoints = Endpoints(house.database, house.clock, source, [b"k" * 32])
        first, _ = await endpoints.create(house.me.account_id, HOOK, None)
        source.taken = [first.id]
        second, _ = await endpoints.create(house.me.account_id, HOOK, None)
        assert second.id != first.id
        log = DeliveryLog(house.database, house.clock, source)
        one = await log.test(first, {"n": "1"})
        source.taken = [one.id]
        other = await log.test(second, {"n": "2"})
        assert (other.id != one.id, other.endpoint_id) == (True, second.id)


async def test_not_for_ever(tmp_path: Path) -> None:
    async with House(tmp_path).opened() as house:
        first = await house.tasks.create(house.me, text_to_video(), "tasks")
        unlucky(house).taken = [first.task.id] * 100
        with pytest.raises(Exception, match="could not be stored"):
            await house.tasks.create(house.me, text_to_video(), "tasks")

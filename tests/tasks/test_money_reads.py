"""What is read of the books: the spending of a key, what its budgets leave, entries, margins, and the check."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from telecine.accounts.balances import Balances
from telecine.accounts.principal import Bounds, Principal
from telecine.accounts.statement import Statement
from telecine.config import AccountConfig, PriceConfig
from telecine.nouns.errors import GatewayError, TaskError
from telecine.providers.outcomes import Failed, Running
from tests.tasks.scripted import DONE, House, text_to_video

PRICE = PriceConfig("kling-v2-5-turbo", "second", Decimal("0.07"))


class Books:
    def __init__(self, house: House) -> None:
        self.house = house
        self.balances = Balances(house.database, house.keys, house.clock, house.context.ids)
        self.statement = Statement(
            house.database, self.balances, house.clock, currency="USD", prices=house.context.prices.of
        )

    async def earn(self, me: Principal) -> None:
        """Run one task to its good end, for 0.35."""
        self.house.provider.polls = [Running(), DONE]
        await self.house.tasks.create(me, text_to_video(duration=5.0), "tasks")
        await self.house.pass_time(60)


@asynccontextmanager
async def books(tmp_path: Path, **options: Any) -> AsyncIterator[Books]:
    async with House(tmp_path, prices=(PRICE,), **options).opened() as house:
        one = Books(house)
        await one.house.configure(accounts=[AccountConfig("default", Decimal(10))])
        yield one


async def key_of(one: Books, name: str) -> Principal:
    """A key of the default account."""
    info, _ = await one.house.keys.create(name)
    return replace(one.house.me, key_id=int(info.id), name=name)


async def test_a_key_answers_for_itself_and_its_account_for_all(tmp_path: Path) -> None:
    async with books(tmp_path) as one:
        mine, other = await key_of(one, "mine"), await key_of(one, "other")
        before = one.house.clock.now()
        await one.earn(mine)
        after = one.house.clock.now()
        found = await one.statement.key(mine)
        assert (found.name, found.spent, found.left, found.expires_at) == ("mine", 350_000, 9_650_000, None)
        assert (await one.statement.key(other)).spent == 0
        assert (await one.statement.key(replace(mine, key_id=None))).spent == 350_000
        assert (await one.statement.key(mine, before, after + 1)).spent == 350_000
        assert (await one.statement.key(mine, after + 1)).spent == 0
        assert (await one.statement.key(mine, None, before)).spent == 0


async def test_what_is_left_is_the_tightest_of_balance_and_budgets(tmp_path: Path) -> None:
    async with books(tmp_path) as one:
        mine = await key_of(one, "mine")
        await one.earn(mine)
        for bounds, left in (
            (Bounds(budget=1_000_000), 650_000),
            (Bounds(budget=1_000_000, monthly_budget=400_000), 50_000),
            (Bounds(monthly_budget=300_000), 0),
            (Bounds(budget=1_000_000_000), 9_650_000),
        ):
            assert (await one.statement.key(replace(mine, bounds=bounds))).left == left


async def test_a_payment_that_is_named_twice_at_once_is_booked_once(tmp_path: Path) -> None:
    async with books(tmp_path) as one:
        after = await asyncio.gather(*(one.balances.deposit("default", 5_000_000, "invoice") for _ in range(6)))
        assert {balance.balance for balance in after} == {15_000_000}
        with pytest.raises(GatewayError, match=r"'invoice' was a deposit of 5\.000000"):
            await one.balances.deposit("default", 5_000_001, "invoice")
        assert not any((await one.statement.check()).values())


async def test_margins_count_what_ended_and_what_it_cost(tmp_path: Path) -> None:
    async with books(tmp_path) as one:
        await one.earn(one.house.me)
        one.house.provider.polls = [Failed(TaskError("upstream_failed", "no"))]
        await one.house.tasks.create(one.house.me, text_to_video(duration=5.0), "tasks")
        await one.house.pass_time(60)
        (margin,) = await one.statement.margins(0.0)
        assert (margin.model, margin.tasks, margin.charged) == ("kling-v2-5-turbo", 2, "0.350000")
        assert (margin.cost_known, margin.upstream_cost, margin.margin) == (0, "0.000000", "0.350000")
        assert await one.statement.margins(one.house.clock.now() + 1) == []


async def test_entries_of_one_moment_are_paged_in_one_order(tmp_path: Path) -> None:
    async with books(tmp_path) as one:
        for number in range(7):
            await one.balances.deposit("default", 1 + number)
        account = one.house.me.account_id
        whole = (await one.statement.entries(account_id=account, limit=100)).data
        assert len(whole) == 8
        seen: list[str] = []
        after: str | None = None
        while len(seen) < 8:
            page = await one.statement.entries(account_id=account, limit=3, after=after)
            seen += [entry.id for entry in page.data]
            after = page.last_id
            assert page.has_more is (len(seen) < 8)
        assert seen == [entry.id for entry in whole]

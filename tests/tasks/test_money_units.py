"""Tokens, compute seconds and characters, from the price book to the ledger."""

from __future__ import annotations

import asyncio
import math
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from sqlalchemy import select

from telecine.config import AccountConfig, Limits, LimitsConfig, PriceConfig
from telecine.net.client import FetchError
from telecine.nouns.errors import GatewayError, TaskError
from telecine.nouns.money import Price
from telecine.nouns.task import Task, Tokens, Usage
from telecine.providers.outcomes import Failed, Finished, Running
from telecine.store import tables
from telecine.tasks.view import Filter
from tests.records import reading
from tests.tasks.scripted import DONE, House, text_to_video
from tests.tasks.test_money import Bank, bank

MODEL = "kling-v2-5-turbo"
FAMILY = (
    PriceConfig(MODEL, "million_input_tokens", Decimal(3), hold=Decimal("0.002")),
    PriceConfig(MODEL, "million_cached_tokens", Decimal("0.3")),
    PriceConfig(MODEL, "million_output_tokens", Decimal(15)),
)
HELD = 6_000 + 3_000 + 150_000  # 2,000 tokens by the line, 10,000 by default, the same
TAKEN = Tokens(input=1200, cached=105, cache_write=999, output=4000)
COST = 3_600 + 31.5 + 60_000  # cache writes have no line


async def succeeded(one: Bank, usage: Usage, **request: Any) -> Task:
    one.house.provider.polls = [Running(), replace(DONE, usage=usage)]
    view = await one.house.tasks.create(one.house.me, text_to_video(**request), "tasks")
    await one.house.pass_time(60)
    return (await one.house.tasks.get(one.house.me, view.task.id)).task


async def test_tokens_are_held_by_line_and_charged_by_their_sum(tmp_path: Path) -> None:
    async with bank(tmp_path, prices=FAMILY) as one:
        view = await one.house.tasks.create(one.house.me, text_to_video(), "tasks")
        assert (view.task.held, view.task.charged) == (HELD, None)
        assert view.task.prices == (
            Price("million_input_tokens", 3_000_000),
            Price("million_cached_tokens", 300_000),
            Price("million_output_tokens", 15_000_000),
        )
        assert await one.figures() == (1_000_000, HELD, 0)
        one.house.provider.polls = [replace(DONE, usage=Usage(tokens=TAKEN, compute_seconds=2.5))]
        await one.house.pass_time(60)
        task = (await one.house.tasks.get(one.house.me, view.task.id)).task
        assert task.usage == Usage(seconds=5.0, tokens=TAKEN, compute_seconds=2.5)
        assert task.charged == 63_632  # one rounding: 63,631.5
        assert await one.figures() == (1_000_000 - 63_632, 0, 63_632)
        assert await one.entries() == [("hold", 0, HELD), ("charge", -63_632, -HELD)]
        (listed,) = (await one.house.tasks.list(one.house.me, Filter(limit=5))).views
        assert listed.task == task


async def test_tasks_with_and_without_token_lines_share_a_batch(tmp_path: Path) -> None:
    call, free = PriceConfig("kling-v1", "call", Decimal("0.01")), PriceConfig("sora-*", "call", Decimal(0))
    async with bank(tmp_path, "10", prices=(*FAMILY, call, free)) as one:
        one.house.provider.polls = [replace(DONE, usage=Usage(tokens=TAKEN))]
        models = [MODEL, "kling-v1", "sora-2"] * 4
        made = await asyncio.gather(
            *(one.house.tasks.create(one.house.me, text_to_video(model=model), "tasks") for model in models)
        )
        assert [view.task.held for view in made] == [HELD, 10_000, 0] * 4
        await one.house.pass_time(60)
        tasks = [(await one.house.tasks.get(one.house.me, view.task.id)).task for view in made]
        assert [len(task.prices) for task in tasks] == [3, 1, 1] * 4
        assert [task.charged for task in tasks] == [63_632, 10_000, 0] * 4
        assert {task.usage for task in tasks} == {Usage(seconds=5.0, tokens=TAKEN)}
        assert await one.figures() == (10_000_000 - 4 * 73_632, 0, 4 * 73_632)


async def test_lines_of_tokens_are_columns_and_a_line_that_stands_alone_needs_none(tmp_path: Path) -> None:
    async with bank(tmp_path, prices=FAMILY[:1]) as one:
        await one.house.tasks.create(one.house.me, text_to_video(), "tasks")
        table = tables.tasks.c
        columns = select(table.price_unit, table.price_micros, table.price_input_tokens, table.price_output_tokens)
        async with reading(one.house.database) as connection:
            assert (await connection.execute(columns)).one() == (None, None, 3_000_000, None)


async def test_a_price_of_tokens_that_changes_later_does_not_touch_a_task(tmp_path: Path) -> None:
    async with bank(tmp_path, prices=FAMILY) as one:
        view = await one.house.tasks.create(one.house.me, text_to_video(), "tasks")
        one.house.context.prices = type(one.house.context.prices)(
            [replace(line, price=Decimal(99)) for line in FAMILY], one.house.context.prices._catalogue
        )
        one.house.provider.polls = [replace(DONE, usage=Usage(tokens=TAKEN))]
        await one.house.pass_time(60)
        assert (await one.house.tasks.get(one.house.me, view.task.id)).task.charged == 63_632


@pytest.mark.parametrize(
    ("usage", "charged"),
    [
        (Usage(tokens=Tokens(output=400_000)), 6_000_000),  # above the hold, and above the balance
        (Usage(tokens=Tokens()), 0),
        (Usage(), HELD),
    ],
    ids=["more than held", "none", "not reported"],
)
async def test_what_tokens_cost_in_the_end(tmp_path: Path, usage: Usage, charged: int) -> None:
    async with bank(tmp_path, prices=FAMILY) as one:
        assert (await succeeded(one, usage)).charged == charged
        assert await one.figures() == (1_000_000 - charged, 0, charged)


async def test_a_failure_costs_no_tokens(tmp_path: Path) -> None:
    async with bank(tmp_path, prices=FAMILY) as one:
        one.house.provider.polls = [Failed(TaskError("upstream_failed", "no"))]
        await one.house.tasks.create(one.house.me, text_to_video(), "tasks")
        await one.house.pass_time(60)
        assert await one.entries() == [("hold", 0, HELD), ("release", 0, -HELD)]
        assert await one.figures() == (1_000_000, 0, 0)


async def test_what_tokens_would_cost_has_to_be_covered(tmp_path: Path) -> None:
    async with bank(tmp_path, "0.158999", prices=FAMILY) as one:
        with pytest.raises(GatewayError, match=r"needs 0\.159000"):
            await one.house.tasks.create(one.house.me, text_to_video(), "tasks")
        assert await one.figures() == (158_999, 0, 0)


@pytest.mark.parametrize(("usage", "charged"), [(Usage(compute_seconds=12.3456), 3_087), (Usage(), 10_000)])
async def test_seconds_of_computing(tmp_path: Path, usage: Usage, charged: int) -> None:
    line = PriceConfig(MODEL, "compute_second", Decimal("0.00025"), hold=Decimal(40))
    async with bank(tmp_path, prices=(line,)) as one:
        task = await succeeded(one, usage)
        assert (task.held, task.charged) == (10_000, charged)
        assert await one.figures() == (1_000_000 - charged, 0, charged)


async def test_characters_of_the_prompt(tmp_path: Path) -> None:
    line = PriceConfig(MODEL, "character", Decimal("0.001"), hold=Decimal(100))
    async with bank(tmp_path, prices=(line,)) as one:
        task = await succeeded(one, Usage(), prompt="纸船 on a pond")
        assert (task.held, task.charged) == (100_000, 12_000)
        assert await one.figures() == (988_000, 0, 12_000)


async def test_tokens_stop_creates_until_they_have_left_the_window(tmp_path: Path) -> None:
    async with House(tmp_path).opened() as house:
        await house.keys.create("a", text="a" * 30, limits=Limits(token_limit="1000/minute"))
        await house.keys.create("b", text="b" * 30)
        await house.keys.create("c", text="c" * 30, account="other")
        await house.configure(accounts=[AccountConfig("default", token_limit="1500/hour")])
        a, b, c = [await house.keys.check(name * 30) for name in "abc"]
        house.provider.submits = [Finished(replace(DONE, usage=Usage(tokens=Tokens(100, 200, 300, 400, 0))))]
        await house.tasks.create(a, text_to_video(), "tasks")
        with pytest.raises(GatewayError) as caught:
            await house.tasks.create(a, text_to_video(), "tasks")
        assert caught.value.code == "rate_limited"
        assert caught.value.retry_after is not None
        assert 59 < caught.value.retry_after <= 61
        await house.tasks.create(b, text_to_video(), "tasks")  # 1000 of the account's 1500
        with pytest.raises(GatewayError, match="This account may take 1500 tokens"):
            await house.tasks.create(b, text_to_video(), "tasks")
        with pytest.raises(GatewayError, match="This account"):
            house.tasks.check(b, text_to_video())  # before media are stored, too
        await house.tasks.create(c, text_to_video(), "tasks")
        house.clock.advance(3600 + 60)
        await house.tasks.create(a, text_to_video(), "tasks")


async def test_a_create_that_is_sent_again_is_answered_above_the_limit(tmp_path: Path) -> None:
    async with House(tmp_path).opened() as house:
        await house.keys.create("a", text="a" * 30, limits=Limits(token_limit="1/hour"))
        who = await house.keys.check("a" * 30)
        house.provider.submits = [Finished(replace(DONE, usage=Usage(tokens=Tokens(1))))]
        first = await house.tasks.create(who, text_to_video(external_id="mine"), "tasks")
        again = await house.tasks.create(who, text_to_video(external_id="mine"), "tasks")
        assert again.task.id == first.task.id
        with pytest.raises(GatewayError, match="wait"):
            await house.tasks.create(who, text_to_video(external_id="other"), "tasks")


async def test_an_administrators_limit_is_not_that_of_whose_task_is_retried(tmp_path: Path) -> None:
    async with House(tmp_path, limits=LimitsConfig(first_step=1)).opened() as house:
        await house.keys.create("boss", text="a" * 30, admin=True)
        await house.keys.create("c", text="c" * 30, account="other")
        await house.configure(accounts=[AccountConfig("default", token_limit="1/hour", max_tasks_in_flight=1)])
        boss, other = [await house.keys.check(name * 30) for name in "ac"]
        house.provider.submits = [Finished(replace(DONE, usage=Usage(tokens=Tokens(500))))]
        view = await house.tasks.create(other, text_to_video(), "tasks")
        for _ in range(3):
            await house.tasks.retry(boss, view.task.id)
            await house.tasks.create(other, text_to_video(), "tasks")
        await house.tasks.create(boss, text_to_video(), "tasks")


CUT = FetchError("cut short")
FOUR = replace(DONE, outputs=tuple(replace(DONE.outputs[0], upstream_id=f"v{number}") for number in range(4)))


@pytest.mark.parametrize(
    ("told", "cuts", "charged"),
    [
        (7.5, 12, 750_000),  # the upstream's word on all four counts before what was asked for
        (None, 12, 2_000_000),  # four times the five seconds that were held
        (None, 10, 2_000_000),  # two of them stored, which is no measure of the others
        (7.5, 0, 2_000_000),  # as probed, whatever the upstream says
        (0.0, 12, 2_000_000),
        (-3.0, 12, 2_000_000),
        (math.nan, 12, 2_000_000),
        (math.inf, 12, 2_000_000),
        (20_000.0, 12, 2_000_000),  # milliseconds
        (480.0, 12, 2_000_000),  # frames
        (0.33, 12, 2_000_000),  # minutes
    ],
)
async def test_seconds_of_files_that_cannot_be_stored(
    tmp_path: Path, told: float | None, cuts: int, charged: int
) -> None:
    line = PriceConfig("any-model", "second", Decimal("0.1"))
    async with bank(tmp_path, "10", prices=(line,)) as one:
        one.house.shelf.failures = [CUT] * cuts
        one.house.provider.polls = [Running(), replace(FOUR, usage=Usage(seconds=told))]
        view = await one.house.tasks.create(
            one.house.me, text_to_video(model="any-model", duration=5.0, count=4), "tasks"
        )
        assert view.task.held == 2_000_000
        await one.house.pass_time(60)
        task = (await one.house.tasks.get(one.house.me, view.task.id)).task
        assert (task.state, task.charged) == ("succeeded", charged)
        believed = 7.5 if told == 7.5 else None
        assert (task.usage.seconds if task.usage else None) == (believed if cuts else 20.0)
        assert await one.figures() == (10_000_000 - charged, 0, charged)


async def test_seconds_that_nobody_knows_cost_what_was_held(tmp_path: Path) -> None:
    line = PriceConfig(MODEL, "second", Decimal("0.1"))
    async with bank(tmp_path, prices=(line,)) as one:
        one.house.shelf.failures = [CUT] * 3
        task = await succeeded(one, Usage())
        assert (task.held, task.charged) == (500_000, 500_000)

"""Limits of keys, accounts and channels: requests, tasks in flight, budgets, addresses, submits."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from decimal import Decimal
from pathlib import Path

import pytest

from telecine.accounts.keys import Keys
from telecine.accounts.limits import RequestLimits
from telecine.accounts.principal import Bound, Bounds, Principal
from telecine.accounts.spending import check_budget, month_of
from telecine.config import AccountConfig, ChannelConfig, KeyConfig, Limits, PriceConfig
from telecine.nouns.errors import GatewayError
from telecine.nouns.rate import Rate, Window, Windows, rate_of
from telecine.providers.outcomes import Failed, Running
from tests.clock import HandClock
from tests.tasks.scripted import SEAL, House, refusal, text_to_video

MIDNIGHT = 1_763_683_200.0  # 2025-11-21T00:00:00Z


def test_rates_are_written_as_the_library_writes_them() -> None:
    assert rate_of("600/minute") == Rate(600, 60)
    assert rate_of("10 per 2 hours") == Rate(10, 7200)
    for wrong in ("", "many", "0/minute", "-1/minute", "5/year", "5/minute;1/second"):
        with pytest.raises(ValueError, match="rate"):
            rate_of(wrong)


def test_a_window_moves() -> None:
    window, rate = Window(), Rate(2, 60)
    for moment in (0.0, 30.0):
        assert window.wait(rate, moment) == 0
        window.take(moment)
    assert window.wait(rate, 59.0) == 1.0
    assert window.wait(rate, 60.0) == 0
    assert window.remaining(rate, 60.0) == 1
    assert window.wait(Rate(1, 60), 60.0) == 30.0  # a rate that was lowered counts what is there already


def test_names_that_strangers_choose_do_not_fill_the_memory() -> None:
    windows = Windows(most=10)
    rate = Rate(5, 60)
    for number in range(1000):
        window = windows.of(number, float(number))
        window.wait(rate, float(number))
        window.take(float(number))
        assert len(windows._windows) <= 10
    assert windows.of(999, 999.0).remaining(rate, 999.0) == 4


def test_key_and_account_are_both_counted_and_the_tighter_one_is_told() -> None:
    limits = RequestLimits()
    key, account = Bounds(rate=Rate(3, 60)), Bounds(rate=Rate(4, 60))
    one, two = (Principal(1, number, "k", bounds=key, account_bounds=account) for number in (1, 2))
    told = [limits.count(one, 0.0) for _ in range(4)]
    assert [(one.limit, one.remaining) for one in told if one] == [(3, 2), (3, 1), (3, 0), (3, 0)]
    refused = told[-1]
    assert refused is not None
    assert refused.refusal is not None
    assert refused.refusal.retry_after == 60.0
    assert (last := limits.count(two, 1.0)) is not None
    assert (last.limit, last.remaining, last.refusal) == (4, 0, None)
    assert (over := limits.count(two, 2.0)) is not None
    assert over.refusal is not None
    assert over.refusal.message.startswith("This account may send 4 requests")
    assert limits.count(Principal(1, None, "free"), 0.0) is None


async def test_limits_of_a_key_are_kept_with_it(tmp_path: Path) -> None:
    async with House(tmp_path).opened() as house:
        wanted = Limits(
            rate_limit="600/minute",
            token_limit="100000/minute",
            max_tasks_in_flight=3,
            ips=("10.0.0.0/8", "2001:db8::/32"),
            budget=Decimal("20.5"),
            monthly_budget=Decimal(1),
        )
        info, text = await house.keys.create("demo", limits=wanted)
        assert info.limits.budget == Decimal("20.5")
        assert (await house.keys.list())[0].limits == info.limits
        bounds = (await house.keys.check(text)).bounds
        assert (bounds.rate, bounds.tasks, bounds.budget) == (Rate(600, 60), 3, 20_500_000)
        assert bounds.token_rate == Rate(100_000, 60)
        principal = await house.keys.check(text)
        for address, fine in (
            ("10.1.2.3", True),
            ("::ffff:10.1.2.3", True),
            ("2001:db8::7", True),
            ("11.0.0.1", False),
            ("", False),
            ("10.1.2.3:99", False),
        ):
            assert principal.may_come_from(address) is fine, address


@pytest.mark.parametrize(
    ("wrong", "param"),
    [
        (Limits(rate_limit="often"), "rate_limit"),
        (Limits(token_limit="0/minute"), "token_limit"),
        (Limits(ips=("10.0.0.1/8",)), "ips"),
        (Limits(max_tasks_in_flight=0), "max_tasks_in_flight"),
        (Limits(budget=Decimal("0.0000001")), "budget"),
        (Limits(monthly_budget=Decimal("NaN")), "monthly_budget"),
    ],
)
async def test_limits_that_cannot_be_are_refused(tmp_path: Path, wrong: Limits, param: str) -> None:
    async with House(tmp_path).opened() as house:
        with pytest.raises(GatewayError) as caught:
            await house.keys.create("demo", limits=wrong)
        assert caught.value.param == param
        assert await house.keys.list() == []


_FILM = AccountConfig(name="film", rate_limit="9/minute", token_limit="7/hour", max_tasks_in_flight=2)


async def test_the_configuration_gives_and_takes_limits(tmp_path: Path) -> None:
    async with House(tmp_path).opened() as house:
        text = "k" * 30
        said = KeyConfig(name="demo", key=text, account="film", rate_limit="5/minute")
        await house.configure(keys=[said], accounts=[_FILM])
        principal = await house.keys.check(text)
        key, account = principal.bounds, principal.account_bounds
        assert (key.rate, account.rate, key.tasks, account.tasks) == (Rate(5, 60), Rate(9, 60), None, 2)
        assert (key.token_rate, account.token_rate) == (None, Rate(7, 3600))
        await house.configure(keys=[KeyConfig(name="demo", key=text, account="film")])
        principal = await house.keys.check(text)
        assert principal.bounds == principal.account_bounds == Bounds()


async def test_the_last_place_goes_to_one_of_many(tmp_path: Path) -> None:
    """Creates that arrive together go into one transaction, and still no more than the limit are made."""
    async with House(tmp_path).opened() as house:
        house.provider.polls = [Running()]
        _, text = await house.keys.create("demo", limits=Limits(max_tasks_in_flight=3))
        principal = await house.keys.check(text)
        results = await asyncio.gather(
            *(house.tasks.create(principal, text_to_video(), "tasks") for _ in range(10)), return_exceptions=True
        )
        errors = [one for one in results if isinstance(one, GatewayError)]
        assert len(errors) == 7
        assert {(one.code, one.retry_after) for one in errors} == {("rate_limited", 10.0)}
        await house.tasks.create(house.me, text_to_video(), "tasks")  # the account has no limit


async def test_places_come_back_with_the_end_and_survive_a_restart(tmp_path: Path) -> None:
    house = House(tmp_path)
    async with house.opened():
        await house.keys.create("demo", text="k" * 30)
        await house.configure(accounts=[AccountConfig(name="default", max_tasks_in_flight=1)])
        principal = await house.keys.check("k" * 30)
        await house.tasks.create(principal, text_to_video(), "tasks")
    async with House(tmp_path, clock=house.clock).opened() as again:
        principal = await again.keys.check("k" * 30)
        with pytest.raises(GatewayError, match="This account has 1 tasks in flight"):
            await again.tasks.create(principal, text_to_video(), "tasks")
        again.provider.polls = [Failed(refusal())]
        await again.pass_time(120, 10)
        await again.tasks.create(principal, text_to_video(), "tasks")


async def test_budgets_count_what_is_held_and_what_is_charged(tmp_path: Path) -> None:
    prices = [PriceConfig(model="kling-v2-5-turbo", unit="call", price=Decimal(2))]
    clock = HandClock(MIDNIGHT)
    async with House(tmp_path, prices=prices, clock=clock).opened() as house:
        _, text = await house.keys.create(
            "demo", limits=Limits(budget=Decimal(7), monthly_budget=Decimal(5)), expires_at=clock.now() + 90 * 86400
        )
        principal = await house.keys.check(text)
        results = await asyncio.gather(
            *(house.tasks.create(principal, text_to_video(), "tasks") for _ in range(4)), return_exceptions=True
        )
        errors = [one for one in results if isinstance(one, GatewayError)]
        assert [one.code for one in errors] == ["insufficient_balance"] * 2
        assert "monthly budget of 5.000000 does not cover the job: 1.000000 are left" in errors[0].message
        house.provider.polls = [Failed(refusal())]
        await house.pass_time(120, 10)  # both are released
        await house.tasks.create(principal, text_to_video(), "tasks")


async def test_a_month_ends_and_the_whole_budget_does_not(tmp_path: Path) -> None:
    prices = [PriceConfig(model="kling-v2-5-turbo", unit="call", price=Decimal(2))]
    clock = HandClock(MIDNIGHT)
    async with House(tmp_path, prices=prices, clock=clock).opened() as house:
        _, text = await house.keys.create("demo", limits=Limits(budget=Decimal(5), monthly_budget=Decimal(2)))
        await house.tasks.create(await house.keys.check(text), text_to_video(), "tasks")
        with pytest.raises(GatewayError, match=r"This key's monthly budget of 2\.000000"):
            await house.tasks.create(await house.keys.check(text), text_to_video(), "tasks")
        clock.advance(31 * 86400)
        await house.tasks.create(await house.keys.check(text), text_to_video(), "tasks")
        clock.advance(31 * 86400)
        with pytest.raises(GatewayError, match=r"This key's budget of 5\.000000"):
            await house.tasks.create(await house.keys.check(text), text_to_video(), "tasks")


async def test_what_ends_in_the_next_month_frees_nothing_there(tmp_path: Path) -> None:
    prices = [PriceConfig(model="kling-v2-5-turbo", unit="call", price=Decimal(2))]
    clock = HandClock(MIDNIGHT + 10 * 86400 - 30)
    async with House(tmp_path, prices=prices, clock=clock).opened() as house:
        _, text = await house.keys.create("demo", limits=Limits(monthly_budget=Decimal(2)))
        house.provider.polls = [Failed(refusal())]
        made = await house.tasks.create(await house.keys.check(text), text_to_video(), "tasks")
        assert month_of(clock.now()) == 202511
        await house.pass_time(120, 10)
        assert month_of(clock.now()) == 202512
        assert (await house.tasks.get(house.me, made.task.id)).task.state == "failed"
        await house.tasks.create(await house.keys.check(text), text_to_video(), "tasks")
        with pytest.raises(GatewayError, match=r"monthly budget of 2\.000000"):
            await house.tasks.create(await house.keys.check(text), text_to_video(), "tasks")


def test_what_costs_nothing_needs_no_budget() -> None:
    bound = Bound("key", 7, Bounds(budget=1))
    assert check_budget(bound, Counter({("key", 7, None): 5}), 202511, 0) is None
    assert check_budget(bound, Counter({("key", 7, None): 1}), 202511, 1) is not None
    assert (month_of(MIDNIGHT), month_of(MIDNIGHT + 15 * 86400)) == (202511, 202512)


def limited(**limits: object) -> list[ChannelConfig]:
    return [ChannelConfig(name="main", provider="scripted", **limits)]  # type: ignore[arg-type]


async def test_tasks_wait_for_the_rate_of_their_channel(tmp_path: Path) -> None:
    clock = HandClock(MIDNIGHT)
    async with House(tmp_path, limited(rate_limit="2/minute"), clock=clock).opened() as house:
        views = [await house.tasks.create(house.me, text_to_video(), "tasks") for _ in range(5)]
        assert [view.task.state for view in views] == ["running"] * 2 + ["queued"] * 3
        sent: list[int] = []
        for _ in range(5):
            sent.append(len(house.provider.sent))
            await house.pass_time(60, 5)
        assert sent[0] == 2
        assert len(house.provider.sent) == 5
        assert max(b - a for a, b in itertools.pairwise(sent)) <= 2


async def test_a_daily_cap_survives_a_restart_and_ends_at_midnight(tmp_path: Path) -> None:
    clock = HandClock(MIDNIGHT + 86400 - 300)
    async with House(tmp_path, limited(daily_cap=2), clock=clock).opened() as house:
        for _ in range(2):
            await house.tasks.create(house.me, text_to_video(), "tasks")
    async with House(tmp_path, limited(daily_cap=2), clock=clock).opened() as house:
        view = await house.tasks.create(house.me, text_to_video(), "tasks")
        assert view.task.state == "queued"
        await house.pass_time(200, 20)
        assert house.provider.sent == []
        await house.pass_time(200, 20)
        assert len(house.provider.sent) == 1


async def test_a_task_goes_to_the_channel_that_still_may(tmp_path: Path) -> None:
    channels = [
        ChannelConfig(name="first", provider="scripted", priority=9, daily_cap=1),
        ChannelConfig(name="second", provider="scripted"),
    ]
    async with House(tmp_path, channels).opened() as house:
        views = [await house.tasks.create(house.me, text_to_video(), "tasks") for _ in range(3)]
        assert [view.task.channel for view in views] == ["first", "second", "second"]


async def test_limits_are_seen_by_other_processes_within_a_second(tmp_path: Path) -> None:
    async with House(tmp_path).opened() as house:
        await house.keys.create("demo", text="k" * 30)
        elsewhere = Keys(house.database, house.clock, house.context.ids, SEAL)
        assert (await elsewhere.check("k" * 30)).bounds == Bounds()
        await house.configure(accounts=[AccountConfig(name="default", max_tasks_in_flight=1)])
        house.clock.advance(1.01)
        assert (await elsewhere.check("k" * 30)).account_bounds.tasks == 1

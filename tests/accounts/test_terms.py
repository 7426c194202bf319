"""What bounds keys and accounts: said in the file or by an administrator, kept, changed, and effective at once."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from telecine.accounts.principal import Bounds, Principal
from telecine.accounts.terms import ChangedLimits, Changes
from telecine.config import AccountConfig, KeyConfig, Limits
from telecine.nouns.errors import GatewayError
from telecine.nouns.rate import Rate
from tests.tasks.scripted import House

TEXT = "k" * 30


def day(house: House, after: float) -> datetime:
    return datetime.fromtimestamp(house.clock.now() + after, UTC)


def who(key: Bounds = Bounds(), account: Bounds = Bounds()) -> Principal:  # noqa: B008  frozen
    return Principal(1, 2, "k", bounds=key, account_bounds=account)


def test_both_lists_of_models_have_to_admit_one_by_any_of_its_names() -> None:
    wide, narrow = Bounds(models=frozenset({"sora-2", "kling-latest"})), Bounds(models=frozenset({"kling-v3"}))
    assert who().may_use("anything")
    assert who(wide).may_use("sora-2")
    assert not who(wide, narrow).may_use("sora-2")
    assert who(wide, narrow).may_use("kling-latest", "kling-v3")
    assert who(wide, Bounds(models=frozenset({"sora-2"}))).models == frozenset({"sora-2"})
    assert who().models is None


async def test_an_account_bounds_models_and_addresses_of_all_its_keys(tmp_path: Path) -> None:
    async with House(tmp_path).opened() as house:
        await house.keys.create("a", text=TEXT, limits=Limits(ips=("10.0.0.0/8",)))
        await house.configure(accounts=[AccountConfig("default", models=("sora-2",), ips=("10.1.0.0/16",))])
        principal = await house.keys.check(TEXT)
        assert (principal.may_use("sora-2"), principal.may_use("kling-v1")) == (True, False)
        assert [principal.may_come_from(one) for one in ("10.1.2.3", "10.2.2.3", "nowhere")] == [True, False, False]


async def test_keys_and_accounts_of_the_file_expire(tmp_path: Path) -> None:
    async with House(tmp_path).opened() as house:
        key = KeyConfig("demo", TEXT, account="film", expires=day(house, 100))
        account = AccountConfig("film", expires=day(house, 50))
        await house.configure(keys=[key], accounts=[account])
        assert (await house.keys.list())[0].expires_at == house.clock.now() + 100
        await house.keys.check(TEXT)
        house.clock.advance(50)
        with pytest.raises(GatewayError, match="account of this API key has expired"):
            await house.keys.check(TEXT)
        await house.configure(keys=[key])  # a reload says the same again of the key
        await house.keys.check(TEXT)
        house.clock.advance(50)
        with pytest.raises(GatewayError, match="This API key has expired"):
            await house.keys.check(TEXT)
        await house.configure(keys=[KeyConfig("demo", TEXT, account="film")])
        await house.keys.check(TEXT)


async def test_a_key_of_the_file_that_has_expired_stops_no_start(tmp_path: Path) -> None:
    async with House(tmp_path).opened() as house:
        await house.configure(keys=[KeyConfig("demo", TEXT, expires=day(house, -100))])
        with pytest.raises(GatewayError, match="expired"):
            await house.keys.check(TEXT)


async def test_a_key_that_was_made_here_is_changed_at_once_and_the_rest_of_it_stays(tmp_path: Path) -> None:
    async with House(tmp_path).opened() as house:
        before = Limits(rate_limit="5/minute", budget=Decimal(3))
        await house.keys.create("demo", text=TEXT, models=["sora-2"], limits=before)
        await house.keys.check(TEXT)
        wanted = Changes(limits=ChangedLimits(rate_limit=None, max_tasks_in_flight=4), expires_at=9e9)
        info = await house.keys.change("demo", wanted)
        assert info.limits == Limits(budget=Decimal("3.000000"), max_tasks_in_flight=4)
        assert (info.models, info.expires_at) == (("sora-2",), 9e9)
        assert [info] == await house.keys.list()
        bounds = (await house.keys.check(TEXT)).bounds
        assert (bounds.rate, bounds.tasks, bounds.budget) == (None, 4, 3_000_000)
        await house.keys.change(info.id, Changes(models=None, expires_at=house.clock.now()))
        with pytest.raises(GatewayError, match="expired"):
            await house.keys.check(TEXT)


async def test_what_comes_from_the_file_is_changed_there(tmp_path: Path) -> None:
    async with House(tmp_path).opened() as house:
        key = KeyConfig("demo", TEXT, account="film")
        await house.configure(keys=[key], accounts=[AccountConfig("film", rate_limit="5/minute")])
        wanted = Changes(limits=ChangedLimits(rate_limit="9/minute"))
        for change, what in ((house.keys.change, "demo"), (house.keys.change_account, "film")):
            with pytest.raises(GatewayError, match="change it there") as caught:
                await change(what, wanted)
            assert caught.value.code == "conflict"
            with pytest.raises(GatewayError) as missing:
                await change("nobody", wanted)
            assert missing.value.code == "not_found"
        await house.configure(keys=[key])
        await house.keys.change_account("film", wanted)
        await house.configure(keys=[key])  # a start and a reload leave what was said here
        assert (await house.keys.check(TEXT)).account_bounds.rate == Rate(9, 60)


@pytest.mark.parametrize(
    ("wrong", "param"),
    [
        (Changes(limits=ChangedLimits(rate_limit="often")), "rate_limit"),
        (Changes(limits=ChangedLimits(budget=Decimal(-1))), "budget"),
        (Changes(limits=ChangedLimits(monthly_budget=Decimal("1e30"))), "monthly_budget"),
        (Changes(limits=ChangedLimits(budget=Decimal("1e999999"))), "budget"),
        (Changes(limits=ChangedLimits(max_tasks_in_flight=2**40)), "max_tasks_in_flight"),
        (Changes(limits=ChangedLimits(ips=("10.0.0.1/8",))), "ips"),
        (Changes(expires_at=float("inf")), "expires_at"),
        (Changes(models=("m",) * 1001), "models"),
    ],
)
async def test_what_cannot_be_changes_nothing(tmp_path: Path, wrong: Changes, param: str) -> None:
    async with House(tmp_path).opened() as house:
        await house.keys.create("demo", text=TEXT)
        before = await house.keys.list()
        for change, what in ((house.keys.change, "demo"), (house.keys.change_account, "default")):
            with pytest.raises(GatewayError) as caught:
                await change(what, wrong)
            assert caught.value.param == param
        assert await house.keys.list() == before
        assert (await house.keys.check(TEXT)).account_bounds == Bounds()

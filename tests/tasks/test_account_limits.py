"""What bounds an account bounds all its keys together, and whoever acts for it; no job outgrows the books."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path

import pytest
from msgspec.structs import replace
from sqlalchemy import select

from telecine.accounts import audit
from telecine.accounts.balances import Balances
from telecine.accounts.terms import ChangedLimits, Changes
from telecine.config import AccountConfig, Limits, PriceConfig
from telecine.nouns.errors import GatewayError
from telecine.nouns.task import Tokens, Usage
from telecine.providers.outcomes import Failed, Finished
from telecine.store import tables
from telecine.tasks.view import Filter, Owner
from tests.clock import HandClock
from tests.records import reading
from tests.tasks.scripted import DONE, House, refusal, text_to_video

MIDNIGHT = 1_763_683_200.0  # 2025-11-21T00:00:00Z
CALL = PriceConfig("kling-v2-5-turbo", "call", Decimal(2))


async def committed(house: House) -> dict[str, int]:
    """What is counted in all, by kind of owner; the books are right."""
    async with reading(house.database) as connection:
        assert await connection.run_sync(audit.check) == []
        rows = await connection.execute(select(tables.spending.c.owner, tables.spending.c.committed))
        found: dict[str, int] = {}
        for owner, amount in rows.all():
            found[owner] = found.get(owner, 0) + amount
        return found


async def test_an_accounts_budget_counts_over_all_its_keys(tmp_path: Path) -> None:
    async with House(tmp_path, prices=[CALL]).opened() as house:
        await house.keys.create("a", text="a" * 30, account="film")
        await house.keys.create("b", text="b" * 30, account="film")
        await house.configure(accounts=[AccountConfig("film", budget=Decimal(7))])
        a, b = [await house.keys.check(name * 30) for name in "ab"]
        results = await asyncio.gather(
            *(house.tasks.create(who, text_to_video(), "tasks") for who in (a, b, a, b, a)), return_exceptions=True
        )
        errors = [one for one in results if isinstance(one, GatewayError)]
        assert [one.code for one in errors] == ["insufficient_balance"] * 2
        assert "This account's budget of 7.000000 does not cover the job: 1.000000 are left" in errors[0].message
        await house.tasks.create(house.me, text_to_video(), "tasks")  # another account
        assert await committed(house) == {"key": 6_000_000, "account": 8_000_000}
        left = await Balances(house.database, house.keys, house.clock, house.context.ids).read(a.account_id)
        assert (left.balance, left.available) == (None, 1_000_000)
        house.provider.polls = [Failed(refusal())]
        await house.pass_time(120, 10)  # all are released
        await house.tasks.create(b, text_to_video(), "tasks")


async def test_a_month_ends_for_accounts_too_and_ends_count_in_the_month_of_the_hold(tmp_path: Path) -> None:
    clock = HandClock(MIDNIGHT + 10 * 86400 - 30)
    async with House(tmp_path, prices=[CALL], clock=clock).opened() as house:
        await house.keys.create("a", text="a" * 30)
        await house.configure(accounts=[AccountConfig("default", monthly_budget=Decimal(2))])
        who = await house.keys.check("a" * 30)
        house.provider.polls = [Failed(refusal())]
        await house.tasks.create(who, text_to_video(), "tasks")
        await house.pass_time(120, 10)  # it fails in December, and frees nothing there
        await house.tasks.create(who, text_to_video(), "tasks")
        with pytest.raises(GatewayError, match=r"This account's monthly budget of 2\.000000"):
            await house.tasks.create(who, text_to_video(), "tasks")


async def test_a_key_has_to_stay_within_its_own_budget_as_well(tmp_path: Path) -> None:
    async with House(tmp_path, prices=[CALL]).opened() as house:
        await house.keys.create("a", text="a" * 30, limits=Limits(budget=Decimal(2)))
        await house.keys.create("b", text="b" * 30)
        await house.configure(accounts=[AccountConfig("default", budget=Decimal(4))])
        a, b = [await house.keys.check(name * 30) for name in "ab"]
        await house.tasks.create(a, text_to_video(), "tasks")
        with pytest.raises(GatewayError, match="This key's budget"):
            await house.tasks.create(a, text_to_video(), "tasks")
        await house.tasks.create(b, text_to_video(), "tasks")
        with pytest.raises(GatewayError, match="This account's budget"):
            await house.tasks.create(b, text_to_video(), "tasks")


async def test_a_budget_that_is_changed_here_counts_what_was_spent_before(tmp_path: Path) -> None:
    async with House(tmp_path, prices=[CALL]).opened() as house:
        await house.keys.create("a", text="a" * 30)
        await house.tasks.create(await house.keys.check("a" * 30), text_to_video(), "tasks")
        await house.tasks.create(house.me, text_to_video(), "tasks")  # the command line, without a key
        await house.keys.change_account("default", Changes(limits=ChangedLimits(budget=Decimal(5))))
        with pytest.raises(GatewayError, match=r"1\.000000 are left"):
            await house.tasks.create(await house.keys.check("a" * 30), text_to_video(), "tasks")
        await house.keys.change_account("default", Changes(limits=ChangedLimits(budget=None)))
        await house.tasks.create(await house.keys.check("a" * 30), text_to_video(), "tasks")


async def test_an_administrators_retry_is_paid_by_the_owner_within_its_limits_and_by_no_key(tmp_path: Path) -> None:
    async with House(tmp_path, prices=[CALL]).opened() as house:
        await house.keys.create("boss", text="a" * 30, admin=True, limits=Limits(budget=Decimal(1)))
        await house.keys.create("film key", text="b" * 30, account="film", limits=Limits(budget=Decimal(2)))
        boss, film = [await house.keys.check(name * 30) for name in "ab"]
        house.provider.submits = [Finished(DONE)]
        made = (await house.tasks.create(film, text_to_video(), "tasks")).task
        await house.keys.change_account("film", Changes(limits=ChangedLimits(budget=Decimal(5))))
        again = (await house.tasks.retry(boss, made.id)).task  # neither key's budget would cover it
        assert (again.account_id, again.key_id, again.charged) == (film.account_id, None, 2_000_000)
        assert await committed(house) == {"key": 2_000_000, "account": 4_000_000}
        with pytest.raises(GatewayError, match="This account's budget"):
            await house.tasks.retry(boss, made.id)
        await house.keys.change_account("film", Changes(models=("sora-2",), limits=ChangedLimits(budget=None)))
        with pytest.raises(GatewayError, match="may not use the model"):
            await house.tasks.retry(boss, made.id)
        await house.keys.change_account("film", Changes(models=None, expires_at=house.clock.now()))
        with pytest.raises(GatewayError, match="The account 'film' has expired"):
            await house.tasks.retry(boss, made.id)


async def test_an_administrator_is_told_whose_tasks_are_whose(tmp_path: Path) -> None:
    async with House(tmp_path).opened() as house:
        await house.keys.create("film key", text="b" * 30, account="film")
        film = await house.keys.check("b" * 30)
        views = [await house.tasks.create(who, text_to_video(), "tasks") for who in (film, house.me)]
        assert await house.tasks.owners(film, views) == {}
        told = await house.tasks.owners(replace(house.me, admin=True), views)
        assert [told[view.task.id] for view in views] == [Owner("film", "film key"), Owner("default", None)]


async def test_a_quote_that_the_books_could_not_hold_is_refused_before_anything_is_stored(tmp_path: Path) -> None:
    absurd = PriceConfig("kling-v2-5-turbo", "second", Decimal(10**9))
    async with House(tmp_path, prices=[absurd]).opened() as house:
        with pytest.raises(GatewayError, match=r"The job would cost 5000000000\.000000") as caught:
            await house.tasks.create(house.me, text_to_video(duration=5.0), "tasks")
        assert caught.value.code == "invalid_request"
        assert (await house.tasks.list(house.me, Filter(limit=5))).views == ()
        assert await committed(house) == {}


async def test_a_charge_that_the_books_could_not_hold_is_what_was_held(tmp_path: Path) -> None:
    line = PriceConfig("kling-v2-5-turbo", "million_output_tokens", Decimal(10**9), hold=Decimal("0.001"))
    async with House(tmp_path, prices=[line]).opened() as house:
        house.provider.submits = [Finished(replace(DONE, usage=Usage(tokens=Tokens(output=2**62))))]
        task = (await house.tasks.create(house.me, text_to_video(), "tasks")).task
        assert (task.held, task.charged) == (10**12, 10**12)
        assert await committed(house) == {"account": 10**12}

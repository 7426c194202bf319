"""Sums of money stay whole numbers, whatever is asked for, and what would break them is refused."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Table, func, select, update
from sqlalchemy.exc import DBAPIError

from telecine.accounts import audit, ledger
from telecine.accounts.statement import Statement
from telecine.config import AccountConfig, PriceConfig
from telecine.nouns.errors import GatewayError
from telecine.nouns.money import MOST_MICROS, MOST_SUM
from telecine.nouns.task import Tokens, Usage
from telecine.providers.outcomes import Finished
from telecine.store import tables
from telecine.upkeep.figures import measure
from tests.records import reading, writing
from tests.tasks.scripted import DONE, text_to_video
from tests.tasks.test_money import Bank, bank

DEAREST = PriceConfig("kling-v2-5-turbo", "call", Decimal(10**9))
CHEAP = PriceConfig("kling-v1", "call", Decimal("0.01"))
HALF = MOST_SUM // 2


async def forge(one: Bank, table: Table, **values: Any) -> None:
    """Set columns of every row of `table`."""
    async with writing(one.house.database) as connection:
        await connection.execute(update(table).values(values))


async def test_nine_thousand_jobs_at_the_highest_price_leave_whole_sums(tmp_path: Path) -> None:
    async with bank(tmp_path, None) as one:
        account = one.house.me.account_id
        wanted = [ledger.Hold(account, ledger.Ref.task(number), 7, MOST_MICROS, 0.0) for number in range(9_400)]
        async with writing(one.house.database) as connection:
            refused = await connection.run_sync(ledger.hold, wanted)
        assert len(refused) == 9_400 - MOST_SUM // MOST_MICROS
        assert {error.code for error in refused.values()} == {"insufficient_balance"}
        found = await one.balance()
        assert (found.held, found.spent) == (MOST_SUM, 0)
        async with reading(one.house.database) as connection:
            sums = (await connection.execute(select(tables.spending.c.committed))).scalars().all()
            assert sums == [MOST_SUM, MOST_SUM]
            assert "sums" not in {problem.rule for problem in await connection.run_sync(audit.check)}


@pytest.mark.parametrize(("held", "spent"), [(MOST_SUM, 0), (0, MOST_SUM), (HALF, HALF)])
async def test_a_create_beyond_the_bound_is_refused_and_leaves_nothing(tmp_path: Path, held: int, spent: int) -> None:
    async with bank(tmp_path, None, prices=(DEAREST, CHEAP)) as one:
        await forge(one, tables.accounts, held=held, spent=spent - 10**15 + 10**6)
        if held < MOST_SUM:
            cheap = await one.house.tasks.create(one.house.me, text_to_video(model="kling-v1"), "tasks")
            assert cheap.task.held == 10_000
        with pytest.raises(GatewayError, match="more than 4000000000000, the most that can be counted with") as caught:
            await one.house.tasks.create(one.house.me, text_to_video(), "tasks")
        assert caught.value.code == "insufficient_balance"
        assert isinstance((await one.balance()).held, int)


@pytest.mark.parametrize("sign", [1, -1])
async def test_no_balance_grows_beyond_the_bound(tmp_path: Path, sign: int) -> None:
    async with bank(tmp_path, None) as one:
        for number in range(4):
            await one.balances.deposit("default", sign * 10**18, f"{number}")
        with pytest.raises(GatewayError, match="no balance may come to more than 4000000000000") as caught:
            await one.balances.deposit("default", sign, "more")
        assert (caught.value.code, caught.value.param) == ("invalid_request", "amount")
        with pytest.raises(GatewayError, match="no balance"):
            await one.house.configure(accounts=[AccountConfig("default", Decimal(sign * 10**12))])
        assert (await one.balance()).balance == sign * 4 * 10**18
        assert (await one.balances.deposit("default", -sign, "less")).balance == sign * (4 * 10**18 - 1)


@pytest.mark.parametrize("column", ["balance", "held", "spent"])
async def test_the_database_takes_no_sum_that_is_not_whole(tmp_path: Path, column: str) -> None:
    async with bank(tmp_path, "1") as one:
        await one.house.tasks.create(one.house.me, text_to_video(duration=5.0), "tasks")
        await forge(one, tables.accounts, **{column: 9 * 10**18})
        with pytest.raises(DBAPIError):
            await forge(one, tables.accounts, **{column: tables.accounts.c[column] + 10**18})
        with pytest.raises(DBAPIError):
            await forge(one, tables.spending, committed=tables.spending.c.committed + (2**63 - 10))


async def test_sums_over_accounts_may_be_larger_than_a_number_of_the_database(tmp_path: Path) -> None:
    async with bank(tmp_path, "1", prices=(CHEAP,)) as one:
        one.house.provider.submits = [Finished(DONE)]
        for _ in range(3):
            await one.house.tasks.create(one.house.me, text_to_video(model="kling-v1"), "tasks")
        await forge(one, tables.tasks, charged=MOST_SUM)
        statement = Statement(
            one.house.database, one.balances, one.house.clock, currency="USD", prices=one.house.context.prices.of
        )
        (margin,) = await statement.margins(0.0)
        assert margin.charged == "12000000000000.000000"


async def test_what_accounts_owe_is_counted(tmp_path: Path) -> None:
    tokens = PriceConfig("kling-v2-5-turbo", "million_output_tokens", Decimal(15))
    async with bank(tmp_path, "0.2", prices=(tokens,)) as one:
        figures = await measure(one.house.database, one.house.router, one.house.clock, tmp_path)
        assert (figures.overdrawn, figures.overdraft_micros) == (0, 0)
        usage = Usage(tokens=Tokens(output=100_000))
        one.house.provider.submits = [Finished(type(DONE)(DONE.outputs, usage))]
        await one.house.tasks.create(one.house.me, text_to_video(), "tasks")
        assert ((await one.balance()).overdraft, (await one.balance()).available) == (1_300_000, -1_300_000)
        figures = await measure(one.house.database, one.house.router, one.house.clock, tmp_path)
        assert (figures.overdrawn, figures.overdraft_micros) == (1, 1_300_000)
        async with reading(one.house.database) as connection:
            assert (await connection.execute(select(func.count()).select_from(tables.tasks))).scalar_one() == 1
        statement = Statement(
            one.house.database, one.balances, one.house.clock, currency="USD", prices=one.house.context.prices.of
        )
        page = await statement.entries(account_id=one.house.me.account_id, limit=9)
        assert {entry.kind: entry.overdraft for entry in page.data} == {
            "deposit": "0.000000",
            "hold": "0.000000",
            "charge": "1.350000",
        }
        with pytest.raises(GatewayError, match="does not cover this job"):
            await one.house.tasks.create(one.house.me, text_to_video(), "tasks")

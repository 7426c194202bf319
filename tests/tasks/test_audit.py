"""The check of the books finds what somebody has forged, and nothing in books that are right."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from msgspec.structs import replace
from sqlalchemy import text

from telecine.accounts import audit
from telecine.accounts.ledger import Hold, Ref, Settlement, hold, settle
from telecine.accounts.statement import Statement
from telecine.config import ChannelConfig, PriceConfig
from telecine.net.client import FetchError
from telecine.nouns.errors import TaskError
from telecine.providers.outcomes import Failed, Finished, Refused, Running
from tests.records import snapshot, writing
from tests.tasks.scripted import DONE, Scripted, refusal, text_to_video
from tests.tasks.test_money import PRICE, Bank, bank

TOKENS = PriceConfig("kling-v2-5-turbo", "million_input_tokens", Decimal(3))
FREE = PriceConfig("sora-2", "call", Decimal(0))
GONE = FetchError("the file answers with HTTP 404", status=404)


async def history(one: Bank) -> None:
    """In two months, a success and a failure of the account itself and of a key of it, and a free job; deposits; and at
    the end a job under way."""
    house, provider = one.house, one.house.provider
    info, _ = await house.keys.create("mine")
    mine = replace(house.me, key_id=int(info.id))
    for _ in range(2):
        for me in (house.me, mine):
            for result in (DONE, Failed(TaskError("upstream_failed", "no"))):
                provider.polls = [Running(), result]
                await house.tasks.create(me, text_to_video(duration=5.0), "tasks")
                await house.pass_time(60, 10)
        provider.polls = [Running(), DONE]
        await house.tasks.create(house.me, text_to_video(model="sora-2"), "tasks")
        await one.balances.deposit("default", 2_000_000)
        await house.pass_time(31 * 86400, 10 * 86400)
    provider.polls = [Running()]
    await house.tasks.create(mine, text_to_video(duration=10.0), "tasks")


async def problems(one: Bank) -> list[audit.Problem]:
    async with snapshot(one.house.database) as connection:
        return await connection.run_sync(audit.check)


async def test_what_is_held_for_no_task_is_held_to_the_same_rules(tmp_path: Path) -> None:
    """Holds, charges and releases of calls: counted, ended once, and clean beside those of tasks."""
    async with bank(tmp_path, "10", prices=(PRICE, FREE)) as one:
        await history(one)
        before, account = await one.figures(), one.house.me.account_id
        info, _ = await one.house.keys.create("caller")
        key = int(info.id)
        holds = [Hold(account, Ref("call", f"c-{number}"), key, 1000, 5.0) for number in range(3)]
        dear = Hold(account, Ref("call", "dear"), key, 10**12, 6.0)
        charge = Settlement(account, holds[0].ref, key, "charge", 1000, 700, 5.0, 7.0)
        release = Settlement(account, holds[1].ref, key, "release", 1000, 0, 5.0, 7.0)
        async with writing(one.house.database) as connection:
            refused = await connection.run_sync(hold, [dear, *holds])
            await connection.run_sync(settle, [charge, release])
        assert list(refused) == [dear.ref]
        balance, held, spent = before
        assert balance is not None
        assert await one.figures() == (balance - 700, held + 1000, spent + 700)
        assert await problems(one) == []
        statement = Statement(one.house.database, one.balances, one.house.clock, currency="USD", prices=lambda _: [])
        page = await statement.entries(account_id=account, limit=100)
        calls = [entry for entry in page.data if entry.id.startswith("call-")]
        assert sorted((entry.id, entry.task) for entry in calls)[0] == ("call-charge-c-0", None)
        async with writing(one.house.database) as connection:
            await connection.execute(
                text("UPDATE ledger_entries SET key_id = 7 WHERE ref_id = 'c-0' AND kind = 'charge'")
            )
            await connection.execute(text("DELETE FROM ledger_entries WHERE ref_id = 'c-1' AND kind = 'hold'"))
        found = {(problem.rule, problem.subject) for problem in await problems(one)}
        assert {("owners", "call c-0"), ("ends", "call c-1"), ("budgets", "key caller")} <= found


REFERENCES = {
    "SUCCESS": "(SELECT min(id) FROM tasks WHERE state = 'succeeded' AND charged > 0)",
    "FAILURE": "(SELECT min(id) FROM tasks WHERE state = 'failed')",
    "MINE": "(SELECT min(id) FROM tasks WHERE key_id IS NOT NULL)",
}


@pytest.mark.one_process("the books do not say who wrote them")
@pytest.mark.parametrize(
    ("forgery", "rule", "named"),
    [
        ("UPDATE spending SET committed = committed + 1 WHERE owner = 'key'", "budgets", "key mine"),
        ("UPDATE spending SET committed = committed - 1 WHERE owner = 'account'", "budgets", "account default"),
        ("DELETE FROM spending WHERE owner = 'key'", "budgets", "key mine"),
        ("UPDATE spending SET month = month + 100 WHERE owner = 'account'", "budgets", "account default"),
        ("INSERT INTO spending VALUES ('key', 7, 202601, 5)", "budgets", "key 7"),
        ("DELETE FROM ledger_entries WHERE ref_id = SUCCESS", "holds", "succeeded, but was never held"),
        ("DELETE FROM ledger_entries WHERE ref_id = FAILURE", "holds", "failed, but was never held"),
        (
            "UPDATE ledger_entries SET key_id = 7 WHERE ref_id = SUCCESS",
            "owners",
            "charge is of another account or key",
        ),
        ("UPDATE ledger_entries SET key_id = NULL WHERE ref_id = MINE", "owners", "hold is of another account or key"),
        ("UPDATE ledger_entries SET account_id = 7 WHERE ref_id = SUCCESS", "owners", "hold is of another account"),
        ("UPDATE ledger_entries SET ref_id = '7' WHERE ref_id = SUCCESS", "owners", "its charge is of no task"),
        (
            "UPDATE ledger_entries SET kind = 'charge' WHERE kind = 'release'",
            "outcomes",
            "it is failed, and was charged",
        ),
        (
            "UPDATE ledger_entries SET kind = 'release' WHERE kind = 'charge'",
            "outcomes",
            "succeeded, but was not charged",
        ),
        ("UPDATE tasks SET state = 'failed' WHERE charged > 0", "outcomes", "it is failed, and was charged"),
        ("UPDATE tasks SET state = 'cancelled' WHERE charged > 0", "outcomes", "it is cancelled, and was charged"),
        ("UPDATE tasks SET state = 'succeeded' WHERE state = 'failed'", "outcomes", "succeeded, but was not charged"),
        ("UPDATE tasks SET ended_at = 1 WHERE ended_at IS NULL", "open holds", "its hold is open"),
        ("UPDATE tasks SET charged = NULL", "charges", "it says None, its entries say 350000"),
        ("DELETE FROM ledger_entries WHERE kind = 'charge'", "charges", "it says 350000, its entries say None"),
    ],
)
async def test_what_was_forged_is_found(tmp_path: Path, forgery: str, rule: str, named: str) -> None:
    async with bank(tmp_path, "10", prices=(PRICE, FREE)) as one:
        await history(one)
        await one.house.keys.account("other")
        assert await problems(one) == []
        async with writing(one.house.database) as connection:
            await connection.execute(text("UPDATE accounts SET id = 7 WHERE name = 'other'"))
            for name, query in REFERENCES.items():
                forgery = forgery.replace(f"= {name}", f"= CAST({query} AS TEXT)")
            await connection.execute(text(forgery))
        found = [f"{problem.subject}: {problem.detail}" for problem in await problems(one) if problem.rule == rule]
        assert any(named in one for one in found), await problems(one)


async def test_tokens_have_a_price_too(tmp_path: Path) -> None:
    async with bank(
        tmp_path, "10", prices=(PriceConfig("kling-v2-5-turbo", "million_input_tokens", Decimal(3)),)
    ) as one:
        one.house.provider.submits = [Finished(DONE)]
        await one.house.tasks.create(one.house.me, text_to_video(), "tasks")
        assert await problems(one) == []
        async with writing(one.house.database) as connection:
            await connection.execute(text("DELETE FROM ledger_entries WHERE ref_type = 'task'"))
        assert "holds" in {problem.rule for problem in await problems(one)}


async def test_what_the_sandbox_makes_for_nothing_is_no_fault(tmp_path: Path) -> None:
    """A job that could have cost something, and came to run where nothing costs anything; and one without a file."""
    dear, sandbox = Scripted("dear"), Scripted("sandbox")
    dear.submits = [Refused(refusal("upstream_refused"), elsewhere=True)]
    sandbox.submits = [Finished(DONE)]
    channels = (ChannelConfig(name="a", provider="dear", priority=2), ChannelConfig(name="b", provider="sandbox"))
    async with bank(tmp_path, "10", channels=channels, providers=(dear, sandbox)) as one:
        view = await one.house.tasks.create(one.house.me, text_to_video(duration=5.0), "tasks")
        assert (view.task.state, view.task.sandbox, view.task.charged) == ("succeeded", True, 0)
        assert await one.figures() == (10_000_000, 0, 0)
        one.house.shelf.failures = [GONE] * 1000
        await one.house.tasks.create(one.house.me, text_to_video(duration=5.0), "tasks")
        await one.house.pass_time(5000, 60)
        assert await one.figures() == (10_000_000, 0, 0)


async def test_sums_that_would_not_fit_on_the_way_are_added_up_all_the_same(tmp_path: Path) -> None:
    """What came and went may be more than an integer takes; what is there is not."""
    async with bank(tmp_path, None) as one:
        for number in range(12):
            for sign in (1, -1):
                await one.balances.deposit("default", sign * 10**18, f"{number}-{sign}")
        async with writing(one.house.database) as connection:  # in the worst order
            await connection.execute(text("UPDATE ledger_entries SET ref_id = 'z' || ref_id WHERE balance_delta < 0"))
        assert await problems(one) == []

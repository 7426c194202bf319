"""Money moves in the same transaction as the state, exactly once, whatever happens."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError

from telecine.accounts import audit, ledger
from telecine.accounts.balances import Balance, Balances
from telecine.config import AccountConfig, ChannelConfig, LimitsConfig, PriceConfig
from telecine.net.client import FetchError
from telecine.nouns.errors import GatewayError, TaskError
from telecine.nouns.parameters import WorkflowParameters
from telecine.nouns.request import GenerationRequest, Native
from telecine.nouns.workflow import Workflow
from telecine.providers.outcomes import Accepted, Cancelled, Failed, Finished, NeverSent, Refused, Running, Unknown
from telecine.store import tables
from telecine.tasks.view import Filter
from tests.records import reading, writing
from tests.tasks.scripted import DONE, TRAITS, House, Scripted, refusal, text_to_video

PRICE = PriceConfig("kling-v2-5-turbo", "second", Decimal("0.07"))


class Bank:
    """A house with prices, and an account of 1.00 in it."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.balances = Balances(house.database, house.keys, house.clock, house.context.ids)

    async def balance(self) -> Balance:
        return await self.balances.read(self.house.me.account_id)

    async def figures(self) -> tuple[int | None, int, int]:
        """(balance, held, spent), once the books have been checked."""
        async with reading(self.house.database) as connection:
            assert await connection.run_sync(audit.check) == []
        found = await self.balance()
        return found.balance, found.held, found.spent

    async def entries(self) -> list[tuple[str, int, int]]:
        table = tables.ledger_entries.c
        async with reading(self.house.database) as connection:
            rows = await connection.execute(
                select(table.kind, table.balance_delta, table.held_delta).where(table.ref_type == "task")
            )
            return sorted(
                ((kind, int(balance), int(held)) for kind, balance, held in rows.all()),
                key=lambda entry: entry[0] != "hold",
            )


@asynccontextmanager
async def bank(tmp_path: Path, amount: str | None = "1", **options: Any) -> AsyncIterator[Bank]:
    async with House(tmp_path, prices=options.pop("prices", (PRICE,)), **options).opened() as house:
        one = Bank(house)
        if amount is not None:
            await one.house.configure(accounts=[AccountConfig("default", Decimal(amount))])
        yield one


async def test_hold_at_create_and_charge_at_success(tmp_path: Path) -> None:
    async with bank(tmp_path) as one:
        one.house.provider.polls = [Running(), DONE]
        view = await one.house.tasks.create(one.house.me, text_to_video(duration=5.0), "tasks")
        assert (view.task.held, view.task.charged) == (350_000, None)
        assert await one.figures() == (1_000_000, 350_000, 0)
        await one.house.pass_time(60)
        task = (await one.house.tasks.get(one.house.me, view.task.id)).task
        assert (task.state, task.charged) == ("succeeded", 350_000)
        assert await one.figures() == (650_000, 0, 350_000)
        assert await one.entries() == [("hold", 0, 350_000), ("charge", -350_000, -350_000)]


async def test_what_cannot_be_covered_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    async with bank(tmp_path, "0.34") as one:
        with pytest.raises(GatewayError) as caught:
            await one.house.tasks.create(one.house.me, text_to_video(duration=5.0), "tasks")
        assert (caught.value.code, caught.value.status) == ("insufficient_balance", 402)
        assert "0.350000" in caught.value.message
        assert await one.figures() == (340_000, 0, 0)
        assert (await one.house.tasks.list(one.house.me, Filter(limit=5))).views == ()
        assert one.house.provider.sent == []


async def test_many_at_once_never_hold_more_than_there_is(tmp_path: Path) -> None:
    async with bank(tmp_path) as one:
        results = await asyncio.gather(
            *(one.house.tasks.create(one.house.me, text_to_video(duration=5.0), "tasks") for _ in range(12)),
            return_exceptions=True,
        )
        made = [result for result in results if not isinstance(result, BaseException)]
        refused = [result for result in results if isinstance(result, GatewayError)]
        assert (len(made), len(refused)) == (2, 10)
        assert {error.code for error in refused} == {"insufficient_balance"}
        assert await one.figures() == (1_000_000, 700_000, 0)
        assert len(one.house.provider.sent) == 2


async def test_a_bad_row_in_the_batch_takes_no_hold(tmp_path: Path) -> None:
    async with bank(tmp_path) as one:
        requests = [text_to_video(duration=5.0, external_id="same", prompt=f"{number}") for number in range(4)]
        results = await asyncio.gather(
            *(one.house.tasks.create(one.house.me, request, "tasks") for request in requests), return_exceptions=True
        )
        assert sum(not isinstance(result, BaseException) for result in results) == 1
        assert await one.figures() == (1_000_000, 350_000, 0)


@pytest.mark.parametrize(
    "outcome",
    [
        Refused(refusal("content_policy")),
        Refused(refusal("upstream_refused"), elsewhere=True),
        Failed(TaskError("upstream_failed", "no")),
        "cancelled",
        "unreachable",
    ],
    ids=["refused", "refused everywhere", "failed", "cancelled", "unreachable"],
)
async def test_what_does_not_succeed_is_released(tmp_path: Path, outcome: Any) -> None:
    provider = Scripted(traits=replace(TRAITS, cancel=True))
    provider.cancels = [Cancelled()]
    limits = LimitsConfig(unreachable=30)
    async with bank(tmp_path, providers=(provider,), limits=limits) as one:
        if isinstance(outcome, Refused):
            provider.submits = [outcome]
        elif isinstance(outcome, Failed):
            provider.polls = [outcome]
        elif outcome == "unreachable":
            provider.submits = [NeverSent("no connection")]
        try:
            view = await one.house.tasks.create(one.house.me, text_to_video(duration=5.0), "tasks")
        except GatewayError:
            pass
        else:
            if outcome == "cancelled":
                await one.house.tasks.cancel(one.house.me, view.task.id)
            await one.house.pass_time(120)
        assert await one.figures() == (1_000_000, 0, 0)
        assert await one.entries() == [("hold", 0, 350_000), ("release", 0, -350_000)]


async def test_an_unknown_submit_that_is_given_up_is_released(tmp_path: Path) -> None:
    blind = Scripted(traits=replace(TRAITS, look_up=False, unique_handle=False))
    blind.submits = [Unknown("reset")]
    async with bank(tmp_path, providers=(blind,)) as one:
        with pytest.raises(GatewayError, match="may or may not"):
            await one.house.tasks.create(one.house.me, text_to_video(duration=5.0), "tasks")
        assert await one.figures() == (1_000_000, 0, 0)


async def test_a_late_success_is_charged_and_an_expired_one_released(tmp_path: Path) -> None:
    async with bank(tmp_path) as one:
        view = await one.house.tasks.create(one.house.me, text_to_video(duration=5.0), "tasks")
        await one.house.pass_time(5000, 60)
        assert (await one.house.tasks.get(one.house.me, view.task.id)).task.state == "reconciling"
        assert await one.figures() == (1_000_000, 350_000, 0)
        one.house.provider.polls = [DONE]
        await one.house.pass_time(2000, 60)
        assert await one.figures() == (650_000, 0, 350_000)

        one.house.provider.polls = [Running()]
        await one.house.tasks.create(one.house.me, text_to_video(duration=5.0), "tasks")
        await one.house.pass_time(88_000, 600)
        assert await one.figures() == (650_000, 0, 350_000)


async def test_one_charge_however_many_channels_it_took(tmp_path: Path) -> None:
    first, second = Scripted("first"), Scripted("second")
    first.submits = [Refused(refusal("upstream_refused"), elsewhere=True)]
    second.submits = [Finished(DONE)]
    channels = (ChannelConfig(name="a", provider="first", priority=2), ChannelConfig(name="b", provider="second"))
    async with bank(tmp_path, channels=channels, providers=(first, second)) as one:
        await one.house.tasks.create(one.house.me, text_to_video(duration=5.0), "tasks")
        assert await one.figures() == (650_000, 0, 350_000)
        assert len(await one.entries()) == 2


async def test_what_could_not_be_stored_is_charged_as_asked(tmp_path: Path) -> None:
    async with bank(tmp_path) as one:
        one.house.provider.submits = [Finished(DONE)]
        one.house.shelf.failures = [FetchError("cut short")] * 4
        await one.house.tasks.create(one.house.me, text_to_video(duration=5.0), "tasks")
        await one.house.pass_time(200)
        assert await one.figures() == (650_000, 0, 350_000)


async def test_without_a_balance_spending_is_recorded_and_not_limited(tmp_path: Path) -> None:
    async with bank(tmp_path, None) as one:
        one.house.provider.submits = [Finished(DONE)]
        for _ in range(5):
            await one.house.tasks.create(one.house.me, text_to_video(duration=5.0), "tasks")
        assert await one.figures() == (None, 0, 1_750_000)


async def test_a_price_that_changes_later_does_not_change_what_a_task_costs(tmp_path: Path) -> None:
    async with bank(tmp_path) as one:
        view = await one.house.tasks.create(one.house.me, text_to_video(duration=5.0), "tasks")
        one.house.context.prices = type(one.house.context.prices)(
            [replace(PRICE, price=Decimal(9))], one.house.context.prices._catalogue
        )
        one.house.provider.polls = [DONE]
        await one.house.pass_time(60)
        assert (await one.house.tasks.get(one.house.me, view.task.id)).task.charged == 350_000


async def test_models_without_a_price_where_every_model_must_have_one(tmp_path: Path) -> None:
    async with bank(tmp_path, prices=(), limits=LimitsConfig(require_price=True)) as one:
        with pytest.raises(GatewayError, match="no price"):
            await one.house.tasks.create(one.house.me, text_to_video(), "tasks")


async def test_unknown_fields_need_leave_where_money_is_limited(tmp_path: Path) -> None:
    async with bank(tmp_path) as one:
        request = text_to_video(native=Native("kling", {"turbo": b"true"}))  # type: ignore[dict-item]
        metered = replace(one.house.me, metered=True)
        with pytest.raises(GatewayError) as caught:
            await one.house.tasks.create(metered, request, "kling")
        assert (caught.value.code, caught.value.param) == ("unsupported_parameter", "turbo")
        await one.house.tasks.create(replace(metered, allow_unknown=True), text_to_video(), "kling")


async def test_inputs_that_nobody_has_declared_need_leave_too(tmp_path: Path) -> None:
    price = PriceConfig(model="50001", unit="call", price=Decimal("0.1"))
    async with bank(tmp_path, prices=(price,)) as one:
        given = WorkflowParameters({"17:Pictures.resolution": "4K"}, "50001")
        request = GenerationRequest("workflow", "50001", parameters=given)
        metered = replace(one.house.me, metered=True)
        for workflow in ((), (Workflow(web_app_id="50001", name="50001"),)):
            one.house.context.workflows.swap(workflow)
            with pytest.raises(GatewayError, match="not declared") as caught:
                await one.house.tasks.create(metered, request, "bizyair")
            assert (caught.value.code, caught.value.param) == ("unsupported_parameter", "parameters.input_values")
        await one.house.tasks.create(replace(metered, allow_unknown=True), request, "bizyair")
        await one.house.tasks.create(one.house.me, request, "bizyair")
        declared = Workflow(web_app_id="50001", name="50001", inputs=("17:Pictures.resolution",))
        one.house.context.workflows.swap([declared])
        await one.house.tasks.create(metered, request, "bizyair")


async def test_the_upstreams_cost_is_kept_beside_the_price(tmp_path: Path) -> None:
    channels = (ChannelConfig(name="main", provider="scripted", unit_cost=Decimal("0.1")),)
    async with bank(tmp_path, channels=channels) as one:
        done = replace(DONE, usage=replace(DONE.usage, units="2.5"))
        one.house.provider.submits = [Accepted("u1")]
        one.house.provider.polls = [done]
        view = await one.house.tasks.create(one.house.me, text_to_video(duration=5.0), "tasks")
        await one.house.pass_time(60)
        work = await one.house.reads.work(view.task.id)
        assert work is not None
        assert (work.current.units, work.current.cost, work.task.charged) == ("2.5", 250_000, 350_000)


async def test_deposits_of_the_file_and_by_hand(tmp_path: Path) -> None:
    async with bank(tmp_path, "1") as one:
        for amount, balance in (("1", 1_000_000), ("3", 3_000_000), ("2.5", 2_500_000)):
            await one.house.configure(accounts=[AccountConfig("default", Decimal(amount))])
            assert (await one.figures())[0] == balance
        assert (await one.balances.deposit("default", 500_000)).balance == 3_000_000
        assert (await one.balances.deposit("new", 7)).available == 7


@pytest.mark.parametrize(
    ("statement", "rule"),
    [
        ("UPDATE accounts SET balance = balance + 1", "sums"),
        ("UPDATE accounts SET held = held + 1", "sums"),
        ("UPDATE tasks SET state = 'failed'", "unsettled ends"),
        ("DELETE FROM ledger_entries WHERE kind = 'hold'", "sums"),
        ("UPDATE tasks SET charged = 5", "charges"),
    ],
)
async def test_the_checker_finds_what_is_wrong(tmp_path: Path, statement: str, rule: str) -> None:
    async with bank(tmp_path) as one:
        await one.house.tasks.create(one.house.me, text_to_video(duration=5.0), "tasks")
        async with writing(one.house.database) as connection:
            await connection.exec_driver_sql(statement)
        async with reading(one.house.database) as connection:
            assert rule in {problem.rule for problem in await connection.run_sync(audit.check)}


async def test_a_hold_that_has_ended_cannot_end_otherwise(tmp_path: Path) -> None:
    """Not even by mistake: the database refuses it, and the check would tell."""
    provider = Scripted()
    provider.polls = [Failed(refusal())]
    async with bank(tmp_path, providers=(provider,)) as one:
        view = await one.house.tasks.create(one.house.me, text_to_video(duration=5.0), "tasks")
        await one.house.pass_time(120)
        ref = ledger.Ref.task(view.task.id)
        late = ledger.Settlement(one.house.me.account_id, ref, None, "charge", 350_000, 350_000, 0.0, 1.0)
        with pytest.raises(IntegrityError):
            async with writing(one.house.database) as connection:
                await connection.run_sync(ledger.settle, [late])
        assert await one.figures() == (1_000_000, 0, 0)
        async with writing(one.house.database) as connection:
            await connection.execute(text("DROP INDEX uq_ledger_entries_end"))
            await connection.run_sync(ledger.settle, [late])
        async with reading(one.house.database) as connection:
            problems = {problem.rule: problem.detail for problem in await connection.run_sync(audit.check)}
        assert problems["ends"] == "it was held 1 times and ended 2 times, and -350000 of it is left"
        assert problems["charges"] == "it says 0, its entries say 350000"


async def test_a_hold_of_nothing_is_sound(tmp_path: Path) -> None:
    provider = Scripted()
    provider.polls = [DONE]
    free = PriceConfig("kling-v2-5-turbo", "second", Decimal(0))
    async with bank(tmp_path, prices=[free], providers=(provider,)) as one:
        view = await one.house.tasks.create(one.house.me, text_to_video(duration=5.0), "tasks")
        assert (view.task.status, await one.figures()) == ("queued", (1_000_000, 0, 0))
        await one.house.pass_time(120)
        assert await one.entries() == [("hold", 0, 0), ("charge", 0, 0)]
        assert await one.figures() == (1_000_000, 0, 0)

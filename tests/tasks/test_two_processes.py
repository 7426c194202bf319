"""Two processes on one PostgreSQL: they never wait for each other in a ring, and none takes what the other has."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar

import pytest
import structlog
from msgspec.structs import replace
from sqlalchemy import Connection, event, select, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.util import await_only

from telecine.accounts.audit import check
from telecine.clock import SystemClock
from telecine.config import AccountConfig, ChannelConfig, LimitsConfig, PriceConfig
from telecine.providers.outcomes import Accepted
from telecine.store import tables
from telecine.store.locks import NO_LOCKS, Locks
from telecine.store.pool import Pool
from telecine.tasks.writes import Mark
from telecine.tasks.writes.recovery import free_overdue_slots, set_pools, wake_lines
from tests.records import reading, writing
from tests.tasks.scripted import DONE, TRAITS, House, text_to_video

PRICES = (PriceConfig(model="kling-v2-5-turbo", unit="second", price=Decimal("0.01")),)
SOON = 5.0
"""Seconds within which a statement is done that waits for nobody."""


@pytest.fixture(autouse=True)
def on_postgres(request: pytest.FixtureRequest, database: None) -> None:
    """SQLite has one process."""
    if request.node.callspec.params["database"] != "postgres":
        pytest.skip("one process only")


@asynccontextmanager
async def pair(folder: Path, *channels: ChannelConfig, **given: Any) -> AsyncIterator[tuple[House, House]]:
    """Two houses on one database. Each has its own engine, owner and connections."""
    first, second = (
        House(folder, channels or (ChannelConfig(name="main", provider="scripted"),), **given) for _ in "ab"
    )
    async with first.opened(), second.opened():
        yield first, second


async def used(house: House) -> int:
    async with reading(house.database) as connection:
        return int((await connection.execute(select(tables.pools.c.used))).scalar_one())


async def test_a_slot_is_freed_once(tmp_path: Path) -> None:
    async with pair(tmp_path, ChannelConfig(name="main", provider="scripted", max_in_flight=5)) as (one, other):
        for number in range(3):
            await one.tasks.create(one.me, text_to_video(prompt=str(number)), "tasks")
        for _ in range(10):
            async with writing(one.database) as connection:
                await connection.execute(update(tables.attempts).values(slot_held=True, slot_until=1.0))
                await connection.execute(update(tables.pools).values(used=3))
            freed = await asyncio.gather(*(free_overdue_slots(house.database, 1e10) for house in (one, other)))
            assert sum(freed) == 3
            assert await used(one) == 0


async def test_nobody_waits_for_the_head_of_a_line_with_a_pool_in_hand(tmp_path: Path) -> None:
    """Whoever starts it has its row, and is about to ask for the pool."""
    async with pair(tmp_path, ChannelConfig(name="main", provider="scripted", max_in_flight=1)) as (one, other):
        one.provider.polls = [DONE]
        await one.tasks.create(one.me, text_to_video(prompt="1"), "tasks")
        waits = await one.tasks.create(one.me, text_to_video(prompt="2"), "tasks")
        async with writing(other.database) as connection:
            await connection.execute(
                select(tables.schedule).where(tables.schedule.c.task_id == waits.task.id).with_for_update()
            )
            one.clock.advance(60)
            await asyncio.wait_for(one.engine.drain(), SOON)
            assert await used(one) == 0
            async with writing(one.database) as mine:
                await asyncio.wait_for(mine.run_sync(set_pools, {"main": 2}), SOON)
        assert await wake_lines(one.database, one.clock.now()) == 1, "should whoever had the row have died"
        await one.engine.drain()
        found = await one.reads.task(waits.task.id)
        assert found is not None
        assert found[0].state != "queued"


async def test_a_batch_locks_in_one_order_before_it_writes(tmp_path: Path) -> None:
    channel = ChannelConfig(name="main", provider="scripted", max_in_flight=3, rate_limit="100/second")
    async with pair(tmp_path, channel, prices=PRICES) as (one, _):
        said: list[str] = []

        writer = one.database._writer
        assert isinstance(writer, Pool)

        @event.listens_for(writer.engine.sync_engine, "before_cursor_execute")
        def _(_conn: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
            said.append(statement)

        await one.configure(accounts=[AccountConfig(name="default", balance=Decimal(10))])
        one.provider.polls = [DONE]
        views = [await one.tasks.create(one.me, text_to_video(prompt=str(number)), "tasks") for number in range(3)]
        one.clock.advance(60)
        said.clear()
        await asyncio.gather(
            one.engine.drain(),
            *(one.database.write(Mark(view.task.id, one.clock.now(), cancel=True)) for view in views),
        )
        locking = [text.split(" \nFROM ")[1].split()[0] for text in said if "FOR NO KEY UPDATE" in text]
        assert set(locking) >= {"tasks", "schedule", "pools", "accounts"}
        order = ["tasks", "schedule", "pools", "channel_use", "accounts"]
        begun: list[str] = []
        for text in said:
            if "FOR NO KEY UPDATE" in text:
                table = text.split(" \nFROM ")[1].split()[0]
                begun = [] if begun and order.index(table) <= order.index(begun[-1]) and "written" in begun else begun
                assert not begun or "written" not in begun, "a batch locks before it writes"
                begun.append(table)
            elif text.startswith(("UPDATE", "INSERT INTO tasks", "DELETE")):
                begun = []


class _Collides:
    """A write that the database gives up as often as it is told to."""

    order: ClassVar[int] = 0
    key: ClassVar[None] = None
    locks: ClassVar[Locks] = NO_LOCKS

    def __init__(self, code: str, times: int) -> None:
        self.code = code
        self.left = times

    @classmethod
    def apply(cls, connection: Connection, writes: Sequence[Any], *, again: bool) -> Sequence[Any]:
        for write in writes:
            if write.left:
                write.left -= 1
                connection.exec_driver_sql(
                    f"DO $$ BEGIN RAISE EXCEPTION 'given up' USING ERRCODE = '{write.code}'; END $$"
                )
        return ["written"] * len(writes)


@pytest.mark.parametrize("code", ["40001", "40P01"])
async def test_what_the_database_gave_up_is_tried_again(tmp_path: Path, code: str) -> None:
    async with pair(tmp_path) as (one, _):
        assert await one.database.write(_Collides(code, 1)) == "written"
        both = await asyncio.gather(*(one.database.write(_Collides(code, 2)) for _ in range(2)))
        assert both == ["written", "written"]
        with pytest.raises(DBAPIError):  # but not for ever
            await one.database.write(_Collides(code, 100))
        other = _Collides("23514", 1)
        with pytest.raises(DBAPIError):
            await one.database.write(other)
        assert other.left == 0, "run once"


@pytest.mark.parametrize("slots", [None, 3])
async def test_two_engines_under_load_never_collide(
    tmp_path: Path, slots: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lives of tasks, cancels, wakes, deposits and reloads in both, with every statement late by a little."""
    chance = random.Random(1)  # noqa: S311
    execute = Connection.execute

    def late(self: Connection, *args: Any, **given: Any) -> Any:
        await_only(asyncio.sleep(chance.random() * 0.002))
        return execute(self, *args, **given)

    channel = ChannelConfig(name="main", provider="scripted", max_in_flight=slots)
    limits = LimitsConfig(first_step=1)
    names = ["one", "two"]
    with structlog.testing.capture_logs() as logs:
        async with pair(tmp_path, channel, prices=PRICES, limits=limits, clock=SystemClock()) as houses:
            accounts = [AccountConfig(name=name, max_tasks_in_flight=500) for name in names]
            await houses[0].configure(accounts=accounts)
            for house in houses:
                house.provider.traits = replace(TRAITS, poll_floor=0.05, usual=0.05)
                house.provider.submits, house.provider.polls = [Accepted("u")], [DONE]
            monkeypatch.setattr(Connection, "execute", late)
            engines = [asyncio.create_task(house.running()) for house in houses]
            made: list[int] = []

            async def live(house: House, number: int) -> None:
                me = replace(house.me, account_id=await house.keys.account(names[number % 2]))
                for turn in range(6):
                    view = await house.tasks.create(me, text_to_video(prompt=f"{number} {turn}"), "tasks")
                    made.append(view.task.id)
                    other = houses[turn % 2]
                    mark = Mark(chance.choice(made[-20:]), other.clock.now(), cancel=turn % 3 == 0)
                    await other.database.write(mark)

            async def reload(house: House) -> None:
                for _ in range(6):
                    async with writing(house.database) as connection:
                        await connection.run_sync(set_pools, {"main": slots} if slots else {})
                    await house.configure(accounts=accounts)
                    await free_overdue_slots(house.database, house.clock.now())

            await asyncio.gather(
                *(live(house, number) for house in houses for number in range(8)), *(reload(house) for house in houses)
            )
            for engine in engines:
                engine.cancel()
            await asyncio.gather(*engines, return_exceptions=True)
            monkeypatch.setattr(Connection, "execute", execute)
            async with reading(houses[0].database) as connection:
                assert await connection.run_sync(check) == []
            assert len(made) == 96
    assert [entry for entry in logs if entry["event"] in ("transaction_collided", "commit_failed", "step_failed")] == []

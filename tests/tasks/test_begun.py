"""A task whose channel has room is made and begun in one transaction, and answered from memory."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from telecine.accounts.principal import Principal
from telecine.config import AccountConfig, ChannelConfig, PriceConfig
from telecine.nouns.errors import GatewayError, TaskError
from telecine.providers.outcomes import Finished, Refused
from telecine.tasks.view import Filter
from telecine.tasks.writes import Create, Start
from tests.tasks.scripted import DONE, House, text_to_video

ONE_SLOT = ChannelConfig(name="main", provider="scripted", max_in_flight=1)


def spied(house: House, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Every write, as it comes."""
    seen: list[Any] = []
    write = house.database.write

    async def spy(one: Any) -> Any:
        seen.append(one)
        return await write(one)

    monkeypatch.setattr(house.database, "write", spy)
    return seen


async def test_what_has_room_is_begun_where_it_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with House(tmp_path, (ONE_SLOT,)).opened() as house:
        writes = spied(house, monkeypatch)
        begun = await house.tasks.create(house.me, text_to_video(), "tasks")
        waits = await house.tasks.create(house.me, text_to_video(), "tasks")
        assert (begun.task.state, waits.task.state) == ("running", "queued")
        assert [type(one).__name__ for one in writes] == ["Create", "Step", "Create"]
        assert [event["type"] for event in await house.timeline(begun.task.id)] == [
            "queued", "submitting", "running",
        ]  # fmt: skip
        assert [event["type"] for event in await house.timeline(waits.task.id)] == ["queued"]
        assert (await house.tasks.places([waits]))[waits.task.id].position == 1
        for view in (begun, waits):
            assert (await house.tasks.get(house.me, view.task.id)).task == view.task, "as the records have it"
        house.provider.polls = [DONE]
        await house.pass_time(60)
        assert {one.task.state for one in (await house.tasks.list(house.me, Filter(limit=9))).views} == {"succeeded"}
        assert len(house.provider.sent) == 2


async def test_the_answer_is_what_the_records_say(tmp_path: Path) -> None:
    async with House(tmp_path).opened() as house:
        house.provider.submits = [Refused(TaskError("content_policy", "no")), Finished(DONE, "u1")]
        with pytest.raises(GatewayError, match="no"):
            await house.tasks.create(house.me, text_to_video(), "tasks")
        view = await house.tasks.create(house.me, text_to_video(), "tasks")
        found = await house.tasks.get(house.me, view.task.id)
        assert (found.task, found.outputs) == (view.task, view.outputs)
        assert len(view.outputs) == 1
    assert house.context.awaited == {}


async def test_a_new_task_does_not_overtake_those_in_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with House(tmp_path, (ONE_SLOT,)).opened() as house:
        await house.tasks.create(house.me, text_to_video(), "tasks")
        second = await house.tasks.create(house.me, text_to_video(), "tasks")
        house.provider.polls = [DONE]
        house.clock.advance(60)
        coming, release = asyncio.Event(), asyncio.Event()
        write = house.database.write

        async def held(one: Any) -> Any:  # the slot is free, and whoever stands in line has not come yet
            if isinstance(one, Start):
                coming.set()
                await release.wait()
            return await write(one)

        monkeypatch.setattr(house.database, "write", held)
        draining = asyncio.create_task(house.engine.drain())
        await coming.wait()
        third = await house.tasks.create(house.me, text_to_video(), "tasks")
        assert third.task.state == "queued"
        assert len(house.provider.sent) == 1
        release.set()
        await draining
        await house.pass_time(60)
        assert [int(one.handle) for one in house.provider.sent] == sorted(
            int(one.handle) for one in house.provider.sent
        )
        assert {one.task.state for one in (await house.tasks.list(house.me, Filter(limit=9))).views} == {"succeeded"}
        assert second.task.id < third.task.id


async def test_a_caller_that_goes_away_ends_only_the_wait(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with House(tmp_path).opened() as house:
        committed, go_on = asyncio.Event(), asyncio.Event()
        write = house.database.write

        async def slow(one: Any) -> Any:
            found = await write(one)
            if isinstance(one, Create):
                committed.set()
                await go_on.wait()
            return found

        monkeypatch.setattr(house.database, "write", slow)
        creating = asyncio.create_task(house.tasks.create(house.me, text_to_video(), "tasks"))
        await committed.wait()
        creating.cancel()
        with pytest.raises(asyncio.CancelledError):
            await creating
        (view,) = (await house.tasks.list(house.me, Filter(limit=9))).views
        with house.context.watch.watching(view.task.id) as changed:
            go_on.set()
            await changed.wait()
        (view,) = (await house.tasks.list(house.me, Filter(limit=9))).views
        assert view.task.state == "running"
        assert len(house.provider.sent) == 1


async def test_who_is_refused_gives_the_probe_and_the_place_back(tmp_path: Path) -> None:
    prices = (PriceConfig(model="kling-v2-5-turbo", unit="call", price=Decimal(1)),)
    async with House(tmp_path, prices=prices).opened() as house:
        await house.configure(accounts=[AccountConfig("poor", balance=Decimal("0.5"))])
        poor = Principal(await house.keys.account("poor"), None, "poor", metered=True)
        house.trouble("main", 1.0)
        house.clock.advance(2.0)
        assert house.router.circuit("main").state == "half_open"
        with pytest.raises(GatewayError) as raised:
            await house.tasks.create(poor, text_to_video(), "tasks")
        assert raised.value.code == "insufficient_balance"
        assert house.router.circuit("main").pause() == 0.0, "the next may be the probe"
        assert not any(shares.copy().full() for shares in house.engine.steps.of.values())
        assert (await house.tasks.create(house.me, text_to_video(), "tasks")).task.state == "running"

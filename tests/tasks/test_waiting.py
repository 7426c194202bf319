"""What a client sees of waiting: the end of a task, a place in line, what a wish to cancel came to; and lists."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from sqlalchemy import Connection, insert

from telecine.config import ChannelConfig
from telecine.nouns.errors import GatewayError
from telecine.nouns.task import Task
from telecine.providers.outcomes import Accepted, Cancelled, Failed, Unknown, Unreadable
from telecine.store import tables
from telecine.tasks.reads import FARTHEST
from telecine.tasks.view import Filter, Place
from telecine.tasks.watch import Watch
from tests.clock import FastClock, HandClock
from tests.records import writing
from tests.tasks.scripted import DONE, TRAITS, House, Scripted, refusal, text_to_video

ONE_SLOT = (ChannelConfig(name="main", provider="scripted", max_in_flight=1),)


async def test_a_watch_wakes_those_who_watch_the_task() -> None:
    watch, clock = Watch(), FastClock(1, 0)
    one, other = asyncio.create_task(watch.wait(1, 5, clock)), asyncio.create_task(watch.wait(2, 0.05, clock))
    await asyncio.sleep(0)
    watch.changed(1)
    watch.changed(3)
    assert await one is True
    assert await other is False
    with watch.watching(1) as first, watch.watching(1) as second:
        watch.changed(1)
        assert first.is_set()
        assert second.is_set()
    assert watch._waiters == {}


class StillClock(HandClock):
    """Waits for the event alone, so that only a wake ends the wait."""

    async def wait(self, event: asyncio.Event, seconds: float) -> None:
        await asyncio.wait_for(event.wait(), 20)


class DeafClock(HandClock):
    """Hears no wake; its second is short."""

    async def wait(self, event: asyncio.Event, seconds: float) -> None:
        await asyncio.sleep(seconds / 100)


@pytest.mark.one_process("it waits to be told by the process that it asks")
async def test_a_wait_ends_with_the_task(tmp_path: Path) -> None:
    async with House(tmp_path, clock=StillClock()).opened() as house:
        view = await house.tasks.create(house.me, text_to_video(), "tasks")
        waiting = asyncio.create_task(house.tasks.wait(house.me, view.task.id, 60))
        await house.pass_time(5)
        assert not waiting.done()
        house.provider.polls = [DONE]
        await house.pass_time(30)
        done = await asyncio.wait_for(waiting, 20)
        assert (done.task.state, len(done.outputs)) == ("succeeded", 1)
        assert await house.tasks.wait(house.me, view.task.id, 60) == done


async def test_a_wait_ends_when_its_time_is_over(tmp_path: Path) -> None:
    async with House(tmp_path).opened() as house:
        view = await house.tasks.create(house.me, text_to_video(), "tasks")
        began = house.clock.now()
        assert (await house.tasks.wait(house.me, view.task.id, 0)).task.state == "running"
        assert house.clock.now() == began
        assert (await house.tasks.wait(house.me, view.task.id, 30.5)).task.state == "running"
        assert house.clock.now() == pytest.approx(began + 30.5)


async def test_the_end_in_another_process_is_seen_too(tmp_path: Path) -> None:
    async with House(tmp_path).opened() as one, House(tmp_path, clock=DeafClock()).opened() as two:
        view = await one.tasks.create(one.me, text_to_video(), "tasks")
        waiting = asyncio.create_task(two.tasks.wait(two.me, view.task.id, 60))
        await asyncio.sleep(0.05)
        assert not waiting.done()
        one.provider.polls = [DONE]
        await one.pass_time(30)
        assert (await asyncio.wait_for(waiting, 20)).task.state == "succeeded"


async def test_waiting_for_a_task_that_is_deleted_or_not_ones_own_is_not_found(tmp_path: Path) -> None:
    async with House(tmp_path, clock=StillClock()).opened() as house:
        view = await house.tasks.create(house.me, text_to_video(), "tasks")
        other = replace(house.me, account_id=await house.keys.account("other"))
        for call in (house.tasks.wait(other, view.task.id, 60), house.tasks.retry(other, view.task.id)):
            with pytest.raises(GatewayError, match="no such task"):
                await call
        waiting = asyncio.create_task(house.tasks.wait(house.me, view.task.id, 60))
        await asyncio.sleep(0.05)
        await house.tasks.delete(house.me, view.task.id)
        with pytest.raises(GatewayError, match="no such task"):
            await waiting


async def test_those_in_line_know_their_place(tmp_path: Path) -> None:
    async with House(tmp_path, ONE_SLOT).opened() as house:
        views = []
        for _ in range(4):
            views.append(await house.tasks.create(house.me, text_to_video(), "tasks"))
            house.clock.advance(0.01)
        ids = [view.task.id for view in views]
        assert await house.tasks.places(views) == {one: Place(n, 20 * n) for n, one in enumerate(ids) if n}
        for _ in range(3):
            house.context.pace.learn("scripted", "kling-v2-5-turbo", 60.0)
        assert await house.tasks.places(views[2:]) == {ids[2]: Place(2, 120), ids[3]: Place(3, 180)}
        await house.tasks.cancel(house.me, ids[1])
        views = [await house.tasks.get(house.me, one) for one in ids]
        assert await house.tasks.places(views) == {ids[2]: Place(1, 60), ids[3]: Place(2, 120)}


async def crowd(house: House, number: int, first: int = 0) -> None:
    """As many stand in line behind everybody, the ids of their tasks one after the other."""
    row = {"account_id": 0, "kind": "submit", "rank": 0, "pool": "main", "weight": 1, "woken": False}
    rows = [{"task_id": (1 << 62) + first + one, **row} for one in range(number)]
    async with writing(house.database) as connection:
        await connection.execute(insert(tables.schedule), rows)


async def test_places_are_counted_only_so_far(tmp_path: Path) -> None:
    async with House(tmp_path, ONE_SLOT).opened() as house:
        await crowd(house, FARTHEST + 5)
        wanted = [(1 << 62) + one for one in (0, 998, 999, 1000, 1004)]
        found = await house.reads.positions(wanted)
        assert [found[one] for one in wanted] == [("main", n) for n in (1, 999, 1000, 1000, 1000)]


async def test_a_place_costs_the_same_in_a_long_line(tmp_path: Path) -> None:
    """Counted in instructions of the database's machine, so that a busy computer changes nothing."""
    async with House(tmp_path, ONE_SLOT).opened() as house:
        if not house.database.sqlite:
            pytest.skip("its machine counts nothing")
        steps = 0

        def counted() -> None:
            nonlocal steps
            steps += 1

        def count(connection: Connection) -> None:
            raw: Any = connection.connection.driver_connection
            raw.set_progress_handler(counted, 100)

        await house.database.read(count)  # such reads have one connection
        costs: list[tuple[int, int]] = []
        for more, reach in ((1000, 900), (49_000, 45_000)):
            await crowd(house, more, 1000 if costs else 0)
            wanted = [(1 << 62) + reach + one for one in range(20)]
            steps = 0
            await house.reads.positions(wanted[:1])
            single = steps
            steps = 0
            await house.reads.positions(wanted)
            costs.append((single, steps))
        (short, short_list), (long, long_list) = costs
        assert short > 0
        assert long < 1.2 * short
        assert long_list < 1.2 * short_list
        assert short_list < 2 * short, "twenty share one look at their line"


async def test_lines_of_two_pools_are_two_lines(tmp_path: Path) -> None:
    channels = (
        ChannelConfig(name="a", provider="scripted", max_in_flight=1, models=("kling-v1",)),
        ChannelConfig(name="b", provider="scripted", max_in_flight=1, models=("kling-v2-5-turbo",)),
    )
    async with House(tmp_path, channels).opened() as house:
        models = ("kling-v1", "kling-v2-5-turbo") * 2
        views = [await house.tasks.create(house.me, text_to_video(model=model), "tasks") for model in models]
        assert await house.tasks.places(views) == {view.task.id: Place(1, 20) for view in views[2:]}


async def test_cancelling_says_what_came_of_it(tmp_path: Path) -> None:
    able, unable = Scripted("able", replace(TRAITS, cancel=True)), Scripted("unable")
    channels = (
        ChannelConfig(name="a", provider="able", max_in_flight=3, models=("kling-v1",)),
        ChannelConfig(name="b", provider="unable", models=("kling-v2-5-turbo",)),
    )
    able.submits = unable.submits = [Accepted("u1")]
    async with House(tmp_path, channels, (able, unable)).opened() as house:

        async def cancel(task: Task) -> tuple[str | None, str]:
            view = await house.tasks.cancel(house.me, task.id)
            return view.cancellation, view.task.state

        async def delete(task: Task) -> str | None:
            return (await house.tasks.delete(house.me, task.id)).cancellation

        async def made(model: str) -> Task:
            return (await house.tasks.create(house.me, text_to_video(model=model), "tasks")).task

        asked, marked, gone = await made("kling-v1"), await made("kling-v2-5-turbo"), await made("kling-v1")
        unsure = [Unknown("reset")]
        able.submits, able.look_ups = list(unsure), list(able.look_ups)
        unknown = await made("kling-v1")
        waiting = await made("kling-v1")
        assert await cancel(waiting) == ("cancelled", "cancelled")
        assert await cancel(waiting) == ("cancelled", "cancelled")
        able.cancels = [Unreadable("busy")]
        assert await cancel(asked) == ("requested_upstream", "running")
        assert await delete(asked) == "requested_upstream"
        assert await cancel(marked) == ("marked", "running")
        assert await delete(await made("kling-v2-5-turbo")) == "marked"
        assert (await cancel(unknown))[0] == "marked"  # nothing can be asked about what was never accepted
        able.cancels = [Cancelled()]
        assert await cancel(gone) == ("cancelled", "cancelled")
        unable.polls = [Failed(refusal("upstream_failed"))]
        await house.pass_time(60)
        assert await cancel(marked) == ("cancelled", "cancelled")
        assert await delete(marked) is None
        able.submits = [Accepted("u2")]
        assert await delete(await made("kling-v1")) == "cancelled"


async def test_an_upstream_that_cannot_stop_a_job_is_asked_once(tmp_path: Path) -> None:
    able = Scripted(traits=replace(TRAITS, cancel=True))
    async with House(tmp_path, providers=(able,)).opened() as house:
        view = await house.tasks.create(house.me, text_to_video(), "tasks")
        view = await house.tasks.cancel(house.me, view.task.id)
        assert (view.cancellation, view.task.state) == ("marked", "running")
        assert view.task.cancel_refused
        await house.pass_time(300)
        assert len(able.asked_to_stop) == 1
        assert len(able.polled) > 3
        able.polls = [DONE]
        await house.pass_time(60)
        assert (await house.tasks.get(house.me, view.task.id)).task.state == "succeeded"


async def test_an_adapter_that_breaks_on_a_cancel_still_polls(tmp_path: Path) -> None:
    able = Scripted(traits=replace(TRAITS, cancel=True))
    able.cancels = [RuntimeError("boom")]
    async with House(tmp_path, providers=(able,)).opened() as house:
        view = await house.tasks.create(house.me, text_to_video(), "tasks")
        await house.tasks.cancel(house.me, view.task.id)
        able.polls = [DONE]
        await house.pass_time(60)
        assert (await house.tasks.get(house.me, view.task.id)).task.state == "succeeded"


async def test_cancelling_what_has_ended_changes_nothing(tmp_path: Path) -> None:
    async with House(tmp_path).opened() as house:
        house.provider.polls = [DONE]
        view = await house.tasks.create(house.me, text_to_video(), "tasks")
        await house.pass_time(60)
        done = await house.tasks.get(house.me, view.task.id)
        assert await house.tasks.cancel(house.me, view.task.id) == done
        assert (await house.tasks.get(house.me, view.task.id)).task.cancel_requested_at is None


async def test_lists_by_key_and_time(tmp_path: Path) -> None:
    async with House(tmp_path).opened() as house:
        first, _ = await house.keys.create("first", source="admin")
        second, _ = await house.keys.create("second", source="admin")
        made = []
        for key in (first, second, first):
            me = replace(house.me, key_id=int(key.id))
            made.append((await house.tasks.create(me, text_to_video(), "tasks")).task)
            house.clock.advance(10)

        async def listed(**wanted: object) -> list[int]:
            page = await house.tasks.list(house.me, Filter(limit=10, ascending=True, **wanted))  # type: ignore[arg-type]
            return [made.index(view.task) if view.task in made else -1 for view in page.views]

        assert await listed(key="first") == [0, 2]
        assert await listed(key=str(second.id)) == [1]
        assert await listed(key="third") == []
        assert await listed(created_after=made[0].created_at) == [1, 2]
        assert await listed(created_before=made[2].created_at, key="first") == [0]
        assert await listed(created_after=made[2].created_at) == []

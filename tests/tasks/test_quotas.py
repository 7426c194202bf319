"""Lines for the rate and the daily cap of a channel: how much is sent, who goes first, who is called."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import pytest
from sqlalchemy import select

from telecine.clock import Clock
from telecine.config import ChannelConfig
from telecine.providers.outcomes import Finished, Refused
from telecine.store import tables
from telecine.tasks.view import Place, View
from telecine.tasks.writes import Start
from telecine.tasks.writes.recovery import set_pools, wake_lines
from telecine.upkeep.doctor import findings
from telecine.upkeep.figures import measure
from tests.clock import HandClock
from tests.records import reading, writing
from tests.tasks.scripted import DONE, House, Scripted, refusal, text_to_video
from tests.tasks.test_use import most_in_a_window

pytestmark = pytest.mark.one_process("its lines are followed from claim to claim; one test here has two of its own")

MIDNIGHT = 20_414 * 86400.0


class Upstream(Scripted):
    """Finishes every job at once, and notes when it came."""

    def __init__(self, clock: Clock, name: str = "scripted") -> None:
        super().__init__(name)
        self._clock = clock
        self.submits = [self._finish]
        self.times: list[float] = []

    async def _finish(self) -> Finished:
        self.times.append(self._clock.now())
        return Finished(DONE)


def house_of(folder: Path, now: float = MIDNIGHT, **limits: object) -> tuple[House, Upstream]:
    clock = HandClock(now)
    channel = ChannelConfig(name="main", provider="scripted", **limits)  # type: ignore[arg-type]
    upstream = Upstream(clock)
    return House(folder, (channel,), (upstream,), clock=clock), upstream


async def made(house: House, number: int) -> list[View]:
    """Tasks, one after the other."""
    views = []
    for _ in range(number):
        views.append(await house.tasks.create(house.me, text_to_video(), "tasks"))
        house.clock.advance(0.002)  # ids are in the order of their milliseconds
    return views


async def pass_to(house: House, end: float) -> None:
    """Move time on from one due step to the next."""
    while True:
        await house.engine.drain()
        _, upcoming = await house.engine.claim()
        await house.engine.drain()
        if upcoming is None or upcoming > end:
            house.clock.set(max(end, house.clock.now()))
            await house.engine.drain()
            return
        house.clock.set(max(upcoming, house.clock.now()))


async def states(house: House, views: Sequence[View]) -> str:
    """`s` for each task that has succeeded, `q` for each that waits."""
    return "".join([(await house.tasks.get(house.me, view.task.id)).task.state[0] for view in views])


def spied(house: House, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The tasks that look for a channel, as they do."""
    looks: list[int] = []
    write = house.database.write

    async def spy(one: object) -> object:
        if isinstance(one, Start):
            looks.append(one.key)
        return await write(one)  # type: ignore[arg-type]

    monkeypatch.setattr(house.database, "write", spy)
    return looks


@pytest.mark.parametrize(("amount", "periods"), [(1, 30), (3, 10), (10, 5)])
async def test_a_line_gets_all_of_its_rate_in_order(tmp_path: Path, amount: int, periods: int) -> None:
    house, upstream = house_of(tmp_path, rate_limit=f"{amount}/minute")
    async with house.opened():
        views = await made(house, amount * periods + 2)
        for period in range(1, periods + 1):
            await pass_to(house, MIDNIGHT + 60 * period)
            done = len(upstream.times)
            assert await states(house, views) == "s" * done + "q" * (len(views) - done)
        assert most_in_a_window(upstream.times, 60) == amount
        assert 0.95 * amount * periods <= len(upstream.times) <= amount * periods


async def test_those_in_line_know_their_place_and_their_turn(tmp_path: Path) -> None:
    house, upstream = house_of(tmp_path, rate_limit="2/minute")
    async with house.opened():
        views = await made(house, 7)
        waiting = [view.task.id for view in views[2:]]
        told = await house.tasks.places(views)
        assert [told[one].position for one in waiting] == [1, 2, 3, 4, 5]
        assert [told[one].estimated_seconds for one in waiting] == [61, 61, 122, 122, 183]
        await pass_to(house, MIDNIGHT + 61)
        assert len(upstream.times) == 4
        told = await house.tasks.places([await house.tasks.get(house.me, view.task.id) for view in views])
        assert told == {waiting[2]: Place(1, 61), waiting[3]: Place(2, 61), waiting[4]: Place(3, 122)}


async def test_as_many_are_called_as_there_is_room_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    house, upstream = house_of(tmp_path, rate_limit="3/minute")
    async with house.opened():
        await made(house, 30)
        looks = spied(house, monkeypatch)
        await pass_to(house, MIDNIGHT + 5 * 60)
        assert len(upstream.times) == 15
        assert len(looks) == 12


async def test_nobody_overtakes_those_in_line(tmp_path: Path) -> None:
    house, upstream = house_of(tmp_path, rate_limit="1/minute")
    async with house.opened():
        first, second = await made(house, 2)
        house.clock.advance(70)  # there is room, and nobody has come yet
        (late,) = await made(house, 1)
        assert late.task.state == "queued"
        await house.engine.drain()
        assert await states(house, [first, second, late]) == "ssq"
        assert len(upstream.times) == 2


async def test_a_higher_priority_goes_first(tmp_path: Path) -> None:
    house, _ = house_of(tmp_path, rate_limit="1/minute")
    async with house.opened():
        views = await made(house, 2)
        async with writing(house.database) as connection:  # as a key with a higher priority would make it
            task = tables.tasks.c.id == views[1].task.id
            await connection.execute(tables.tasks.update().where(task).values(priority=-1))
            row = tables.schedule.c.task_id == views[1].task.id
            await connection.execute(tables.schedule.update().where(row).values(rank=1))
        views += await made(house, 1)
        assert {one: place.position for one, place in (await house.tasks.places(views)).items()} == {
            views[2].task.id: 1,
            views[1].task.id: 2,
        }
        await pass_to(house, MIDNIGHT + 70)
        assert await states(house, views) == "sqs"


async def test_a_daily_cap_has_a_line_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    house, upstream = house_of(tmp_path, MIDNIGHT - 1000, daily_cap=2)
    async with house.opened():
        views = await made(house, 7)
        told = await house.tasks.places(views)
        assert [told[view.task.id] for view in views[2:]] == [
            Place(1, 1000),
            Place(2, 1000),
            Place(3, 1000 + 86400),
            Place(4, 1000 + 86400),
            Place(5, 1000 + 2 * 86400),
        ]
        looks = spied(house, monkeypatch)
        await pass_to(house, MIDNIGHT - 1)
        assert (len(upstream.times), looks) == (2, [])
        await pass_to(house, MIDNIGHT)
        assert await states(house, views) == "ssssqqq"
        assert len(looks) == 2
        await pass_to(house, MIDNIGHT + 86400)
        assert await states(house, views) == "ssssssq"


async def test_use_and_line_survive_a_restart(tmp_path: Path) -> None:
    house, _ = house_of(tmp_path, rate_limit="2/minute")
    async with house.opened():
        views = await made(house, 6)
    house, upstream = house_of(tmp_path, MIDNIGHT + 30, rate_limit="2/minute")
    async with house.opened():
        assert {place.position for place in (await house.tasks.places(views)).values()} == {1, 2, 3, 4}
        (late,) = await made(house, 1)
        await house.engine.drain()
        assert upstream.times == []
        assert (await house.tasks.places([late]))[late.task.id].position == 5
        await pass_to(house, MIDNIGHT + 62)
        assert await states(house, [*views, late]) == "ssssqqq"
        await pass_to(house, MIDNIGHT + 200)
        assert await states(house, [*views, late]) == "sssssss"


async def test_a_restart_after_the_time_lets_nobody_overtake(tmp_path: Path) -> None:
    house, _ = house_of(tmp_path, rate_limit="1/minute")
    async with house.opened():
        views = await made(house, 3)
    house, _ = house_of(tmp_path, MIDNIGHT + 100, rate_limit="1/minute")
    async with house.opened():
        views += await made(house, 1)
        await house.engine.drain()
        assert await states(house, views) == "ssqq"


async def test_a_rate_that_is_lifted_lets_all_go(tmp_path: Path) -> None:
    house, _ = house_of(tmp_path, rate_limit="1/minute")
    async with house.opened():
        views = await made(house, 3)
    house, _ = house_of(tmp_path, MIDNIGHT + 5)
    async with house.opened():
        await house.engine.drain()
        assert await states(house, views) == "sss"
        async with writing(house.database) as connection:
            await connection.run_sync(set_pools, {})
        assert await house.tasks.places(views) == {}


async def test_when_the_one_who_was_called_is_gone_the_next_is(tmp_path: Path) -> None:
    house, _ = house_of(tmp_path, rate_limit="1/minute")
    async with house.opened():
        first, gone, next_one = await made(house, 3)
        assert await wake_lines(house.database, house.clock.now()) == 0
        await house.tasks.cancel(house.me, gone.task.id)
        await house.engine.drain()
        assert await wake_lines(house.database, house.clock.now()) == 1
        await house.engine.drain()
        assert (await house.tasks.places([next_one]))[next_one.task.id].position == 1
        assert await wake_lines(house.database, house.clock.now()) == 0
        await pass_to(house, MIDNIGHT + 62)
        assert await states(house, [first, gone, next_one]) == "scs"


async def test_one_who_finds_its_pool_full_makes_way_for_the_next(tmp_path: Path) -> None:
    clock = HandClock(MIDNIGHT)
    slow, fast = Scripted("slow"), Upstream(clock, "fast")
    channels = (
        ChannelConfig(name="a", provider="slow", models=("kling-v1",), max_in_flight=1),
        ChannelConfig(name="b", provider="fast", models=("kling-v2-5-turbo",), rate_limit="1/minute", max_in_flight=1),
    )
    async with House(tmp_path, channels, (slow, fast), clock=clock).opened() as house:
        # A slot of `b` is taken by a job that goes on; those behind wait for the pool, and use up no rate.
        fast.submits = [*slow.submits, fast.submits[0]]
        views = await made(house, 3)
        assert [(await house.reads.positions([view.task.id])).get(view.task.id) for view in views] == [
            None,
            ("quota:b", 1),
            ("quota:b", 2),
        ]
        await pass_to(house, MIDNIGHT + 65)
        assert (await house.reads.positions([views[1].task.id]))[views[1].task.id] == ("b", 1)
        assert (await house.reads.positions([views[2].task.id]))[views[2].task.id] == ("b", 2)
        fast.polls = [DONE]
        await pass_to(house, MIDNIGHT + 120)
        assert len(fast.times) == 1
        await pass_to(house, MIDNIGHT + 240)
        assert await states(house, views) == "sss"
        assert most_in_a_window(fast.times, 60) == 1


async def test_a_task_uses_the_channel_that_is_free_and_waits_for_the_soonest(tmp_path: Path) -> None:
    clock = HandClock(MIDNIGHT)
    channels = (
        ChannelConfig(name="first", provider="scripted", priority=9, daily_cap=1),
        ChannelConfig(name="second", provider="scripted", priority=5, rate_limit="1/minute"),
        ChannelConfig(name="third", provider="scripted", rate_limit="2/minute"),
    )
    upstream = Upstream(clock)
    async with House(tmp_path, channels, (upstream,), clock=clock).opened() as house:
        views = await made(house, 6)
        assert await states(house, views) == "ssssqq"
        found = await house.reads.positions([view.task.id for view in views[4:]])
        assert found == {views[4].task.id: ("quota:second", 1), views[5].task.id: ("quota:second", 2)}
        await pass_to(house, MIDNIGHT + 95)
        assert await states(house, views) == "ssssss", "the second in line has looked at the others"


async def test_two_channels_give_both_their_rates(tmp_path: Path) -> None:
    clock = HandClock(MIDNIGHT)
    one, two = Upstream(clock, "one"), Upstream(clock, "two")
    channels = (
        ChannelConfig(name="a", provider="one", rate_limit="3/minute"),
        ChannelConfig(name="b", provider="two", rate_limit="2/minute"),
    )
    async with House(tmp_path, channels, (one, two), clock=clock).opened() as house:
        await made(house, 30)
        await pass_to(house, MIDNIGHT + 300)
        assert (most_in_a_window(one.times, 60), most_in_a_window(two.times, 60)) == (3, 2)
        assert len(one.times) >= 0.9 * 15
        assert len(two.times) >= 0.9 * 10


async def test_a_refusal_elsewhere_leaves_the_line_in_order(tmp_path: Path) -> None:
    house, upstream = house_of(tmp_path, rate_limit="1/minute")
    async with house.opened():
        upstream.submits = [Refused(refusal("capacity"), capacity=True, retry_after=5.0), *upstream.submits]
        views = await made(house, 3)
        await pass_to(house, MIDNIGHT + 240)
        assert await states(house, views) == "sss"
        assert len(upstream.sent) == 4
        assert all(b - a >= 60 for a, b in pairwise(upstream.times))


async def test_two_processes_share_one_rate(tmp_path: Path) -> None:
    clock = HandClock(MIDNIGHT)
    channel = ChannelConfig(name="main", provider="scripted", rate_limit="5/minute")
    upstream = Upstream(clock)
    async with (
        House(tmp_path, (channel,), (upstream,), clock=clock).opened() as one,
        House(tmp_path, (channel,), (upstream,), clock=clock).opened() as two,
    ):
        await asyncio.gather(*(made(house, 10) for house in (one, two)))
        for _ in range(150):
            clock.advance(1)
            await asyncio.gather(one.engine.drain(), two.engine.drain())
        assert most_in_a_window(upstream.times, 60) == 5
        assert len(upstream.times) == 15


async def test_the_doctor_and_the_figures_name_the_line(tmp_path: Path) -> None:
    house, _ = house_of(tmp_path, MIDNIGHT - 8000, daily_cap=1)
    async with house.opened():
        await made(house, 4)
        house.clock.advance(7200)
        figures = await measure(house.database, house.router, house.clock, tmp_path)
        assert figures.lines == {}
        assert list(figures.quotas) == ["main"]
        assert figures.quotas["main"].number == 3
        (found,) = (one for one in findings(figures) if one.name == "line")
        assert found.level == "warning"
        assert "3 task(s) wait for the rate_limit or daily_cap of 'main', the first for 2" in found.what
        async with reading(house.database) as connection:
            (use,) = (await connection.execute(select(tables.channel_use))).all()
        assert (use.channel, use.today, use.marks) == ("main", 1, b"[]")

"""A channel that moves, or goes, while jobs run there: nobody else is asked about them, nothing is paid twice."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from telecine.config import ChannelConfig, Config, PriceConfig
from telecine.nouns.request import Reference
from telecine.nouns.task import Task
from telecine.providers.base import Channel, Job, MediaReader, Submission
from telecine.providers.outcomes import (
    Accepted,
    Found,
    LookUpOutcome,
    NotFound,
    PollOutcome,
    Running,
    SubmitOutcome,
    Succeeded,
    Unknown,
)
from telecine.upkeep.doctor import findings
from telecine.upkeep.figures import measure
from tests.clock import HandClock
from tests.tasks.scripted import DONE, House, Scripted, text_to_video

OLD = ChannelConfig(name="main", provider="scripted", base_url="https://old.example", api_key="of-the-old")
NEW = replace(OLD, base_url="https://new.example", api_key="of-the-new")
PRICE = PriceConfig("*", "call", Decimal("0.5"))


class Upstreams(Scripted):
    """Notes who was asked what, with which credential."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[tuple[str, str, str | None]] = []

    async def submit(self, channel: Channel, submission: Submission, media: MediaReader) -> SubmitOutcome:
        self.asked.append(("submit", channel.base_url, channel.api_key))
        return await super().submit(channel, submission, media)

    async def poll(self, channel: Channel, job: Job) -> PollOutcome:
        self.asked.append(("poll", channel.base_url, channel.api_key))
        return await super().poll(channel, job)

    async def look_up(self, channel: Channel, job: Job) -> LookUpOutcome:
        self.asked.append(("look_up", channel.base_url, channel.api_key))
        return await super().look_up(channel, job)


@pytest.fixture
def upstreams() -> Upstreams:
    return Upstreams()


def house(folder: Path, upstreams: Upstreams, *channels: ChannelConfig, clock: HandClock | None = None) -> House:
    return House(folder, channels, [upstreams], prices=[PRICE], clock=clock)


async def state(house: House, task: Task) -> Task:
    found = await house.reads.task(task.id)
    assert found is not None
    return found[0]


async def make(house: House) -> Task:
    return (await house.tasks.create(house.me, text_to_video(), "tasks")).task


async def test_an_unknown_submit_is_cleared_up_where_it_was_sent(tmp_path: Path, upstreams: Upstreams) -> None:
    upstreams.submits = [Unknown("reset"), Accepted("u1")]
    upstreams.look_ups = [NotFound()]
    upstreams.polls = [DONE]
    async with house(tmp_path, upstreams, OLD).opened() as one:
        task = await make(one)
        one.reload(Config(channels=(NEW,)))
        await one.pass_time(200)
        assert (await state(one, task)).charged == 500_000
        assert {(where, key) for _, where, key in upstreams.asked} == {("https://old.example", "of-the-old")}
        assert [verb for verb, *_ in upstreams.asked].count("submit") == 2
        upstreams.asked.clear()
        await make(one)
        assert upstreams.asked[0] == ("submit", "https://new.example", "of-the-new")


async def test_a_running_job_is_collected_where_it_runs(tmp_path: Path, upstreams: Upstreams) -> None:
    upstreams.polls = [Running()]
    async with house(tmp_path, upstreams, OLD).opened() as one:
        task = await make(one)
        await one.pass_time(30)
        one.reload(Config(channels=(replace(OLD, api_key="rotated"),)))
        one.reload(Config(channels=(NEW,)))
        upstreams.asked.clear()
        await one.pass_time(30)
        upstreams.polls = [DONE]
        await one.pass_time(60)
        assert (await state(one, task)).state == "succeeded"
        assert (await state(one, task)).charged == 500_000
        assert set(upstreams.asked) == {("poll", "https://old.example", "rotated")}


@pytest.mark.parametrize("unknown", [True, False])
async def test_after_a_start_nobody_else_is_asked_until_the_channel_is_back(
    tmp_path: Path, upstreams: Upstreams, unknown: bool
) -> None:
    clock = HandClock()
    upstreams.submits = [Unknown("reset")] if unknown else [Accepted("u1")]
    upstreams.look_ups, upstreams.polls = [NotFound()], [NotFound()]
    async with house(tmp_path, upstreams, OLD, clock=clock).opened() as one:
        task = await make(one)
    upstreams.asked.clear()
    async with house(tmp_path, upstreams, NEW, clock=clock).opened() as one:
        await one.pass_time(3 * 3600, 60)
        assert upstreams.asked == []
        assert (await state(one, task)).state == ("reconciling" if unknown else "running")
        assert (await one.tasks.cancel(one.me, task.id)).cancellation == "marked"
        figures = await measure(one.database, one.router, clock, tmp_path)
        assert figures.abroad.stranded == {"main": 1}
        (wrong,) = [found for found in findings(figures) if found.name == "channel"]
        assert (wrong.level, "draining = true" in wrong.do) == ("bad", True)
    back = replace(OLD, draining=True)
    upstreams.look_ups, upstreams.polls = [Found("u1", DONE)], [DONE]
    async with house(tmp_path, upstreams, back, replace(NEW, name="next"), clock=clock).opened() as one:
        figures = await measure(one.database, one.router, clock, tmp_path)
        assert (figures.abroad.stranded, figures.abroad.draining) == ({}, {"main": 1})
        await one.pass_time(300, 10)
        assert (await state(one, task)).charged == 500_000
        assert {where for _, where, _ in upstreams.asked} == {"https://old.example"}
        figures = await measure(one.database, one.router, clock, tmp_path)
        assert figures.abroad.draining == {"main": 0}
        await make(one)
        assert upstreams.asked[-1][1] == "https://new.example"


async def test_files_that_are_still_to_be_fetched_count_too(tmp_path: Path, upstreams: Upstreams) -> None:
    clock = HandClock()
    upstreams.polls = [DONE]
    async with house(tmp_path, upstreams, OLD, clock=clock).opened() as one:
        task = await make(one)
        one.shelf.failures = [OSError("the disk is full")] * 99  # type: ignore[list-item]
        await one.pass_time(30)
        assert (await state(one, task)).state == "succeeded"
    async with house(tmp_path, upstreams, NEW, clock=clock).opened() as one:
        figures = await measure(one.database, one.router, clock, tmp_path)
        assert (figures.outputs_pending, figures.abroad.stranded) == (1, {"main": 1})


async def test_a_follow_up_stays_where_its_source_was_made(tmp_path: Path, upstreams: Upstreams) -> None:
    upstreams.polls = [Succeeded(DONE.outputs)]
    async with house(tmp_path, upstreams, OLD).opened() as one:
        task = await make(one)
        await one.pass_time(30)
        one.reload(Config(channels=(NEW,)))
        request: Any = text_to_video(operation="remix", model="sora-2", source=Reference(task=task.id))
        with pytest.raises(Exception, match="no longer configured"):
            await one.tasks.create(one.me, request, "tasks")
        one.reload(Config(channels=(replace(OLD, api_key="rotated"),)))
        await one.tasks.create(one.me, request, "tasks")
        assert upstreams.asked[-1] == ("submit", "https://old.example", "rotated")

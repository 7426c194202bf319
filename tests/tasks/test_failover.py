"""A job that failed at its upstream is tried on another channel, for the same hold."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from telecine.accounts import audit
from telecine.config import ChannelConfig, Config, LimitsConfig, PriceConfig
from telecine.nouns.errors import TaskError
from telecine.nouns.request import Reference
from telecine.nouns.task import Task
from telecine.providers.outcomes import Accepted, Failed, Found, Refused, Running, Unknown
from telecine.store import tables
from telecine.tasks.view import View
from telecine.webhooks.delivery import PROGRESS, Message, Tidings
from tests.clock import HandClock
from tests.records import reading
from tests.tasks.scripted import DONE, House, Scripted, refusal, text_to_video

BROKEN = Failed(TaskError("upstream_failed", "a GPU caught fire"))
PRICE = PriceConfig("*", "second", Decimal("0.07"))
HELD, CHARGED, RELEASED = ("hold", 350_000), ("charge", -350_000), ("release", -350_000)


def channels(*ones: ChannelConfig) -> Config:
    return Config(channels=ones)


class Pair:
    """Two channels, a before b; a's job runs for a while and then fails."""

    def __init__(self, tmp_path: Path, failovers: int = 1, names: Sequence[str] = ("a", "b"), **options: Any) -> None:
        self.providers = tuple(Scripted(f"at-{name}") for name in names)
        for number, provider in enumerate(self.providers):
            provider.submits = [Accepted(f"u{number}")]
            provider.polls = [DONE]
        self.providers[0].polls = [Running(progress=60), BROKEN]
        self.heard: list[str] = []
        self.house = House(
            tmp_path,
            tuple(
                ChannelConfig(name=name, provider=f"at-{name}", priority=-number, max_in_flight=2)
                for number, name in enumerate(names)
            ),
            self.providers,
            limits=LimitsConfig(failovers=failovers),
            prices=(PRICE,),
            announcers={"tasks": self._hear},
            **options,
        )

    def _hear(self, view: View, news: Tidings) -> Message | None:
        if news.type == PROGRESS:
            return None
        self.heard.append(view.task.status)
        return Message(b"")

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[Pair]:
        async with self.house.opened():
            yield self

    @property
    def sent(self) -> list[int]:
        return [len(provider.sent) for provider in self.providers]

    async def make(self, **changes: Any) -> int:
        request = text_to_video(duration=5.0, callback_url="https://client.example/hook", **changes)
        return (await self.house.tasks.create(self.house.me, request, "tasks")).task.id

    async def task(self, task_id: int) -> Task:
        return (await self.house.tasks.get(self.house.me, task_id)).task

    async def entries(self, task_id: int) -> list[tuple[str, int]]:
        """What the ledger says of the task, once the books have been checked."""
        table = tables.ledger_entries.c
        async with reading(self.house.database) as connection:
            assert await connection.run_sync(audit.check) == []
            rows = await connection.execute(
                select(table.kind, table.held_delta).where(table.ref_type == "task", table.ref_id == str(task_id))
            )
            return sorted(((kind, int(delta)) for kind, delta in rows.all()), key=lambda entry: -entry[1])

    async def slots(self) -> int:
        async with reading(self.house.database) as connection:
            return sum((await connection.execute(select(tables.pools.c.used))).scalars())


async def test_it_is_tried_elsewhere_for_the_same_single_charge(tmp_path: Path) -> None:
    async with Pair(tmp_path).opened() as one:
        one.providers[1].polls = [Running(progress=5), Running(progress=80), DONE]
        task_id = await one.make()
        seen = []
        for _ in range(80):
            await one.house.pass_time(1)
            task = await one.task(task_id)
            seen.append((task.status, task.progress))
        assert (task.state, task.channel, task.attempts) == ("succeeded", "b", 2)
        assert one.sent == [1, 1]
        assert [one for index, one in enumerate(seen) if index == 0 or seen[index - 1] != one] == [
            ("queued", 0),
            ("running", 60),
            ("running", 80),
            ("succeeded", 100),
        ]
        assert one.heard == ["queued", "running", "succeeded"], "nobody is told of a failure"
        assert await one.entries(task_id) == [HELD, CHARGED]
        assert await one.slots() == 0
        events = [(event["type"], event["detail"]) for event in await one.house.timeline(task_id)]
        at = events.index(("failover", "a GPU caught fire"))
        assert events[at + 1] == ("submitting", "b")


async def test_when_the_last_one_fails_too_its_error_is_told_and_nothing_is_paid(tmp_path: Path) -> None:
    async with Pair(tmp_path).opened() as one:
        one.providers[1].polls = [Failed(TaskError("upstream_failed", "here too"))]
        task_id = await one.make()
        await one.house.pass_time(80)
        task = await one.task(task_id)
        assert (task.state, task.error) == ("failed", TaskError("upstream_failed", "here too"))
        assert one.sent == [1, 1]
        assert one.heard == ["queued", "running", "failed"]
        assert await one.entries(task_id) == [HELD, RELEASED]
        assert await one.slots() == 0


async def test_never_twice_on_a_channel_where_it_failed_and_never_more_often_than_allowed(tmp_path: Path) -> None:
    async with Pair(tmp_path, failovers=5, names=("a", "b", "c")).opened() as one:
        for provider in one.providers:
            provider.polls = [BROKEN]
        task_id = await one.make()
        await one.house.pass_time(120, 5)
        assert one.sent == [1, 1, 1]
        assert (await one.task(task_id)).error == BROKEN.error
        one.house.limit(LimitsConfig(failovers=1))
        await one.make()
        await one.house.pass_time(120, 5)
        assert one.sent == [2, 2, 1]


async def test_a_job_that_is_found_failed_is_tried_elsewhere_too(tmp_path: Path) -> None:
    async with Pair(tmp_path).opened() as one:
        one.providers[0].submits = [Unknown("reset")]
        one.providers[0].look_ups = [Found("u9", BROKEN)]
        task_id = await one.make()
        await one.house.pass_time(40)
        task = await one.task(task_id)
        assert (task.state, task.channel) == ("succeeded", "b")
        assert await one.entries(task_id) == [HELD, CHARGED]


@pytest.mark.parametrize("why", ["off", "content_policy", "alone", "cancelled", "follow-up", "refused there"])
async def test_where_it_fails_at_once(tmp_path: Path, why: str) -> None:
    names = ("a",) if why == "alone" else ("a", "b")
    async with Pair(tmp_path, failovers=0 if why == "off" else 1, names=names).opened() as one:
        changes: dict[str, Any] = {}
        error = BROKEN.error
        match why:
            case "content_policy":
                error = refusal("content_policy")
                one.providers[0].polls = [Failed(error)]
            case "follow-up":
                one.providers[0].polls = [DONE, BROKEN]
                changes = {"operation": "remix", "model": "unheard-of", "source": Reference(task=await one.make())}
                await one.house.pass_time(30)
            case "refused there":
                one.providers[0].submits, one.providers[1].submits = (
                    one.providers[1].submits,
                    [Refused(refusal("upstream_refused"), elsewhere=True)],
                )
                one.house.reload(
                    channels(
                        ChannelConfig(name="b", provider="at-b", priority=9),
                        ChannelConfig(name="a", provider="at-a"),
                    )
                )
        task_id = await one.make(**changes)
        if why == "cancelled":
            await one.house.tasks.cancel(one.house.me, task_id)
        await one.house.pass_time(60)
        task = await one.task(task_id)
        assert task.state == ("cancelled" if why == "cancelled" else "failed")
        assert why == "cancelled" or task.error == error
        assert sum(one.sent[1:]) == (1 if why == "refused there" else 0)
        assert await one.entries(task_id) == [HELD, RELEASED]


async def test_a_cancel_between_two_attempts_costs_nothing(tmp_path: Path) -> None:
    async with Pair(tmp_path).opened() as one:
        one.house.trouble("b", 600.0)
        task_id = await one.make()
        await one.house.pass_time(60)
        task = await one.task(task_id)
        assert (task.state, task.status, task.progress) == ("queued", "running", 60)
        assert (await one.house.tasks.cancel(one.house.me, task_id)).task.state == "cancelled"
        assert one.sent == [1, 0]
        assert await one.entries(task_id) == [HELD, RELEASED]


async def test_without_the_other_channel_it_fails_with_the_upstreams_own_error(tmp_path: Path) -> None:
    async with Pair(tmp_path).opened() as one:
        one.house.trouble("b", 60.0)
        task_id = await one.make()
        await one.house.pass_time(50)
        assert (await one.task(task_id)).state == "queued"
        one.house.reload(channels(ChannelConfig(name="a", provider="at-a")))
        await one.house.pass_time(60)
        assert (await one.task(task_id)).error == BROKEN.error
        assert await one.entries(task_id) == [HELD, RELEASED]


@pytest.mark.parametrize("moment", ["queued again", "sending again"])
async def test_a_crash_between_two_attempts_loses_and_doubles_nothing(tmp_path: Path, moment: str) -> None:
    clock = HandClock()
    before = Pair(tmp_path, clock=clock)

    async def die(*_: object) -> None:
        raise asyncio.CancelledError

    async with before.opened() as one:
        task_id = await one.make()
        if moment == "sending again":
            one.providers[1].submit = die  # type: ignore[assignment]
        else:
            one.house.limit(LimitsConfig(failovers=1))
            read = one.house.reads.work

            async def dies_when_queued(task_id: int) -> Any:
                work = await read(task_id)
                return await die() if work and work.task.state == "queued" else work

            one.house.reads.work = dies_when_queued  # type: ignore[method-assign]
        for _ in range(60):
            clock.advance(1)
            await one.house.engine.claim()
            await asyncio.gather(*one.house.engine._running.values(), return_exceptions=True)
        task = await one.task(task_id)
        assert (task.state, task.status) == ("queued" if moment == "queued again" else "submitting", "running")
    async with Pair(tmp_path, clock=clock).opened() as two:
        two.providers[1].look_ups = [Found("u7", Running())]
        await two.house.pass_time(200, 5)
        task = await two.task(task_id)
        assert (task.state, task.channel, task.attempts) == ("succeeded", "b", 2)
        assert two.sent == [0, 1 if moment == "queued again" else 0]
        assert "failed" not in before.heard + two.heard
        assert await two.entries(task_id) == [HELD, CHARGED]
        assert await two.slots() == 0

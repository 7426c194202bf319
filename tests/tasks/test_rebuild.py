"""A schedule that lost its rows is made anew of the tasks: every task goes on, and no step is made twice."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import delete, select, text

from telecine.accounts import audit
from telecine.config import ChannelConfig, LimitsConfig, PriceConfig
from telecine.net.client import FetchError
from telecine.nouns.errors import GatewayError
from telecine.providers.outcomes import Accepted, Failed, Found, Running, Unknown
from telecine.store import tables
from telecine.tasks.view import Filter
from telecine.tasks.writes import LEASE_SECONDS, Create, Mark
from telecine.tasks.writes.rebuild import rebuild
from telecine.tasks.writes.recovery import recover
from tests.records import reading, writing
from tests.tasks.scripted import DONE, House, refusal, text_to_video
from tests.tasks.test_writes import new_task

ONE_SLOT = (ChannelConfig(name="main", provider="scripted", max_in_flight=1),)
PRICE = PriceConfig("kling-v2-5-turbo", "call", Decimal(1))


def house(folder: Path) -> House:
    return House(folder, ONE_SLOT, prices=[PRICE])


async def queued(one: House) -> None:
    """Made by a process that is gone before it could begin."""
    await one.database.write(Create(new_task(one), "gone"))


async def draft(one: House) -> None:
    """Its client has not completed it; it is due when its time is over."""
    await one.tasks.create(one.me, text_to_video(), "tasks", draft=True)


async def in_line(one: House) -> None:
    """Behind another that has the only slot."""
    for _ in range(2):
        await one.tasks.create(one.me, text_to_video(), "tasks")
        one.clock.advance(0.01)


async def submitting(one: House) -> None:
    """The process dies while the request is under way; the upstream has got it."""

    sent = asyncio.Event()

    async def hang() -> None:
        sent.set()
        await asyncio.Event().wait()

    one.limit(LimitsConfig(first_step=0.01))
    one.provider.submits = [hang]
    one.provider.look_ups = [Found("u1", Running())]
    view = await one.tasks.create(one.me, text_to_video(), "tasks")
    await sent.wait()
    step = one.engine.underway(view.task.id)
    assert step is not None
    step.cancel()
    await asyncio.wait([step])


async def running(one: House) -> None:
    await one.tasks.create(one.me, text_to_video(), "tasks")
    await one.engine.drain()


async def reconciling(one: House) -> None:
    one.provider.submits = [Unknown("connection reset")]
    one.provider.look_ups = [Found("u1", Running())]
    await one.tasks.create(one.me, text_to_video(), "tasks")
    await one.engine.drain()


async def collecting(one: House) -> None:
    """Its file cannot be had just now."""
    one.shelf.failures = [FetchError("no connection")]
    await running(one)
    one.provider.polls = [DONE]
    await one.pass_time(25, 25)


async def unstored(one: House) -> None:
    """It has succeeded with the upstream's own link; storing is tried again."""
    one.shelf.failures = [FetchError("no connection")] * 4
    await running(one)
    one.provider.polls = [DONE]
    await one.pass_time(60)


async def ended(one: House) -> None:
    one.provider.polls = [DONE]
    await running(one)
    await one.pass_time(60)


async def deleted(one: House) -> None:
    """Its files are still to go."""
    await ended(one)
    (view,) = (await one.tasks.list(one.me, Filter(limit=10))).views
    await one.tasks.delete(one.me, view.task.id)


async def failed(one: House) -> None:
    one.provider.polls = [Failed(refusal())]
    await running(one)
    await one.pass_time(60)


async def unheeded(one: House) -> None:
    """Its owner has just wished it cancelled; nothing has come of it."""
    await in_line(one)
    ids = [view.task.id for view in (await one.tasks.list(one.me, Filter(limit=10))).views]
    await one.database.write(Mark(max(ids), one.clock.now(), cancel=True))


STATES: dict[Callable[[House], Awaitable[None]], tuple[str, list[str], int]] = {
    draft: ("draft", ["draft"], 0),
    queued: ("queued", ["succeeded"], 1),
    in_line: ("queued", ["succeeded", "succeeded"], 2),
    submitting: ("submitting", ["succeeded"], 1),
    running: ("running", ["succeeded"], 1),
    reconciling: ("reconciling", ["succeeded"], 1),
    collecting: ("collecting", ["succeeded"], 1),
    unstored: ("succeeded", ["succeeded"], 1),
    ended: ("succeeded", ["succeeded"], 1),
    deleted: ("succeeded", ["succeeded"], 1),
    failed: ("failed", ["failed"], 1),
    unheeded: ("queued", ["cancelled", "succeeded"], 1),
}
"""By how it comes about: the state of the last task when the rows go; how the tasks end, and how many were sent."""


async def unburied(one: House) -> tuple[list[int], list[int]]:
    """The tasks that have something left to do, as they say themselves and as the schedule has it."""
    task, row = tables.tasks.c, tables.schedule.c
    async with reading(one.database) as connection:
        own = await connection.execute(select(task.id).where(task.buried_at.is_(None)).order_by(task.id))
        there = await connection.execute(select(row.task_id).order_by(row.task_id))
        return list(own.scalars()), list(there.scalars())


async def states(one: House) -> list[str]:
    async with reading(one.database) as connection:
        found = await connection.execute(select(tables.tasks.c.state).order_by(tables.tasks.c.id))
        return list(found.scalars())


@pytest.mark.parametrize("come_about", STATES, ids=lambda one: one.__name__)
async def test_every_task_goes_on_and_no_step_is_made_twice(
    tmp_path: Path, come_about: Callable[[House], Awaitable[None]]
) -> None:
    before, after, sent = STATES[come_about]
    async with house(tmp_path).opened() as one:
        await come_about(one)
        assert (await states(one))[-1] == before
        own, there = await unburied(one)
        assert own == there, "a task stands in the schedule as long as it says that something is left to do"
        async with writing(one.database) as connection:
            await connection.execute(delete(tables.schedule))
        assert await rebuild(one.database, one.clock.now()) == len(own)
        assert await rebuild(one.database, one.clock.now()) == 0
        await recover(one.database, one.router.pools)
        assert await unburied(one) == (own, own)
        if not isinstance(one.provider.polls[0], Failed):
            one.provider.polls = [DONE]
        if come_about is not submitting:  # whose one request was sent before
            one.provider.submits = [Accepted("u1")]
        await one.pass_time(150, 5)
        assert sorted(await states(one)) == sorted(after)
        assert len(one.provider.sent) == sent
        assert len({submission.handle for submission in one.provider.sent}) == sent
        assert len(one.shelf.kept) == after.count("succeeded"), "each file is fetched once"
        await one.pass_time(9 * 86400, 86400)
        assert await unburied(one) == ([], [])
        assert bool(one.shelf.forgotten) == (come_about is deleted)
        async with reading(one.database) as connection:
            assert await connection.run_sync(audit.check) == []
            assert all(account.held == 0 for account in await connection.execute(select(tables.accounts)))


async def test_a_start_makes_the_schedule_anew(tmp_path: Path) -> None:
    """As after a crash of the database that emptied it: nobody has to ask."""
    async with house(tmp_path).opened() as one:
        await running(one)
        await one.engine.stop(1.0)
        async with writing(one.database) as connection:
            await connection.execute(text("DELETE FROM schedule"))
    async with house(tmp_path).opened() as two:
        own, there = await unburied(two)
        assert (len(own), there) == (1, own)
        two.provider.polls = [DONE]
        await two.pass_time(60)
        assert (await states(two), len(two.provider.sent)) == (["succeeded"], 0)


@pytest.mark.one_process("what the other process holds is said here")
async def test_what_a_living_process_may_be_sending_waits_for_its_lease(tmp_path: Path) -> None:
    """The rows go while a submit is under way, and another process starts: the job is not sent again, and found."""
    answer = asyncio.Event()

    async def slow() -> Accepted:
        await answer.wait()
        return Accepted("u1")

    async with house(tmp_path).opened() as one:
        if one.database.sqlite:
            pytest.skip("there is one process")
        one.limit(LimitsConfig(first_step=0.01))
        one.provider.submits = [slow]
        one.provider.look_ups = [Found("u1", Running())]
        await one.tasks.create(one.me, text_to_video(), "tasks")
        async with writing(one.database) as connection:
            await connection.execute(delete(tables.schedule))
        async with house(tmp_path).opened() as two:
            two.clock.set(one.clock.now())
            two.provider.polls = [DONE]
            two.provider.look_ups = one.provider.look_ups
            await two.pass_time(LEASE_SECONDS - 5, 5)
            assert await states(two) == ["submitting"]
            answer.set()
            await one.engine.drain()
            await two.pass_time(120, 5)
            assert await states(two) == ["succeeded"]
            assert (len(one.provider.sent), len(two.provider.sent)) == (1, 0)


async def test_a_task_that_is_deleted_at_last_has_something_left_to_do_again(tmp_path: Path) -> None:
    async with house(tmp_path).opened() as one:
        await ended(one)
        assert await unburied(one) == ([], [])
        (view,) = (await one.tasks.list(one.me, Filter(limit=10))).views
        assert view.task.buried_at is not None
        await one.tasks.delete(one.me, view.task.id)
        own, there = await unburied(one)
        assert (own, there) == ([view.task.id], [view.task.id])
        with suppress(GatewayError):
            await one.tasks.get(one.me, view.task.id)
        await one.pass_time(9 * 86400, 86400)
        assert await unburied(one) == ([], [])
        assert one.shelf.forgotten


async def test_a_draft_whose_owner_wanted_its_end_comes_at_once(tmp_path: Path) -> None:
    """What is held for it waits no longer."""
    async with house(tmp_path).opened() as one:
        await draft(one)
        (view,) = (await one.tasks.list(one.me, Filter(limit=10))).views
        await one.database.write(Mark(view.task.id, one.clock.now(), cancel=True))
        async with writing(one.database) as connection:
            await connection.execute(delete(tables.schedule))
        assert await rebuild(one.database, one.clock.now()) == 1
        await one.engine.drain()
        assert await states(one) == ["cancelled"]

"""Jobs of a channel that fall due together are one question, and what that leaves out has no verdict."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from sqlalchemy import update

from telecine.config import ChannelConfig
from telecine.providers.outcomes import Accepted, Failed, PollOutcome, Running
from telecine.store import tables
from telecine.tasks.writes import Claim, Mark, Rest
from tests.tasks.scripted import DONE, TRAITS, House, Scripted, refusal, text_to_video

LISTED = replace(TRAITS, listed=True)
pytestmark = pytest.mark.one_process("two processes ask about what each of them has claimed")


def house_of(folder: Path, *channels: str) -> House:
    """A house whose channels serve the models that begin with their names."""
    found = tuple(ChannelConfig(name=one, provider="scripted", models=(f"{one}-*",)) for one in channels)
    return House(folder, found, (Scripted(traits=LISTED),))


def asked(house: House) -> Any:
    """The provider, as the house has it."""
    found = house.router.channel("main")
    assert found is not None
    return found[1]


async def made(house: House, *models: str) -> tuple[list[int], list[str]]:
    """The ids of a running task for each of the models, and the handles of their attempts."""
    tasks: list[int] = []
    for number, model in enumerate(models):
        asked(house).submits = [Accepted(f"u{number}")]
        tasks.append((await house.tasks.create(house.me, text_to_video(model=model), "tasks")).task.id)
    return tasks, [one.handle for one in asked(house).sent]


async def states(house: House, tasks: list[int]) -> list[str]:
    return [(await house.tasks.get(house.me, one)).task.state for one in tasks]


async def test_one_question_is_about_all_jobs_that_are_due(tmp_path: Path) -> None:
    async with house_of(tmp_path, "main").opened() as house:
        provider = asked(house)
        tasks, (first, second, third) = await made(house, "main-a", "main-a", "main-b")
        house.context.pace.after = lambda *_: 5.0  # type: ignore[method-assign]
        for one in tasks:
            await house.tasks.wake(one)
        provider.lists = [{first: DONE, second: Failed(refusal("upstream_failed"))}]
        await house.engine.drain()
        assert [{job.handle for job in one} for one in provider.listed] == [{first, second, third}]
        assert await states(house, tasks) == ["succeeded", "failed", "running"]
        assert [job.handle for job in provider.polled] == [third], "what a list leaves out is asked about alone"


async def test_a_list_that_breaks_or_tells_nothing_ends_nothing(tmp_path: Path) -> None:
    async with house_of(tmp_path, "main").opened() as house:
        provider = asked(house)
        tasks, _ = await made(house, "main-a", "main-a")
        house.context.pace.after = lambda *_: 5.0  # type: ignore[method-assign]
        provider.lists = [KeyError("a bug"), {}]
        for one in tasks:
            await house.tasks.wake(one)
            house.clock.advance(0.3)
        await house.engine.drain()
        await house.pass_time(60.0)
        assert len(provider.listed) > 1, "what falls due in the same second does so at once"
        assert len(provider.polled) >= 2 * len(provider.listed)
        assert await states(house, tasks) == ["running", "running"]


async def test_channels_are_not_mixed_and_one_job_is_asked_about_alone(tmp_path: Path) -> None:
    async with house_of(tmp_path, "main", "other").opened() as house:
        await made(house, "main-a", "other-a")
        await house.pass_time(60.0)
        assert asked(house).listed == []
        assert len(asked(house).polled) > 2


async def test_whoever_loses_its_lease_stops_none_of_the_others(tmp_path: Path) -> None:
    """And nothing that was told of it is believed here."""
    async with house_of(tmp_path, "main").opened() as house:
        provider, gone, come = asked(house), asyncio.Event(), asyncio.Event()
        tasks, handles = await made(house, "main-a", "main-a", "main-a")

        async def slow(*_: Any) -> Mapping[str, PollOutcome]:
            gone.set()
            await come.wait()
            return dict.fromkeys(handles, DONE)

        provider.poll_many = slow
        for one in tasks:
            await house.tasks.wake(one)
        await house.engine.claim()
        await gone.wait()
        await taken_by_another(house, tasks[0])
        await house.engine._extend()
        come.set()
        await house.engine.drain()
        assert await states(house, tasks) == ["running", "succeeded", "succeeded"]
        assert (house.context.places, house.context.leases) == ({}, {})
        assert house.context.uncut == set()


async def test_what_changes_nothing_writes_nothing_but_when_it_is_due(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with house_of(tmp_path, "main").opened() as house:
        tasks, handles = await made(house, "main-a", "main-a", "main-a")
        house.context.pace.after = lambda *_: 5.0  # type: ignore[method-assign]
        asked(house).lists = [dict.fromkeys(handles, Running(started=False))]
        written: list[object] = []
        write = house.database.write

        async def noted(what: Any) -> Any:
            written.append(what)
            return await write(what)

        for one in tasks:
            await house.tasks.wake(one)
        monkeypatch.setattr(house.database, "write", noted)
        await house.engine.drain()
        due = math.ceil(house.clock.now() + 5.0)
        assert [one.due for one in written if isinstance(one, Rest)] == [dict.fromkeys(tasks, due)]
        assert {type(one) for one in written} == {Claim, Rest}
        assert len(asked(house).listed) == 1


async def test_who_is_to_be_stopped_is_asked_about_alone(tmp_path: Path) -> None:
    """Its upstream is asked to stop it first; once that cannot, it is one of the list again."""
    async with House(
        tmp_path,
        (ChannelConfig(name="main", provider="scripted", models=("main-*",)),),
        (Scripted(traits=replace(LISTED, cancel=True)),),
    ).opened() as house:
        tasks, handles = await made(house, "main-a", "main-a", "main-a")
        await house.database.write(Mark(tasks[0], house.clock.now(), cancel=True))
        for one in tasks[1:]:
            await house.tasks.wake(one)
        await house.engine.drain()
        assert [one.handle for one in asked(house).asked_to_stop] == handles[:1]
        assert [[job.handle for job in one] for one in asked(house).listed] == [handles[1:]]
        for one in tasks:
            await house.tasks.wake(one)
        await house.engine.drain()
        assert [{job.handle for job in one} for one in asked(house).listed[1:]] == [set(handles)]
        assert len(asked(house).asked_to_stop) == 1


async def taken_by_another(house: House, task_id: int) -> None:
    """Let another process hold the lease of a task."""
    taken = update(tables.schedule).where(tables.schedule.c.task_id == task_id).values(lease_owner="other")
    await house.database.change(lambda connection: connection.execute(taken))

"""Jobs of a channel that fall due together are one question, and what that leaves out has no verdict."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from telecine.config import ChannelConfig
from telecine.providers.base import Accepted, Failed, Job, PollOutcome, Running
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


async def test_whoever_asks_for_all_may_be_stopped(tmp_path: Path) -> None:
    async with house_of(tmp_path, "main").opened() as house:
        provider, gone = asked(house), asyncio.Event()

        async def never(*_: Any) -> Mapping[str, PollOutcome]:
            gone.set()
            return await asyncio.Future[Mapping[str, PollOutcome]]()

        provider.poll_many = never
        channel = house.router.channel("main")
        assert channel is not None
        jobs = [Job("text_to_video", "m", handle, f"u{handle}", 0.0) for handle in ("1", "2")]
        steps = [asyncio.create_task(house.context.questions.poll(provider, channel[0], job)) for job in jobs]
        await gone.wait()
        steps[0].cancel()
        assert await steps[1] == Running(), "the others ask for themselves"
        with pytest.raises(asyncio.CancelledError):
            await steps[0]

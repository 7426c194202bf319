"""Waiting for the end of a task: whoever runs its steps, and at next to no cost."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from telecine.nouns.task import Output, Task
from telecine.providers.outcomes import Running
from tests.tasks.scripted import DONE, House, text_to_video


async def test_a_wait_ends_with_the_task_whoever_ends_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with House(tmp_path).opened() as house:
        house.provider.polls = [Running(started=False)]
        view = await house.tasks.create(house.me, text_to_video(), "tasks")
        reads, task = 0, house.reads.task

        async def counted(task_id: int) -> tuple[Task, tuple[Output, ...]] | None:
            nonlocal reads
            reads += 1
            return await task(task_id)

        monkeypatch.setattr(house.reads, "task", counted)
        waiting = asyncio.create_task(house.tasks.wait(house.me, view.task.id, 3600))
        await house.pass_time(60)
        assert not waiting.done()
        assert reads <= 3, "it is read only where it has changed"
        house.provider.polls = [DONE]
        await house.pass_time(120)
        assert (await waiting).task.state == "succeeded"


async def test_a_wait_ends_when_its_time_or_the_process_does(tmp_path: Path) -> None:
    async with House(tmp_path).opened() as house:
        view = await house.tasks.create(house.me, text_to_video(), "tasks")
        short = asyncio.create_task(house.tasks.wait(house.me, view.task.id, 30))
        long = [asyncio.create_task(house.tasks.wait(house.me, view.task.id, 3600)) for _ in range(3)]
        await house.pass_time(40)
        assert not (await short).task.ended
        assert not any(one.done() for one in long)
        house.context.closing = True
        house.context.watch.wake()
        assert [(await one).task.ended for one in long] == [False] * 3

"""A task that follows up another is sent with what its upstream calls that one."""

from __future__ import annotations

from pathlib import Path

from msgspec.structs import replace

from telecine.nouns.request import Reference
from telecine.providers.base import Source
from telecine.providers.outcomes import Finished
from tests.tasks.scripted import DONE, House, text_to_video


async def test_a_follow_up_is_told_the_job_that_it_follows(tmp_path: Path) -> None:
    async with House(tmp_path).opened() as house:
        house.provider.polls = [DONE]
        first = await house.tasks.create(house.me, text_to_video(model="sora-2"), "openai")
        await house.pass_time(60)
        remix = replace(
            first.task.request, operation="remix", prompt="a paper plane", source=Reference(task=first.task.id)
        )
        await house.tasks.create(house.me, remix, "openai")
        assert [sent.source for sent in house.provider.sent] == [
            None,
            Source("u1", first.task.request, model="sora-2"),
        ]


async def test_a_follow_up_of_what_had_no_upstream_id_says_so(tmp_path: Path) -> None:
    async with House(tmp_path).opened() as house:
        house.provider.submits = [Finished(DONE)]
        first = await house.tasks.create(house.me, text_to_video(model="sora-2"), "openai")
        remix = replace(first.task.request, operation="remix", source=Reference(task=first.task.id))
        await house.tasks.create(house.me, remix, "openai")
        assert [sent.source for sent in house.provider.sent] == [None, None]

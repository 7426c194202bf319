"""Upstreams that answer when the job is done: the answer is kept before it is believed."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from telecine.media.storage import answer_key
from telecine.nouns.task import Facts, Tokens, Usage
from telecine.providers.outcomes import Finished, Succeeded, UpstreamOutput
from telecine.tasks.outcomes import collecting
from telecine.tasks.view import Filter
from tests.tasks.scripted import TRAITS, House, text_to_video

SYNCHRONOUS = replace(TRAITS, look_up=False, unique_handle=False, synchronous=True, submit_timeout=600)
ANSWER = Finished(
    Succeeded(
        (UpstreamOutput("https://files.example/a.mp4", item=0), UpstreamOutput(kind="text", part="lyrics", text="la")),
        Usage(seconds=5.0, tokens=Tokens(input=1)),
        Facts.of("suno", {"title": "a"}),
    ),
    "u1",
)


def house(folder: Path) -> House:
    made = House(folder)
    made.provider.traits = SYNCHRONOUS
    made.provider.submits = [ANSWER]
    return made


async def state_of(house: House, task_id: int) -> str:
    found = await house.reads.task(task_id)
    assert found is not None
    return found[0].state


async def test_an_answer_is_kept_until_it_is_in_the_records(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with house(tmp_path).opened() as one:
        seen: list[dict[str, bytes]] = []

        async def watched(*given: Any, **more: Any) -> Any:
            seen.append(dict(one.shelf.documents))
            return await collecting(*given, **more)

        monkeypatch.setattr("telecine.tasks.submit.collecting", watched)
        view = await one.tasks.create(one.me, text_to_video(), "tasks")
        await one.pass_time(5)
        key = answer_key(one.me.account_id, view.task.id, 1)
        assert [msgspec.json.decode(kept[key], type=Finished) for kept in seen] == [ANSWER]
        assert one.shelf.documents == {}
        assert await state_of(one, view.task.id) == "succeeded"


async def test_what_was_answered_before_a_crash_is_found_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def crash(*_: Any, **__: Any) -> None:
        raise RuntimeError("a crash")

    async with house(tmp_path).opened() as one:
        with monkeypatch.context() as patch:
            patch.setattr("telecine.tasks.submit.collecting", crash)
            view = await one.tasks.create(one.me, text_to_video(), "tasks")
        assert await state_of(one, view.task.id) == "submitting"
        await one.pass_time(60)
        found = await one.tasks.get(one.me, view.task.id)
        assert (found.task.state, found.task.facts) == ("succeeded", ANSWER.result.facts)
        assert [output.text for output in found.outputs] == [None, "la"]
        assert len(one.provider.sent) == 1
        assert one.shelf.documents == {}


async def test_storage_that_does_not_take_it_costs_nothing(tmp_path: Path) -> None:
    async with house(tmp_path).opened() as one:
        one.shelf.refusing = True
        view = await one.tasks.create(one.me, text_to_video(), "tasks")
        await one.pass_time(5)
        assert await state_of(one, view.task.id) == "succeeded"


async def abandoned(one: House) -> int:
    """A task whose step ended while it waited for the upstream's answer, as if its process had lost the lease."""
    sent = asyncio.Event()

    async def silence() -> None:
        sent.set()
        await asyncio.Event().wait()

    one.provider.submits = [silence]
    creating = asyncio.create_task(one.tasks.create(one.me, text_to_video(), "tasks"))
    await sent.wait()
    (view,) = (await one.tasks.list(one.me, Filter(limit=1))).views
    step = one.engine.underway(view.task.id)
    assert step is not None
    step.cancel()
    await creating
    return view.task.id


async def test_what_another_process_has_been_answered_is_waited_for_and_found(tmp_path: Path) -> None:
    async with house(tmp_path).opened() as one:
        task_id = await abandoned(one)
        await one.pass_time(120, 5)
        if one.database.sqlite:
            assert await state_of(one, task_id) == "failed", "whoever sent it is gone: nobody else has the records"
            return
        assert await state_of(one, task_id) == "submitting"
        one.shelf.documents[answer_key(one.me.account_id, task_id, 1)] = msgspec.json.encode(ANSWER)
        await one.pass_time(60, 5)
        assert await state_of(one, task_id) == "succeeded"
        assert len(one.provider.sent) == 1


async def test_what_is_not_answered_in_its_time_is_unknown_and_not_sent_again(tmp_path: Path) -> None:
    async with house(tmp_path).opened() as one:
        task_id = await abandoned(one)
        await one.pass_time(900, 10)
        found = await one.tasks.get(one.me, task_id)
        assert found.task.error is not None
        assert (found.task.state, found.task.error.code) == ("failed", "submission_unknown")
        assert len(one.provider.sent) == 1

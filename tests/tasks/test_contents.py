"""Files that come inside an answer: in storage before anything is believed, and collected from there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from telecine.media.storage import content_key, link_to
from telecine.net.client import FetchError
from telecine.net.spool import Spool, Spooled
from telecine.nouns.task import Output
from telecine.providers.outcomes import Accepted, Finished, Found, Succeeded, Unknown, UpstreamOutput
from telecine.tasks.outcomes import collecting
from telecine.tasks.reads import Work
from tests.tasks.scripted import House, text_to_video

CONTENT = b"\x89PNG and so on"


def spooled(spool: Spool | None) -> Spooled:
    """A file as the client leaves it there."""
    assert spool is not None
    sink = spool.sink()
    sink.write(CONTENT)
    return Spooled(sink.path, len(CONTENT), sink.finish())


def made(content: Spooled | bytes) -> Succeeded:
    return Succeeded((UpstreamOutput("https://files.example/a.mp4"), UpstreamOutput(content=content, part="cover")))


def opened(folder: Path) -> House:
    house = House(folder)
    (folder / "spool").mkdir()
    house.shelf.folder = folder / "spool"
    return house


async def outputs_of(house: House, task_id: int) -> tuple[Output, ...]:
    return (await house.tasks.get(house.me, task_id)).outputs


@pytest.mark.parametrize("small", [False, True])
async def test_it_is_stored_before_the_answer_is_believed(
    tmp_path: Path, small: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = opened(tmp_path)
    seen: list[tuple[dict[str, bytes], str]] = []

    async def watched(context: Any, work: Work, result: Succeeded, **more: Any) -> Any:
        seen.append((dict(house.shelf.documents), result.outputs[1].url))
        return await collecting(context, work, result, **more)

    async def answered() -> Finished:
        return Finished(made(CONTENT if small else spooled(house.provider.sent[-1].spool)), "u1")

    monkeypatch.setattr("telecine.tasks.submit.collecting", watched)
    async with house.opened():
        house.provider.submits = [answered]
        task_id = (await house.tasks.create(house.me, text_to_video(), "tasks")).task.id
        await house.pass_time(5)
        key = content_key(house.me.account_id, task_id, 1)
        ((documents, url),) = seen
        assert (documents[key], url) == (CONTENT, link_to(key))
        assert list((tmp_path / "spool").iterdir()) == []
        outputs = await outputs_of(house, task_id)
        assert [one.state for one in outputs] == ["stored"] * 2
        assert [one.upstream_url for one in outputs] == ["https://files.example/a.mp4", None]
        assert [one.upstream_url for one in house.shelf.kept] == ["https://files.example/a.mp4", link_to(key)]
        assert key not in house.shelf.documents


async def test_what_a_poll_or_a_look_up_brings_is_stored_too(tmp_path: Path) -> None:
    house = opened(tmp_path)
    async with house.opened():
        polls: list[Any] = []

        async def poll(channel: Any, job: Any) -> Succeeded:
            polls.append(job)
            return made(spooled(job.spool))

        house.provider.submits = [Accepted("u1")]
        house.provider.poll = poll  # type: ignore[method-assign]
        first = (await house.tasks.create(house.me, text_to_video(), "tasks")).task.id

        async def look_up(channel: Any, job: Any) -> Found:
            return Found("u2", made(spooled(job.spool)))

        house.provider.submits = [Unknown("no answer")]
        house.provider.look_up = look_up  # type: ignore[method-assign]
        second = (await house.tasks.create(house.me, text_to_video(), "tasks")).task.id
        await house.pass_time(60)
        for task_id in (first, second):
            assert [one.state for one in await outputs_of(house, task_id)] == ["stored"] * 2
            assert content_key(house.me.account_id, task_id, 1) not in house.shelf.documents
        assert len(polls) == 1


async def test_what_was_paid_for_is_tried_until_it_is_stored(tmp_path: Path) -> None:
    house = opened(tmp_path)
    async with house.opened():
        waits: list[float] = []

        async def sleep(seconds: float) -> None:
            waits.append(seconds)
            house.shelf.refusing = len(waits) < 4

        house.shelf.refusing = True
        house.clock.sleep = sleep  # type: ignore[method-assign]
        house.provider.submits = [Finished(made(CONTENT), "u1")]
        task_id = (await house.tasks.create(house.me, text_to_video(), "tasks")).task.id
        await house.pass_time(5)
        assert waits == [1.0, 2.0, 4.0, 8.0]
        assert len(house.provider.sent) == 1
        assert (await house.tasks.get(house.me, task_id)).task.status == "succeeded"


async def test_a_kill_before_the_commit_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def crash(*_: Any, **__: Any) -> None:
        raise RuntimeError("a crash")

    house = opened(tmp_path)
    async with house.opened():
        house.provider.submits = [Finished(made(CONTENT), "u1")]
        with monkeypatch.context() as patch:
            patch.setattr("telecine.tasks.submit.collecting", crash)
            task_id = (await house.tasks.create(house.me, text_to_video(), "tasks")).task.id
        await house.pass_time(120)
        assert [one.state for one in await outputs_of(house, task_id)] == ["stored"] * 2
        assert len(house.provider.sent) == 1


async def test_it_stays_in_storage_until_it_is_collected(tmp_path: Path) -> None:
    house = opened(tmp_path)
    async with house.opened():
        house.shelf.failures = [FetchError("no decoder")] * 4
        house.provider.submits = [Finished(made(CONTENT), "u1")]
        task_id = (await house.tasks.create(house.me, text_to_video(), "tasks")).task.id
        key = content_key(house.me.account_id, task_id, 1)
        pending = await outputs_of(house, task_id)
        assert (pending[1].state, pending[1].upstream_url, pending[1].upstream_link) == ("pending", link_to(key), None)
        assert key in house.shelf.documents
        await house.pass_time(60)
        assert [one.state for one in await outputs_of(house, task_id)] == ["stored"] * 2
        assert key not in house.shelf.documents


async def test_a_deleted_task_takes_it_along(tmp_path: Path) -> None:
    house = opened(tmp_path)
    async with house.opened():
        house.shelf.failures = [FetchError("no decoder")] * 100_000
        house.provider.submits = [Finished(Succeeded((UpstreamOutput(content=CONTENT),)), "u1")]
        task_id = (await house.tasks.create(house.me, text_to_video(), "tasks")).task.id
        await house.pass_time(2 * 86400, 3600)  # what no decoder takes for a day is lost
        view = await house.tasks.get(house.me, task_id)
        assert (view.task.status, view.outputs[0].state, view.outputs[0].upstream_url) == ("failed", "lost", None)
        assert content_key(house.me.account_id, task_id, 0) not in house.shelf.documents

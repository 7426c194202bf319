"""A job is not over before its file can be had, from us or from its upstream."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from telecine.net.client import FetchError
from telecine.nouns.errors import GatewayError
from telecine.nouns.task import Output
from telecine.providers.outcomes import Accepted, Finished, Succeeded, UpstreamOutput
from telecine.tasks.view import View
from telecine.webhooks.delivery import PROGRESS, Message, Tidings
from tests.records import reading
from tests.tasks.scripted import DONE, House, text_to_video

HIDDEN = Succeeded((UpstreamOutput("content:video_1", upstream_id="v1"),))
GONE = FetchError("the file answers with HTTP 404", status=404)
BUSY = FetchError("the file answers with HTTP 503", status=503)
LATE = FetchError("the file answers with HTTP 429", status=429)


def told(view: View, news: Tidings) -> Message | None:
    """What a webhook tells of a task's status."""
    if news.type == PROGRESS:
        return None
    return Message(msgspec.json.encode((view.task.status, [output.state for output in view.outputs])))


async def begun(house: House, failures: list[Any], result: Succeeded = HIDDEN) -> int:
    house.shelf.failures = failures
    house.provider.submits = [Finished(result)]
    house.provider.polls = [result]
    view = await house.tasks.create(house.me, text_to_video(callback_url="https://hooks.example/x"), "kling")
    return view.task.id


async def sent(house: House) -> list[Any]:
    """The bodies of all webhooks."""
    async with reading(house.database) as connection:
        rows = await connection.exec_driver_sql("SELECT body FROM deliveries ORDER BY sequence")
        return [msgspec.json.decode(row.body) for row in rows.all()]


async def view_of(house: House, task_id: int) -> View:
    return await house.tasks.get(house.me, task_id)


@pytest.mark.parametrize(
    ("result", "error"),
    [(HIDDEN, FetchError("cut short")), (HIDDEN, BUSY), (HIDDEN, LATE), (HIDDEN, GONE), (DONE, GONE)],
    ids=["cut short", "busy", "too many", "not there", "a link that leads nowhere"],
)
async def test_it_goes_on_until_the_file_is_there(tmp_path: Path, result: Succeeded, error: FetchError) -> None:
    async with House(tmp_path, announcers={"kling": told}).opened() as house:
        task_id = await begun(house, [error] * 10, result)
        await house.pass_time(60)
        view = await view_of(house, task_id)
        assert (view.task.status, view.task.progress) == ("running", 0)
        assert [status for status, _ in await sent(house)] == ["queued", "running"]
        await house.pass_time(900, 5)
        view = await view_of(house, task_id)
        assert (view.task.status, [one.state for one in view.outputs]) == ("succeeded", ["stored"])
        assert await sent(house) == [["queued", []], ["running", ["pending"]], ["succeeded", ["stored"]]]


@pytest.mark.one_process("a day of it takes long")
@pytest.mark.parametrize(
    ("result", "error", "hours"),
    [(HIDDEN, BUSY, 24), (HIDDEN, GONE, 1), (DONE, GONE, 1)],
)
async def test_it_fails_where_nobody_can_have_the_file(
    tmp_path: Path, result: Succeeded, error: FetchError, hours: int
) -> None:
    async with House(tmp_path, announcers={"kling": told}).opened() as house:
        task_id = await begun(house, [error] * 10_000, result)
        await house.pass_time(hours * 3600 - 300, 60)
        assert (await view_of(house, task_id)).task.status == "running"
        await house.pass_time(900, 60)
        view = await view_of(house, task_id)
        assert (view.task.state, [one.state for one in view.outputs]) == ("failed", ["lost"])
        assert view.task.error is not None
        assert "none of its files could be had" in view.task.error.message
        assert (await sent(house))[-1] == ["failed", ["lost"]]


async def test_a_success_without_a_file_is_none(tmp_path: Path) -> None:
    async with House(tmp_path).opened() as house:
        with pytest.raises(GatewayError, match="none of its files could be had"):
            await begun(house, [], Succeeded(()))
        house.provider.submits, house.provider.polls = [Accepted("u1")], [Succeeded(())]
        view = await house.tasks.create(house.me, text_to_video(), "kling")
        await house.pass_time(60)
        assert (await view_of(house, view.task.id)).task.state == "failed"


async def test_a_link_that_works_for_clients_is_enough(tmp_path: Path) -> None:
    async with House(tmp_path, announcers={"kling": told}).opened() as house:
        task_id = await begun(house, [BUSY] * 4, DONE)
        await house.pass_time(8)
        view = await view_of(house, task_id)
        assert (view.task.state, view.outputs[0].state) == ("succeeded", "pending")
        await house.pass_time(60)
        assert (await view_of(house, task_id)).outputs[0].state == "stored"


async def test_files_beyond_those_that_were_asked_for_are_not_waited_for(tmp_path: Path) -> None:
    async with House(tmp_path).opened() as house:
        keep = house.shelf.keep

        async def first_alone(provider: Any, channel: Any, output: Output, account_id: int) -> Output:
            if output.index:
                raise GONE
            return await keep(provider, channel, output, account_id)

        house.shelf.keep = first_alone  # type: ignore[method-assign]
        extra = replace(DONE.outputs[0], url="https://files.example/b.mp4")
        task_id = await begun(house, [], Succeeded((DONE.outputs[0], extra)))
        await house.pass_time(10)
        view = await view_of(house, task_id)
        assert (view.task.state, [one.state for one in view.outputs]) == ("succeeded", ["stored", "pending"])


async def test_the_upstreams_end_of_a_link_ends_the_waiting(tmp_path: Path) -> None:
    async with House(tmp_path).opened() as house:
        soon = replace(HIDDEN.outputs[0], expires_at=house.clock.now() + 600)
        task_id = await begun(house, [BUSY] * 1000, Succeeded((soon,)))
        await house.pass_time(500, 10)
        assert (await view_of(house, task_id)).task.status == "running"
        await house.pass_time(300, 10)
        assert (await view_of(house, task_id)).task.state == "failed"


async def test_one_failure_loses_no_file_whatever_the_upstream_says_of_its_end(tmp_path: Path) -> None:
    """Some tell when a link ends in another unit, or by another clock."""
    async with House(tmp_path).opened() as house:
        over = replace(HIDDEN.outputs[0], expires_at=3600.0)
        task_id = await begun(house, [BUSY], Succeeded((over,)))
        await house.pass_time(10)
        assert (await view_of(house, task_id)).task.state == "succeeded"

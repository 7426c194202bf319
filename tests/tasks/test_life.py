"""The state machine, step by step, against scripted providers and a clock moved by hand."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from sqlalchemy.exc import OperationalError

from telecine.config import ChannelConfig, LimitsConfig, ModelMap
from telecine.net.client import FetchError
from telecine.nouns.errors import GatewayError, TaskError
from telecine.providers.base import Channel, Job, MediaReader, Submission
from telecine.providers.outcomes import (
    Accepted,
    Cancelled,
    Failed,
    Finished,
    Found,
    NeverSent,
    NotFound,
    Refused,
    Running,
    Unknown,
    Unreadable,
)
from telecine.tasks.view import Filter
from telecine.tasks.writes import Mark, Start, Step
from telecine.tasks.writes.recovery import free_overdue_slots
from tests.tasks.scripted import DONE, TRAITS, House, Scripted, refusal, text_to_video


async def test_from_create_to_stored(tmp_path: Path) -> None:
    async with House(tmp_path).opened() as house:
        house.provider.polls = [Running(started=False), Running(progress=40), Running(progress=30), DONE]
        view = await house.tasks.create(house.me, text_to_video(), "tasks")
        assert (view.task.state, view.task.status) == ("running", "queued")
        seen = []
        for _ in range(60):
            await house.pass_time(2)
            task = (await house.tasks.get(house.me, view.task.id)).task
            seen.append((task.status, task.progress))
            if task.ended:
                break
        assert seen[-1] == ("succeeded", 100)
        assert [one for index, one in enumerate(seen) if index == 0 or seen[index - 1] != one] == [
            ("queued", 0),
            ("running", 40),
            ("succeeded", 100),
        ]
        done = await house.tasks.get(house.me, view.task.id)
        assert [output.state for output in done.outputs] == ["stored"]
        assert done.task.usage is not None
        assert done.task.usage.seconds == 5.0
        kinds = [event["type"] for event in await house.timeline(view.task.id)]
        assert kinds == ["queued", "submitting", "running", "progress", "collecting", "succeeded"]
        assert len(house.provider.sent) == 1


async def test_a_refusal_is_raised_and_leaves_a_failed_task(tmp_path: Path) -> None:
    async with House(tmp_path).opened() as house:
        house.provider.submits = [Refused(refusal("content_policy"))]
        with pytest.raises(GatewayError) as caught:
            await house.tasks.create(house.me, text_to_video(), "tasks")
        assert caught.value.code == "content_policy"
        assert not caught.value.may_retry
        page = await house.tasks.list(house.me, Filter(limit=10))
        assert [(v.task.state, v.task.error) for v in page.views] == [("failed", refusal("content_policy"))]


async def test_capacity_waits_and_is_never_shown(tmp_path: Path) -> None:
    async with House(tmp_path).opened() as house:
        full = Refused(refusal("capacity"), capacity=True, retry_after=3)
        house.provider.submits = [full, full, Accepted("u1")]
        view = await house.tasks.create(house.me, text_to_video(), "tasks")
        assert view.task.state == "queued"
        await house.pass_time(30)
        assert (await house.tasks.get(house.me, view.task.id)).task.state == "running"
        assert len(house.provider.sent) == 3


async def test_a_refusal_for_the_channels_own_reasons_goes_to_the_next_channel(tmp_path: Path) -> None:
    first, second = Scripted("first"), Scripted("second")
    channels = (
        ChannelConfig(name="a", provider="first", priority=10),
        ChannelConfig(name="b", provider="second"),
    )
    first.submits = [Refused(refusal("upstream_refused"), elsewhere=True)]
    async with House(tmp_path, channels, (first, second)).opened() as house:
        view = await house.tasks.create(house.me, text_to_video(), "tasks")
        assert (view.task.state, view.task.channel) == ("running", "b")
        assert (len(first.sent), len(second.sent)) == (1, 1)


async def test_when_every_channel_refuses_the_task_fails_with_the_last_reason(tmp_path: Path) -> None:
    async with House(tmp_path).opened() as house:
        house.provider.submits = [Refused(refusal("upstream_refused"), elsewhere=True)]
        with pytest.raises(GatewayError) as caught:
            await house.tasks.create(house.me, text_to_video(), "tasks")
        assert caught.value.message == "refused: upstream_refused"
        assert len(house.provider.sent) == 1


async def test_never_sent_is_tried_again_and_given_up_in_the_end(tmp_path: Path) -> None:
    async with House(tmp_path, limits=LimitsConfig(unreachable=120)).opened() as house:
        house.provider.submits = [NeverSent("no connection"), NeverSent("no connection"), Accepted("u1")]
        view = await house.tasks.create(house.me, text_to_video(), "tasks")
        assert view.task.state == "queued"
        await house.pass_time(20)
        assert (await house.tasks.get(house.me, view.task.id)).task.state == "running"

        house.provider.submits = [NeverSent("no connection")]
        other = await house.tasks.create(house.me, text_to_video(), "tasks")
        await house.pass_time(400, 5)
        task = (await house.tasks.get(house.me, other.task.id)).task
        assert task.state == "failed"
        assert task.error == TaskError("upstream_failed", "The upstream could not be reached: no connection.")


async def test_an_unknown_submit_is_looked_up_and_found(tmp_path: Path) -> None:
    async with House(tmp_path).opened() as house:
        house.provider.submits = [Unknown("no answer in time")]
        house.provider.look_ups = [Unreadable("502"), NotFound(), Found("u9", Running())]
        house.provider.polls = [DONE]
        view = await house.tasks.create(house.me, text_to_video(), "tasks")
        assert view.task.state == "reconciling"
        await house.pass_time(60)
        task = (await house.tasks.get(house.me, view.task.id)).task
        assert task.state == "succeeded"
        assert len(house.provider.sent) == 1
        assert house.provider.polled[-1].upstream_id == "u9"


async def test_absent_after_the_lag_is_sent_again_with_the_same_handle(tmp_path: Path) -> None:
    async with House(tmp_path).opened() as house:
        house.provider.submits = [Unknown("reset"), Accepted("u1")]
        view = await house.tasks.create(house.me, text_to_video(), "tasks")
        await house.pass_time(85)
        assert len(house.provider.sent) == 1, "not before the submit's deadline plus the visibility lag"
        await house.pass_time(60)
        assert len({one.handle for one in house.provider.sent}) == 1
        assert len(house.provider.sent) == 2
        assert (await house.tasks.get(house.me, view.task.id)).task.state == "running"


async def test_an_upstream_that_never_answers_readably_is_given_up_without_a_job(tmp_path: Path) -> None:
    async with House(tmp_path).opened() as house:
        house.provider.submits = [Unknown("HTML")]
        view = await house.tasks.create(house.me, text_to_video(), "tasks")
        await house.pass_time(1000, 5)
        task = (await house.tasks.get(house.me, view.task.id)).task
        assert (task.state, task.error and task.error.code) == ("failed", "upstream_failed")
        assert len(house.provider.sent) == 3
        assert len({one.handle for one in house.provider.sent}) == 1


@pytest.mark.parametrize("look_up", [False, True])
async def test_where_nobody_can_tell_it_is_submission_unknown_and_keeps_its_slot(tmp_path: Path, look_up: bool) -> None:
    provider = Scripted(traits=replace(TRAITS, look_up=look_up, unique_handle=False))
    provider.submits = [Unknown("reset"), Accepted("u2")]
    channels = (ChannelConfig(name="main", provider="scripted", max_in_flight=1),)
    async with House(tmp_path, channels, (provider,)).opened() as house:
        if look_up:
            view = await house.tasks.create(house.me, text_to_video(), "tasks")
            await house.pass_time(200)
            assert (await house.tasks.get(house.me, view.task.id)).task.state == "failed"
        else:
            with pytest.raises(GatewayError) as caught:
                await house.tasks.create(house.me, text_to_video(), "tasks")
            assert caught.value.code == "submission_unknown"
        (failed,) = (await house.tasks.list(house.me, Filter(limit=1))).views
        assert failed.task.error is not None
        assert failed.task.error.code == "submission_unknown"
        assert len(provider.sent) == 1
        waiting = await house.tasks.create(house.me, text_to_video(), "tasks")
        assert waiting.task.state == "queued", "the slot of the unknown job is still taken"


async def test_a_poll_that_cannot_be_read_never_ends_a_task(tmp_path: Path) -> None:
    async with House(tmp_path).opened() as house:
        house.provider.polls = [*[Unreadable("HTML")] * 20, DONE]
        view = await house.tasks.create(house.me, text_to_video(), "tasks")
        await house.pass_time(1500, 5)
        assert (await house.tasks.get(house.me, view.task.id)).task.state == "succeeded"


async def test_our_deadline_is_not_their_failure(tmp_path: Path) -> None:
    async with House(tmp_path).opened() as house:
        view = await house.tasks.create(house.me, text_to_video(), "tasks")
        await house.pass_time(4000, 30)
        assert (await house.tasks.get(house.me, view.task.id)).task.state == "reconciling"
        house.provider.polls = [DONE]
        await house.pass_time(1500, 30)
        assert (await house.tasks.get(house.me, view.task.id)).task.state == "succeeded"


async def test_an_upstream_that_asks_for_a_wait_is_heeded_past_our_deadline_too(tmp_path: Path) -> None:
    async with House(tmp_path).opened() as house:
        view = await house.tasks.create(house.me, text_to_video(), "tasks")
        await house.pass_time(4000, 30)
        house.provider.polls = [Running(retry_after=1000.0), DONE]
        await house.pass_time(900, 30)
        assert len(house.provider.polls) == 1
        assert (await house.tasks.get(house.me, view.task.id)).task.state == "reconciling"
        await house.pass_time(300, 30)
        assert (await house.tasks.get(house.me, view.task.id)).task.state == "succeeded"


async def test_only_the_upstreams_retention_ends_an_endless_job(tmp_path: Path) -> None:
    async with House(tmp_path).opened() as house:
        view = await house.tasks.create(house.me, text_to_video(), "tasks")
        await house.pass_time(86400, 300)
        await house.pass_time(1200, 300)
        task = (await house.tasks.get(house.me, view.task.id)).task
        assert (task.state, task.error and task.error.code) == ("failed", "expired")


async def test_a_failure_that_the_upstream_tells_fails_the_task(tmp_path: Path) -> None:
    async with House(tmp_path).opened() as house:
        house.provider.polls = [Failed(TaskError("content_policy", "no"))]
        view = await house.tasks.create(house.me, text_to_video(), "tasks")
        await house.pass_time(30)
        task = (await house.tasks.get(house.me, view.task.id)).task
        assert (task.state, task.error) == ("failed", TaskError("content_policy", "no"))


async def test_slots_are_claimed_in_order_and_freed_when_the_job_has_ended(tmp_path: Path) -> None:
    channels = (ChannelConfig(name="main", provider="scripted", max_in_flight=2),)
    async with House(tmp_path, channels).opened() as house:
        made = []
        for _ in range(5):
            made.append((await house.tasks.create(house.me, text_to_video(), "tasks")).task.id)
            house.clock.advance(0.01)
        assert len(house.provider.sent) == 2
        await house.pass_time(60)
        assert len(house.provider.sent) == 2, "no slot has been freed yet"
        house.provider.polls = [DONE]
        await house.pass_time(300)
        states = [(await house.tasks.get(house.me, one)).task.state for one in made]
        assert states == ["succeeded"] * 5
        by_handle = [(await house.reads.work(one)).current.handle for one in made]  # type: ignore[union-attr]
        assert [one.handle for one in house.provider.sent] == by_handle, "first come, first served"


async def test_finished_at_once(tmp_path: Path) -> None:
    async with House(tmp_path).opened() as house:
        house.provider.submits = [Finished(DONE)]
        view = await house.tasks.create(house.me, text_to_video(), "tasks")
        assert view.task.state == "succeeded"


async def test_a_file_that_cannot_be_stored_does_not_fail_the_task(tmp_path: Path) -> None:
    async with House(tmp_path).opened() as house:
        house.provider.submits = [Finished(DONE)]
        house.shelf.failures = [FetchError("cut short")] * 4
        view = await house.tasks.create(house.me, text_to_video(), "tasks")
        assert view.task.state == "collecting"
        await house.pass_time(8)
        view = await house.tasks.get(house.me, view.task.id)
        assert (view.task.state, view.outputs[0].state) == ("succeeded", "pending")
        assert view.outputs[0].upstream_url == "https://files.example/a.mp4"
        await house.pass_time(60)
        assert (await house.tasks.get(house.me, view.task.id)).outputs[0].state == "stored"


async def test_cancel_of_a_waiting_task_is_at_once(tmp_path: Path) -> None:
    channels = (ChannelConfig(name="main", provider="scripted", max_in_flight=1),)
    async with House(tmp_path, channels).opened() as house:
        await house.tasks.create(house.me, text_to_video(), "tasks")
        waiting = await house.tasks.create(house.me, text_to_video(), "tasks")
        view = await house.tasks.cancel(house.me, waiting.task.id)
        assert view.task.state == "cancelled"
        assert len(house.provider.sent) == 1


async def test_cancel_upstream_where_it_can_and_a_mark_where_it_cannot(tmp_path: Path) -> None:
    able = Scripted(traits=replace(TRAITS, cancel=True))
    able.cancels = [Cancelled()]
    async with House(tmp_path, providers=(able,)).opened() as house:
        view = await house.tasks.create(house.me, text_to_video(), "tasks")
        assert (await house.tasks.cancel(house.me, view.task.id)).task.state == "cancelled"


async def test_a_marked_task_runs_on_and_billed_work_is_collected(tmp_path: Path) -> None:
    async with House(tmp_path).opened() as house:
        view = await house.tasks.create(house.me, text_to_video(), "tasks")
        marked = (await house.tasks.cancel(house.me, view.task.id)).task
        assert marked.cancel_requested_at is not None
        assert not marked.ended
        house.provider.polls = [DONE]
        await house.pass_time(60)
        assert (await house.tasks.get(house.me, view.task.id)).task.state == "succeeded"


async def test_a_marked_task_whose_job_fails_is_cancelled(tmp_path: Path) -> None:
    async with House(tmp_path).opened() as house:
        view = await house.tasks.create(house.me, text_to_video(), "tasks")
        await house.tasks.cancel(house.me, view.task.id)
        house.provider.polls = [Failed(TaskError("upstream_failed", "x"))]
        await house.pass_time(60)
        assert (await house.tasks.get(house.me, view.task.id)).task.state == "cancelled"


@pytest.mark.parametrize("when", ["after", "while"])
async def test_deleted_tasks_are_gone_at_once_and_their_files_later(tmp_path: Path, when: str) -> None:
    async with House(tmp_path).opened() as house:
        house.provider.polls = [DONE] if when == "after" else [Running()]
        view = await house.tasks.create(house.me, text_to_video(), "tasks")
        await house.pass_time(10)
        assert (await house.tasks.shown(view.task.id)).task.id == view.task.id
        await house.tasks.delete(house.me, view.task.id)
        for reading in (house.tasks.get(house.me, view.task.id), house.tasks.shown(view.task.id)):
            with pytest.raises(GatewayError, match="no such task"):
                await reading
        house.provider.polls = [DONE]
        await house.pass_time(60)
        assert house.shelf.forgotten == []
        await house.pass_time(8 * 86400, 7200)
        assert house.shelf.forgotten == [f"a{house.me.account_id}/t{view.task.id}/0.mp4"]


async def test_an_external_id_is_unique_per_account(tmp_path: Path) -> None:
    async with House(tmp_path).opened() as house:
        await house.tasks.create(house.me, text_to_video(external_id="x"), "tasks")
        with pytest.raises(GatewayError) as caught:
            await house.tasks.create(house.me, text_to_video(external_id="x", prompt="another"), "tasks")
        assert caught.value.code == "conflict"
        other = replace(house.me, account_id=await house.keys.account("other"))
        theirs = await house.tasks.create(other, text_to_video(external_id="x"), "tasks")
        assert (await house.tasks.find_external(other, "x")).task.id == theirs.task.id


async def test_another_accounts_task_is_not_found(tmp_path: Path) -> None:
    async with House(tmp_path).opened() as house:
        view = await house.tasks.create(house.me, text_to_video(), "tasks")
        other = replace(house.me, account_id=await house.keys.account("other"))
        for call in (house.tasks.get, house.tasks.cancel, house.tasks.delete):
            with pytest.raises(GatewayError) as caught:
                await call(other, view.task.id)
            assert caught.value.code == "not_found"
        assert (await house.tasks.list(other, Filter(limit=10))).views == ()


async def test_a_caller_who_goes_away_changes_nothing(tmp_path: Path) -> None:
    async with House(tmp_path).opened() as house:
        gate, arrived = asyncio.Event(), asyncio.Event()

        async def held() -> Accepted:
            arrived.set()
            await gate.wait()
            return Accepted("u1")

        house.provider.submits = [held]
        caller = asyncio.create_task(house.tasks.create(house.me, text_to_video(), "tasks"))
        await arrived.wait()
        caller.cancel()
        await asyncio.gather(caller, return_exceptions=True)
        gate.set()
        await house.engine.drain()
        (view,) = (await house.tasks.list(house.me, Filter(limit=10))).views
        assert view.task.state == "running"


async def test_a_slow_first_step_is_answered_as_queued(tmp_path: Path) -> None:
    async with House(tmp_path, limits=LimitsConfig(first_step=0.05)).opened() as house:
        gate = asyncio.Event()

        async def held() -> Accepted:
            await gate.wait()
            return Accepted("u1")

        house.provider.submits = [held]
        view = await house.tasks.create(house.me, text_to_video(), "tasks")
        assert view.task.status == "queued"
        gate.set()
        await house.engine.drain()
        assert (await house.tasks.get(house.me, view.task.id)).task.state == "running"


async def test_nothing_is_sent_without_the_lease(tmp_path: Path) -> None:
    provider = Scripted(traits=replace(TRAITS, prepares=True))
    async with House(tmp_path, providers=(provider,)).opened() as house:
        prepare = provider.prepare

        async def slow(channel: Channel, submission: Submission, media: MediaReader) -> bytes | None:
            house.clock.advance(300)  # longer than the lease, and nothing has extended it
            return await prepare(channel, submission, media)

        provider.prepare = slow  # type: ignore[method-assign]
        await house.tasks.create(house.me, text_to_video(), "tasks")
        assert provider.sent == []


@pytest.mark.parametrize("retry_after", [0.0, 1e9])
async def test_a_wrong_retry_after_neither_hammers_nor_loses_the_task(tmp_path: Path, retry_after: float) -> None:
    async with House(tmp_path).opened() as house:
        full = Refused(refusal("capacity"), capacity=True, retry_after=retry_after)
        house.provider.submits = [full, Accepted("u1")]
        house.provider.polls = [Unreadable("busy", retry_after), DONE]
        view = await house.tasks.create(house.me, text_to_video(), "tasks")
        assert (view.task.state, len(house.provider.sent)) == ("queued", 1)
        await house.pass_time(3 * 3600, 60)
        assert (await house.tasks.get(house.me, view.task.id)).task.state == "succeeded"


async def test_a_full_disk_does_not_fail_the_task(tmp_path: Path) -> None:
    async with House(tmp_path).opened() as house:
        house.provider.submits = [Finished(DONE)]
        house.shelf.failures = [OSError(28, "No space left on device")] * 4  # type: ignore[list-item]
        view = await house.tasks.create(house.me, text_to_video(), "tasks")
        await house.pass_time(8)
        view = await house.tasks.get(house.me, view.task.id)
        assert (view.task.state, view.outputs[0].state) == ("succeeded", "pending")
        await house.pass_time(60)
        assert (await house.tasks.get(house.me, view.task.id)).outputs[0].state == "stored"


async def test_a_cancel_while_a_channel_cannot_be_reached_keeps_the_job_from_the_next(tmp_path: Path) -> None:
    first, second = Scripted("first"), Scripted("second")
    channels = (
        ChannelConfig(name="a", provider="first", priority=10),
        ChannelConfig(name="b", provider="second"),
    )
    async with House(tmp_path, channels, (first, second)).opened() as house:
        asked, gone = asyncio.Event(), asyncio.Event()

        async def unreachable() -> NeverSent:
            asked.set()
            await gone.wait()
            return NeverSent("no connection")

        first.submits = [unreachable]
        creating = asyncio.create_task(house.tasks.create(house.me, text_to_video(), "tasks"))
        await asked.wait()
        task_id = (await house.tasks.list(house.me, Filter(limit=1))).views[0].task.id
        await house.database.write(Mark(task_id, house.clock.now(), cancel=True))
        gone.set()
        assert (await creating).task.state == "cancelled"
        assert second.sent == []


async def test_resubmitting_into_the_unknown_has_an_end(tmp_path: Path) -> None:
    provider = Scripted(traits=replace(TRAITS, look_up=False, unique_handle=False))
    channels = (ChannelConfig(name="main", provider="scripted", resubmit=True),)
    async with House(tmp_path, channels, (provider,)).opened() as house:
        provider.submits = [Unknown("reset")]
        view = await house.tasks.create(house.me, text_to_video(), "tasks")
        assert len(provider.sent) == 1
        await house.pass_time(600)
        task = (await house.tasks.get(house.me, view.task.id)).task
        assert (task.state, task.error and task.error.code) == ("failed", "submission_unknown")
        assert len(provider.sent) == 3


async def test_a_heavy_task_gets_its_turn_under_a_steady_load_of_light_ones(tmp_path: Path) -> None:
    channels = (
        ChannelConfig(
            name="main",
            provider="scripted",
            models=("kling-v2-5-turbo", ModelMap("kling-v3", slots=3)),
            max_in_flight=4,
        ),
    )
    async with House(tmp_path, channels).opened() as house:
        house.provider.polls = [DONE]

        async def light() -> None:
            await house.tasks.create(house.me, text_to_video(), "tasks")
            house.clock.advance(0.01)

        for _ in range(4):
            await light()
        heavy = (await house.tasks.create(house.me, text_to_video(model="kling-v3"), "tasks")).task.id
        for _ in range(30):
            await light()
            await light()
            await house.pass_time(5)
        assert (await house.tasks.get(house.me, heavy)).task.state == "succeeded"


async def test_an_adapter_that_breaks_has_read_nothing_and_deadlines_still_apply(tmp_path: Path) -> None:
    async with House(tmp_path).opened() as house:
        view = await house.tasks.create(house.me, text_to_video(), "tasks")

        async def breaks(channel: Channel, job: Job) -> Running:
            raise RecursionError("a body of nothing but brackets")

        house.provider.poll = breaks  # type: ignore[method-assign]
        await house.pass_time(90_000, 1500)
        task = (await house.tasks.get(house.me, view.task.id)).task
        assert (task.state, task.error and task.error.code) == ("failed", "expired")


async def test_an_upstream_that_claims_a_thousand_files_is_not_believed(tmp_path: Path) -> None:
    async with House(tmp_path).opened() as house:
        house.provider.submits = [Finished(replace(DONE, outputs=DONE.outputs * 1000))]
        view = await house.tasks.create(house.me, text_to_video(), "tasks")
        assert (view.task.state, len(view.outputs)) == ("succeeded", 128)


async def test_resubmitting_keeps_the_slot_of_the_job_that_may_exist(tmp_path: Path) -> None:
    blind = Scripted(traits=replace(TRAITS, look_up=False, unique_handle=False))
    blind.submits = [Unknown("reset"), Accepted("u2")]
    channels = (ChannelConfig(name="main", provider="scripted", max_in_flight=2, resubmit=True),)
    async with House(tmp_path, channels, (blind,)).opened() as house:
        view = await house.tasks.create(house.me, text_to_video(), "tasks")
        await house.pass_time(30)
        assert (await house.tasks.get(house.me, view.task.id)).task.state == "running"
        waiting = await house.tasks.create(house.me, text_to_video(), "tasks")
        assert waiting.task.state == "queued", "one slot runs, the other belongs to what may be running"
        await house.pass_time(3700, 60)
        await free_overdue_slots(house.database, house.clock.now())
        await house.pass_time(30)
        assert (await house.tasks.get(house.me, waiting.task.id)).task.state == "running"


async def test_a_task_that_is_cancelled_while_it_is_prepared_is_not_sent(tmp_path: Path) -> None:
    provider = Scripted(traits=replace(TRAITS, prepares=True))
    async with House(
        tmp_path, (ChannelConfig(name="main", provider="scripted", max_in_flight=1),), (provider,)
    ).opened() as house:

        async def cancelled() -> None:
            page = await house.tasks.list(house.me, Filter(limit=1))
            await house.database.write(Mark(page.views[0].task.id, house.clock.now(), cancel=True))

        provider.preparing = cancelled
        view = await house.tasks.create(house.me, text_to_video(), "tasks")
        assert (view.task.state, provider.sent) == ("cancelled", [])
        provider.preparing = None
        again = await house.tasks.create(house.me, text_to_video(), "tasks")
        assert again.task.state == "running"  # the slot is free again


async def test_a_database_that_fails_for_a_moment_loses_no_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only this process knows the id of the job that the upstream has just accepted."""
    blind = Scripted(traits=replace(TRAITS, look_up=False, unique_handle=False))
    async with House(tmp_path, providers=(blind,)).opened() as house:
        write, failures = house.database.write, [OperationalError("COMMIT", None, Exception("disk full"))] * 3

        async def failing(what: Any) -> Any:
            if isinstance(what, Step) and what.change.task.state == "running" and failures:
                raise failures.pop()
            return await write(what)

        monkeypatch.setattr(house.database, "write", failing)
        creating = asyncio.create_task(house.tasks.create(house.me, text_to_video(), "tasks"))
        await house.pass_time(10, 1)
        view = await creating
        assert (view.task.state, failures, len(blind.sent)) == ("running", [], 1)
        blind.polls = [DONE]
        await house.pass_time(60)
        assert (await house.tasks.get(house.me, view.task.id)).task.state == "succeeded"


async def test_a_commit_whose_answer_was_lost_is_not_made_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with House(tmp_path).opened() as house:
        write, failures = house.database.write, [OperationalError("COMMIT", None, Exception("connection lost"))]

        async def failing(what: Any) -> Any:
            done = await write(what)
            if isinstance(what, Step) and what.change.task.state == "running" and failures:
                raise failures.pop()
            return done

        monkeypatch.setattr(house.database, "write", failing)
        creating = asyncio.create_task(house.tasks.create(house.me, text_to_video(), "tasks"))
        await house.pass_time(10, 1)
        view = await creating
        assert (view.task.state, failures) == ("running", [])
        timeline = await house.timeline(view.task.id)
        assert [event["type"] for event in timeline].count("running") == 1


async def test_a_task_that_is_cancelled_just_before_its_start_is_not_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    channel = ChannelConfig(name="main", provider="scripted", models=("kling-v2-5-turbo",), max_in_flight=1)
    async with House(tmp_path, (channel,)).opened() as house:
        write = house.database.write
        cancelled: list[int] = []

        async def late(what: Any) -> Any:
            if isinstance(what, Start):
                cancelled.append(what.task.id)
                await write(Mark(what.task.id, house.clock.now(), cancel=True))
            return await write(what)

        monkeypatch.setattr(house.database, "write", late)
        house.provider.polls = [DONE]
        await house.tasks.create(house.me, text_to_video(), "tasks")
        view = await house.tasks.create(house.me, text_to_video(), "tasks")
        await house.pass_time(60)
        await house.engine.drain()
        assert cancelled == [view.task.id]
        assert (await house.tasks.get(house.me, view.task.id)).task.state == "cancelled"
        assert len(house.provider.sent) == 1

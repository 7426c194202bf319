"""Tasks and the circuits of their channels: who goes, who waits, and for how long."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from msgspec.structs import replace

from telecine.config import ChannelConfig, LimitsConfig
from telecine.net.client import FetchError
from telecine.nouns.errors import GatewayError, TaskError
from telecine.providers.base import Channel, MediaReader, Submission
from telecine.providers.outcomes import Accepted, NeverSent, NotFound, Refused, Unknown
from tests.tasks.scripted import DONE, TRAITS, House, Scripted, refusal, text_to_video

pytestmark = pytest.mark.one_process("a circuit is of one process")

AWAY = NeverSent("no connection")


def pair(tmp_path: Path, *, full: bool = False, limits: LimitsConfig | None = None) -> tuple[House, Scripted, Scripted]:
    """Channel a goes before channel b, which has one slot where it is to be `full`."""
    first, second = Scripted("first"), Scripted("second")
    channels = (
        ChannelConfig(name="a", provider="first", priority=10),
        ChannelConfig(name="b", provider="second", max_in_flight=1 if full else None),
    )
    return House(tmp_path, channels, (first, second), limits=limits), first, second


async def make(house: House) -> int:
    return (await house.tasks.create(house.me, text_to_video(), "tasks")).task.id


async def state(house: House, task_id: int) -> str:
    return (await house.tasks.get(house.me, task_id)).task.state


async def fill(house: House) -> None:
    """Take the one slot of b."""
    house.router.circuit("a").trouble(0)
    assert await state(house, await make(house)) == "running"
    house.clock.advance(1)
    house.router.circuit("a").take(1)
    house.router.circuit("a").well(1)


async def test_one_probe_at_a_time_and_all_go_once_it_is_well(tmp_path: Path) -> None:
    async with House(tmp_path).opened() as house:
        house.provider.submits = [AWAY]
        made = [await make(house) for _ in range(12)]
        assert len(house.provider.sent) == 1, "the others wait without having tried"
        await house.pass_time(25)
        assert 3 <= len(house.provider.sent) <= 5, "after 1, 2, 4, 8 … seconds one of them tries"
        before = len(house.provider.sent)
        house.provider.submits = [Accepted("u1")]
        await house.pass_time(45)
        assert {await state(house, one) for one in made} == {"running"}
        assert len(house.provider.sent) == before + len(made)


async def test_while_the_probe_is_under_way_others_wait_or_go_elsewhere(tmp_path: Path) -> None:
    house, first, second = pair(tmp_path)
    async with house.opened():
        gate, arrived = asyncio.Event(), asyncio.Event()

        async def slow() -> Accepted:
            arrived.set()
            await gate.wait()
            return Accepted("u1")

        house.router.circuit("a").trouble(0)
        house.clock.advance(1)
        first.submits = [slow, Accepted("u2")]
        probing = asyncio.create_task(make(house))
        await arrived.wait()
        made = await asyncio.gather(*(make(house) for _ in range(5)))
        assert (len(first.sent), len(second.sent)) == (1, 5)
        gate.set()
        assert await state(house, await probing) == "running"
        assert house.router.circuit("a").state == "closed"
        await make(house)
        assert len(first.sent) == 2
        assert {await state(house, one) for one in made} == {"running"}


async def test_many_that_start_together_are_not_all_the_probe(tmp_path: Path) -> None:
    async with House(tmp_path).opened() as house:
        house.router.circuit("main").trouble(0)
        house.clock.advance(1)
        house.provider.submits = [AWAY]
        await asyncio.gather(*(make(house) for _ in range(8)))
        assert len(house.provider.sent) == 1


async def test_a_probe_that_finds_no_slot_lets_another_channel_be_used(tmp_path: Path) -> None:
    house, first, second = pair(tmp_path, full=True)
    async with house.opened():
        await fill(house)
        house.router.circuit("b").trouble(0)
        house.clock.advance(1)
        await make(house)
        assert (len(first.sent), len(second.sent)) == (1, 1)
        assert house.router.circuit("b").pause() == 0, "given back: it was not tried"


async def test_tasks_that_are_never_the_probe_are_given_up_too(tmp_path: Path) -> None:
    async with House(tmp_path, limits=LimitsConfig(unreachable=100)).opened() as house:
        house.provider.submits = [AWAY]
        made = [await make(house) for _ in range(8)]
        await house.pass_time(90, 3)
        assert {await state(house, one) for one in made} == {"queued"}
        await house.pass_time(150, 3)  # one that is the probe once has as long again
        views = [await house.tasks.get(house.me, one) for one in made]
        assert {(view.task.state, view.task.error and view.task.error.code) for view in views} == {
            ("failed", "upstream_failed")
        }


async def test_a_channel_that_is_only_full_is_waited_for(tmp_path: Path) -> None:
    async with House(tmp_path, limits=LimitsConfig(unreachable=100)).opened() as house:
        house.provider.submits = [Refused(refusal("capacity"), capacity=True)]
        made = [await make(house) for _ in range(3)]
        await house.pass_time(400, 5)
        assert {await state(house, one) for one in made} == {"queued"}
        house.provider.submits = [Accepted("u1")]
        await house.pass_time(80, 2)
        assert {await state(house, one) for one in made} == {"running"}


async def test_a_full_channel_leaves_the_task_to_another_at_once(tmp_path: Path) -> None:
    house, first, second = pair(tmp_path)
    first.submits = [Refused(refusal("capacity"), capacity=True, retry_after=60)]
    async with house.opened():
        assert await state(house, await make(house)) == "running"
        await make(house)
        assert (len(first.sent), len(second.sent)) == (1, 2)


async def test_a_lone_unknown_submit_stops_nobody_and_three_in_a_row_do(tmp_path: Path) -> None:
    async with House(tmp_path).opened() as house:
        house.provider.submits = [Unknown("reset"), Accepted("u1"), Unknown("reset")]
        for _ in range(2):
            await make(house)
        assert house.router.circuit("main").state == "closed"
        for _ in range(3):
            assert await state(house, await make(house)) == "reconciling"
        waiting = await make(house)
        assert await state(house, waiting) == "queued"
        assert len(house.provider.sent) == 5


async def test_a_crash_while_sending_is_not_held_against_the_channel(tmp_path: Path) -> None:
    async with House(tmp_path).opened() as house:
        house.provider.submits = [RuntimeError("a bug")]
        for _ in range(4):
            await make(house)
        await house.pass_time(35)
        assert house.router.circuit("main").state == "closed"


async def test_the_same_handle_is_sent_again_only_where_the_circuit_lets_it(tmp_path: Path) -> None:
    async with House(tmp_path, limits=LimitsConfig(unreachable=5000)).opened() as house:
        house.provider.submits = [Unknown("reset"), Accepted("u1")]
        task_id = await make(house)
        house.router.circuit("main").trouble(0, 400.0)
        await house.pass_time(390, 5)
        assert (await state(house, task_id), len(house.provider.sent)) == ("reconciling", 1)
        await house.pass_time(120, 5)
        assert (await state(house, task_id), len(house.provider.sent)) == ("running", 2)
        assert house.router.circuit("main").state == "closed"


async def test_a_job_that_is_absent_is_not_sent_again_for_ever(tmp_path: Path) -> None:
    async with House(tmp_path, limits=LimitsConfig(unreachable=300)).opened() as house:
        house.provider.submits = [Unknown("reset")]
        house.provider.look_ups = [NotFound()]
        task_id = await make(house)
        house.router.circuit("main").trouble(0, 3600.0)
        await house.pass_time(5000, 50)
        assert (await state(house, task_id), len(house.provider.sent)) == ("failed", 1)


async def test_media_that_cannot_be_had_say_nothing_about_the_channel(tmp_path: Path) -> None:
    async with House(tmp_path).opened() as house:
        house.provider.submits = [FetchError("the picture's host is away"), Accepted("u1")]
        task_id = await make(house)
        assert (await state(house, task_id), len(house.provider.sent)) == ("queued", 1)
        assert house.router.circuit("main").state == "closed"
        await house.pass_time(3)
        assert await state(house, task_id) == "running"


async def test_media_that_cannot_be_had_give_the_probe_back(tmp_path: Path) -> None:
    async with House(tmp_path, limits=LimitsConfig(unreachable=60)).opened() as house:
        house.router.circuit("main").trouble(0)
        house.clock.advance(1)
        house.provider.submits = [FetchError("the picture's host is away")]
        task_id = await make(house)
        assert house.router.circuit("main").pause() == 0
        house.provider.submits = [Accepted("u1")]
        assert await state(house, await make(house)) == "running"
        house.provider.submits = [FetchError("the picture's host is away")]
        await house.pass_time(200, 2)
        task = (await house.tasks.get(house.me, task_id)).task
        message = "A file of the request cannot be had: the picture's host is away."
        assert (task.state, task.error) == ("failed", TaskError("invalid_request", message, "inputs"))
        assert len(house.provider.sent) < 12


async def test_what_cannot_be_prepared_now_is_tried_again_soon(tmp_path: Path) -> None:
    provider = Scripted(traits=replace(TRAITS, prepares=True))
    async with House(tmp_path, providers=(provider,)).opened() as house:
        prepare, tries = provider.prepare, 0

        async def away(channel: Channel, submission: Submission, media: MediaReader) -> bytes | None:
            nonlocal tries
            tries += 1
            if tries == 1:
                raise FetchError("the picture's host is away")
            return await prepare(channel, submission, media)

        provider.prepare = away  # type: ignore[method-assign]
        task_id = await make(house)
        await house.pass_time(3)
        assert await state(house, task_id) == "running"


def prepared(provider: Scripted, *answers: NeverSent | Refused | bytes) -> None:
    """Have it answer so, one after the other."""
    left = list(answers)

    async def told(channel: Channel, submission: Submission, media: MediaReader) -> NeverSent | Refused | bytes:
        return left.pop(0)

    provider.prepare = told  # type: ignore[method-assign,assignment]


@pytest.mark.parametrize("said", [AWAY, Refused(TaskError("capacity", "full"), capacity=True)])
async def test_an_upstream_that_is_away_or_full_is_prepared_again(tmp_path: Path, said: NeverSent | Refused) -> None:
    provider = Scripted(traits=replace(TRAITS, prepares=True))
    prepared(provider, said, b"prepared")
    async with House(tmp_path, providers=(provider,)).opened() as house:
        task_id = await make(house)
        assert house.router.circuit("main").pause() > 0
        assert provider.sent == [], "there is no job"
        await house.pass_time(60, 2)
        assert await state(house, task_id) == "running"
        assert [one.prepared for one in provider.sent] == [b"prepared"]


@pytest.mark.parametrize(
    "said", [Refused(TaskError("upstream_refused", "no key"), elsewhere=True), Refused(TaskError("too_large", "no"))]
)
async def test_what_an_upstream_refuses_to_prepare_is_refused(tmp_path: Path, said: Refused) -> None:
    provider = Scripted(traits=replace(TRAITS, prepares=True))
    prepared(provider, said)
    async with House(tmp_path, providers=(provider,)).opened() as house:
        with pytest.raises(GatewayError) as caught:
            await make(house)
        assert caught.value.code == said.error.code
        assert (house.router.circuit("main").pause() > 0) is said.elsewhere
        assert provider.sent == []


async def test_never_sent_waits_for_the_other_channel_even_where_that_is_full(tmp_path: Path) -> None:
    house, first, second = pair(tmp_path, full=True)
    async with house.opened():
        await fill(house)
        first.submits = [AWAY]
        task_id = await make(house)
        await house.pass_time(120, 3)
        assert (await state(house, task_id), len(first.sent), len(second.sent)) == ("queued", 1, 1)
        second.polls = [DONE]
        await house.pass_time(90, 3)
        assert (await state(house, task_id), len(first.sent), len(second.sent)) == ("succeeded", 1, 2)


async def test_never_sent_waits_for_the_other_channel_even_where_that_rests(tmp_path: Path) -> None:
    house, first, second = pair(tmp_path)
    async with house.opened():
        house.router.circuit("b").trouble(0, 60.0)
        first.submits = [AWAY]
        task_id = await make(house)
        await house.pass_time(55, 1)
        assert (await state(house, task_id), len(first.sent)) == ("queued", 1)
        await house.pass_time(45, 1)
        assert (await state(house, task_id), len(first.sent), len(second.sent)) == ("running", 1, 1)


async def test_a_channel_that_another_task_found_well_has_not_just_failed(tmp_path: Path) -> None:
    house, first, second = pair(tmp_path, full=True)
    async with house.opened():
        await fill(house)
        first.submits = [AWAY, Accepted("u1")]
        task_id = await make(house)
        await house.pass_time(5)
        assert (await state(house, task_id), len(first.sent)) == ("queued", 1)
        assert await state(house, await make(house)) == "running"
        await house.pass_time(45)
        assert (await state(house, task_id), len(first.sent), len(second.sent)) == ("running", 3, 1)


async def test_at_the_end_of_its_patience_it_tries_the_first_channel_once_more(tmp_path: Path) -> None:
    house, first, second = pair(tmp_path, full=True, limits=LimitsConfig(unreachable=100))
    async with house.opened():
        await fill(house)
        first.submits = [AWAY]
        task_id = await make(house)
        await house.pass_time(95, 5)
        assert (await state(house, task_id), len(first.sent)) == ("queued", 1)
        await house.pass_time(60, 5)
        assert (await state(house, task_id), len(first.sent), len(second.sent)) == ("failed", 2, 1)


async def test_a_channel_that_refused_is_never_asked_again(tmp_path: Path) -> None:
    house, first, second = pair(tmp_path, full=True)
    async with house.opened():
        await fill(house)
        first.submits = [Refused(refusal("upstream_refused"), elsewhere=True)]
        task_id = await make(house)
        await house.pass_time(120, 3)
        assert (await state(house, task_id), len(first.sent), len(second.sent)) == ("queued", 1, 1)


async def test_a_request_refused_for_its_own_fault_was_answered_by_a_channel_in_health(tmp_path: Path) -> None:
    async with House(tmp_path).opened() as house:
        house.router.circuit("main").trouble(0)
        house.clock.advance(1)
        house.provider.submits = [Refused(refusal("content_policy"))]
        with pytest.raises(GatewayError):
            await make(house)
        assert house.router.circuit("main").state == "closed"

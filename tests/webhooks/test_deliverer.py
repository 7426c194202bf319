"""Webhooks out: at least once, in order, with growing pauses, to a receiver on a real socket."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from standardwebhooks import Webhook

from telecine.providers.outcomes import Running
from telecine.webhooks.deliverer import Deliverer
from telecine.webhooks.delivery import line_of
from telecine.webhooks.endpoints import Endpoint
from telecine.webhooks.lines import AT_ONCE, PATIENCE
from tests.tasks.scripted import DONE, text_to_video
from tests.webhooks.house import Hooks, Receiver, until


async def test_every_status_change_is_told_once_in_order(tmp_path: Path) -> None:
    async with Hooks(tmp_path).opened() as hooks, Receiver().listening() as receiver:
        await hooks.run_task(DONE, url=receiver.url, dialect="kling")
        await hooks.deliverer.drain()
        assert receiver.bodies == ["queued 0", "running 0", "succeeded 100"]
        await hooks.deliverer.drain()
        assert len(receiver.bodies) == 3


async def test_a_request_without_a_dialects_own_form_gets_ours_with_progress(tmp_path: Path) -> None:
    async with Hooks(tmp_path).opened() as hooks, Receiver().listening() as receiver:
        hooks.house.provider.polls = [Running(10, started=True), Running(40, started=True), DONE]
        await hooks.house.tasks.create(hooks.house.me, text_to_video(callback_url=receiver.url), "tasks")
        for _ in range(60):
            await hooks.house.pass_time(1)
            await hooks.deliverer.drain()
        assert receiver.told == [
            ("task.queued", 0),
            ("task.running", 10),
            ("task.progress", 40),
            ("task.succeeded", 100),
        ]


async def test_progress_that_was_not_delivered_gives_way_to_the_next(tmp_path: Path) -> None:
    async with Hooks(tmp_path).opened() as hooks, Receiver().listening() as receiver:
        steps = (10, 20, 30, 40)
        await hooks.run_task(*(Running(one, started=True) for one in steps), DONE, url=receiver.url)
        await hooks.deliverer.drain()
        assert receiver.told == [
            ("task.queued", 0),
            ("task.running", 10),
            ("task.progress", 40),
            ("task.succeeded", 100),
        ]
        states = [state for kind, state, _ in await hooks.states() if kind == "task.progress"]
        assert states == ["superseded", "superseded", "delivered"]


async def test_progress_that_is_under_way_is_not_overtaken(tmp_path: Path) -> None:
    async with Hooks(tmp_path).opened() as hooks, Receiver().listening() as receiver:
        hooks.house.provider.polls = [Running(10, started=True), Running(20, started=True), Running(30, started=True)]
        await hooks.house.tasks.create(hooks.house.me, text_to_video(callback_url=receiver.url), "tasks")
        while (("task.progress", "pending", 0)) not in await hooks.states():
            await hooks.house.pass_time(1)
            if ("task.running", "pending", 0) in await hooks.states():
                await hooks.deliverer.drain()
        receiver.gate, receiver.statuses = asyncio.Event(), [500, 200]
        await hooks.deliverer.send_due()
        await until(lambda: len(receiver.bodies) == 3)
        await hooks.house.pass_time(30)
        assert await hooks.deliverer.send_due() == 0
        receiver.gate.set()
        await hooks.deliverer.drain()
        assert receiver.told[2:] == [("task.progress", 20), ("task.progress", 30)]
        assert [one[1] for one in await hooks.states()][2:] == ["superseded", "delivered"]


@pytest.mark.parametrize("status", [500, 404, 301])
async def test_later_news_wait_for_earlier_ones_that_were_not_taken(tmp_path: Path, status: int) -> None:
    async with Hooks(tmp_path).opened() as hooks, Receiver().listening() as receiver:
        receiver.statuses = [status, status, 200]
        await hooks.run_task(DONE, url=receiver.url, dialect="kling")
        await hooks.deliverer.drain()
        assert receiver.bodies == ["queued 0"]
        hooks.clock.advance(5)
        await hooks.deliverer.drain()
        hooks.clock.advance(9)
        await hooks.deliverer.drain()
        assert receiver.bodies == ["queued 0", "queued 0"]
        hooks.clock.advance(1)
        await hooks.deliverer.drain()
        assert receiver.bodies == ["queued 0", "queued 0", "queued 0", "running 0", "succeeded 100"]
        assert set(receiver.paths) == {"/hook"}
        assert [one[1:] for one in await hooks.states()] == [("delivered", 3), ("delivered", 1), ("delivered", 1)]
        names = [headers["webhook-id"] for headers in receiver.headers]
        assert len(set(names[:3])) == 1
        assert len(set(names)) == 3


async def test_what_the_receiver_asks_for_is_obeyed(tmp_path: Path) -> None:
    async with Hooks(tmp_path).opened() as hooks, Receiver().listening() as receiver:
        receiver.statuses, receiver.retry_after = [429, 200], "100"
        await hooks.run_task(Running(started=False), url=receiver.url, dialect="kling")
        await hooks.deliverer.drain()
        hooks.clock.advance(99)
        await hooks.deliverer.drain()
        assert len(receiver.bodies) == 1
        hooks.clock.advance(1)
        await hooks.deliverer.drain()
        assert len(receiver.bodies) == 2


async def test_given_up_after_a_day(tmp_path: Path) -> None:
    async with Hooks(tmp_path).opened() as hooks, Receiver().listening() as receiver:
        receiver.statuses = [503]
        await hooks.run_task(DONE, url=receiver.url, dialect="kling")
        for _ in range(40):
            await hooks.deliverer.drain()
            hooks.clock.advance(3600)
        assert {state for _, state, _ in await hooks.states()} == {"failed"}
        tries = len(receiver.bodies)
        await hooks.deliverer.drain()
        assert len(receiver.bodies) == tries


async def test_a_private_address_is_never_called(tmp_path: Path) -> None:
    async with Hooks(tmp_path, allowed=()).opened() as hooks, Receiver().listening() as receiver:
        await hooks.run_task(DONE, url=receiver.url, dialect="kling")
        await hooks.deliverer.drain()
        assert receiver.bodies == []
        assert (await hooks.column("reason"))[0] == "the address is not allowed"


async def test_news_survive_a_restart_in_the_middle(tmp_path: Path) -> None:
    async with Receiver().listening() as receiver:
        receiver.statuses = [500, 200]
        async with Hooks(tmp_path).opened() as hooks:
            await hooks.run_task(DONE, url=receiver.url, dialect="kling")
            await hooks.deliverer.drain()
            clock = hooks.clock
        async with Hooks(tmp_path, clock).opened() as hooks:
            clock.advance(5)
            await hooks.deliverer.drain()
        assert receiver.bodies == ["queued 0", "queued 0", "running 0", "succeeded 100"]
        first, again = receiver.headers[:2]
        assert first["webhook-id"] == again["webhook-id"]


async def test_a_slow_receiver_does_not_hold_up_steps(tmp_path: Path) -> None:
    async with Hooks(tmp_path).opened() as hooks, Receiver().listening() as receiver:
        receiver.gate = asyncio.Event()
        hooks.house.provider.polls = [DONE]
        view = await hooks.house.tasks.create(hooks.house.me, text_to_video(callback_url=receiver.url), "kling")
        await hooks.deliverer.send_due()
        await until(lambda: receiver.bodies)
        await hooks.house.pass_time(30)
        assert (await hooks.house.tasks.get(hooks.house.me, view.task.id)).task.state == "succeeded"
        receiver.gate.set()


async def test_the_log_keeps_what_came_back(tmp_path: Path) -> None:
    async with Hooks(tmp_path).opened() as hooks, Receiver().listening() as receiver:
        receiver.answer = b"x" * 3_000_000
        task = await hooks.run_task(Running(started=False), url=receiver.url, dialect="kling")
        await hooks.deliverer.drain()
        (kept,), more = await hooks.log.list(hooks.account, limit=10, task_id=task)
        assert not more
        assert (kept.state, kept.status, kept.tries, kept.reason) == ("delivered", 200, 1, None)
        assert kept.answer == b"x" * 1024
        assert kept.body == b"queued 0"
        assert kept.latency_ms is not None
        assert await hooks.log.list(hooks.account + 1, limit=10) == ([], False)


async def test_every_body_is_signed_kling_callbacks_too(tmp_path: Path) -> None:
    async with Hooks(tmp_path).opened() as hooks, Receiver().listening() as receiver:
        _, secret = await hooks.endpoints.rotate_own(hooks.account)
        await hooks.run_task(Running(started=False), url=receiver.url, dialect="kling")
        await hooks.deliverer.drain()
        Webhook(secret).verify(receiver.bodies[0], dict(receiver.headers[0]), json_parse=False)


async def test_one_receiver_gets_a_few_at_a_time(tmp_path: Path) -> None:
    async with Hooks(tmp_path).opened() as hooks, Receiver().listening() as receiver, Receiver().listening() as other:
        receiver.gate = asyncio.Event()
        for _ in range(AT_ONCE + 4):
            await hooks.house.tasks.create(hooks.house.me, text_to_video(callback_url=receiver.url), "kling")
        await hooks.house.tasks.create(hooks.house.me, text_to_video(callback_url=other.url), "kling")
        await hooks.deliverer.send_due()
        await until(lambda: len(receiver.bodies) == AT_ONCE and other.bodies)
        assert await hooks.deliverer.send_due() == 0
        receiver.gate.set()
        await hooks.deliverer.drain()
        assert len(receiver.bodies) == AT_ONCE + 4
        assert receiver.busiest == AT_ONCE


async def test_two_processes_send_nothing_twice(tmp_path: Path) -> None:
    async with Hooks(tmp_path).opened() as hooks, Receiver().listening() as receiver:
        if hooks.house.database.sqlite:
            pytest.skip("one process has the records")
        other = Deliverer(hooks.house.database, hooks.client, hooks.clock, hooks.endpoints)
        receiver.gate = asyncio.Event()
        await hooks.house.tasks.create(hooks.house.me, text_to_video(callback_url=receiver.url), "kling")
        await asyncio.gather(hooks.deliverer.send_due(), other.send_due())  # both see it
        await until(lambda: receiver.bodies, 20)
        receiver.gate.set()
        await hooks.deliverer.drain()
        await other.drain()
        assert receiver.bodies == ["queued 0"]
        assert [one[1:] for one in await hooks.states()] == [("delivered", 1)]


async def test_a_receiver_that_fails_is_left_alone_and_nobody_else(tmp_path: Path) -> None:
    async with Hooks(tmp_path).opened() as hooks, Receiver().listening() as dead, Receiver().listening() as well:
        dead.statuses = [500]
        for _ in range(20):
            await hooks.house.tasks.create(hooks.house.me, text_to_video(callback_url=dead.url), "kling")
        await hooks.house.tasks.create(hooks.house.me, text_to_video(callback_url=well.url), "kling")
        await hooks.deliverer.drain()
        seen = len(dead.bodies)
        assert PATIENCE <= seen <= AT_ONCE + PATIENCE
        assert len(well.bodies) == 1
        hooks.clock.advance(29)
        await hooks.deliverer.drain()
        assert len(dead.bodies) == seen
        hooks.clock.advance(1)
        await hooks.deliverer.drain()
        assert len(dead.bodies) == seen + 1  # a single try, and a longer pause
        hooks.clock.advance(59)
        await hooks.deliverer.drain()
        assert len(dead.bodies) == seen + 1
        dead.statuses = [200]
        hooks.clock.advance(3600)
        await hooks.deliverer.drain()
        assert {state for _, state, _ in await hooks.states()} == {"delivered"}


async def test_what_waits_behind_a_dead_receiver_for_a_day_is_given_up(tmp_path: Path) -> None:
    async with Hooks(tmp_path).opened() as hooks, Receiver().listening() as dead:
        dead.statuses = [500]
        for _ in range(PATIENCE + AT_ONCE):
            await hooks.house.tasks.create(hooks.house.me, text_to_video(callback_url=dead.url), "kling")
        await hooks.deliverer.drain()
        hooks.clock.advance(24 * 3600 - 10)
        await hooks.deliverer.give_up_stale()
        assert {state for _, state, _ in await hooks.states()} == {"pending"}
        hooks.clock.advance(11)
        await hooks.deliverer.give_up_stale()
        assert {state for _, state, _ in await hooks.states()} == {"failed"}


async def broken(hooks: Hooks, receiver: Receiver) -> Endpoint:
    """An endpoint that hears of every new task and is left alone: as many have failed as that takes."""
    receiver.statuses = [500]
    endpoint, _ = await hooks.endpoints.create(hooks.account, receiver.url, ["task.queued"])
    for _ in range(PATIENCE):
        await hooks.house.tasks.create(hooks.house.me, text_to_video(), "tasks")
        await hooks.deliverer.drain()
    assert hooks.deliverer.pause(line_of(hooks.account, endpoint.id, "")) is not None
    return endpoint


async def test_a_test_goes_past_a_pause_and_ends_it_where_it_goes_well(tmp_path: Path) -> None:
    async with Hooks(tmp_path).opened() as hooks, Receiver().listening() as receiver:
        endpoint = await broken(hooks, receiver)
        line = line_of(hooks.account, endpoint.id, "")
        pause = hooks.deliverer.pause(line)
        assert pause is not None
        assert pause.until == hooks.clock.now() + 30
        assert pause.reason == "5 failures in a row, the last one: the receiver answered 500"
        for _ in range(3):
            await hooks.log.test(endpoint, {})
        await hooks.deliverer.drain()
        assert len(receiver.bodies) == PATIENCE + 3
        tests = [one[1:] for one in await hooks.states() if one[0] == "webhook.test"]
        assert tests == [("failed", 1)] * 3  # tried once: somebody waits for what comes of it
        assert hooks.deliverer.pause(line) == pause
        receiver.statuses = [200]
        await hooks.log.test(endpoint, {})
        hooks.clock.advance(5)  # what has failed is due again, and no longer held up
        await hooks.deliverer.drain()
        assert hooks.deliverer.pause(line) is None
        assert {state for kind, state, _ in await hooks.states() if kind == "task.queued"} == {"delivered"}


async def test_tests_that_fail_hold_up_nothing(tmp_path: Path) -> None:
    async with Hooks(tmp_path).opened() as hooks, Receiver().listening() as receiver:
        receiver.statuses = [500] * (2 * PATIENCE) + [200]
        endpoint, _ = await hooks.endpoints.create(hooks.account, receiver.url, ["task.queued"])
        for _ in range(2 * PATIENCE):
            await hooks.log.test(endpoint, {})
            await hooks.deliverer.drain()
        await hooks.house.tasks.create(hooks.house.me, text_to_video(), "tasks")
        await hooks.deliverer.drain()
        assert ("task.queued", "delivered", 1) in await hooks.states()


async def test_a_redelivery_goes_past_a_pause(tmp_path: Path) -> None:
    async with Hooks(tmp_path).opened() as hooks, Receiver().listening() as receiver:
        endpoint = await broken(hooks, receiver)
        ((newest,), _) = await hooks.log.list(hooks.account, limit=1)
        fresh = await hooks.log.redeliver(newest, endpoint)
        assert fresh.asked
        await hooks.deliverer.drain()
        assert len(receiver.bodies) == PATIENCE + 1
        assert not (await hooks.log.get(hooks.account, fresh.id)).asked
        hooks.clock.advance(5)
        await hooks.deliverer.drain()
        assert len(receiver.bodies) == PATIENCE + 1  # its next tries wait as all others do


async def test_what_is_asked_for_starves_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("telecine.webhooks.deliverer._AT_ONCE", 2 * AT_ONCE)
    async with (
        Hooks(tmp_path).opened() as hooks,
        Receiver().listening() as slow,
        Receiver().listening() as well,
    ):
        slow.gate = asyncio.Event()
        endpoint, _ = await hooks.endpoints.create(hooks.account, slow.url, ["task.failed"])
        for _ in range(3 * AT_ONCE):
            await hooks.log.test(endpoint, {})
        hooks.clock.advance(1)
        await hooks.house.tasks.create(hooks.house.me, text_to_video(callback_url=well.url), "kling")
        await hooks.deliverer.send_due()
        await until(lambda: len(slow.bodies) == AT_ONCE and well.bodies)
        assert slow.busiest == AT_ONCE
        slow.gate.set()
        await hooks.deliverer.drain()


async def test_a_pause_ends_with_a_reset(tmp_path: Path) -> None:
    async with Hooks(tmp_path).opened() as hooks, Receiver().listening() as dead, Receiver().listening() as well:
        endpoint = await broken(hooks, dead)
        await hooks.endpoints.change(hooks.account, endpoint.id, url=well.url)
        hooks.deliverer.reset(hooks.account, endpoint.id)
        await hooks.deliverer.drain()
        assert len(well.bodies) == PATIENCE  # at once: the pauses were for the old URL


async def test_every_try_is_kept(tmp_path: Path) -> None:
    async with Hooks(tmp_path).opened() as hooks, Receiver().listening() as receiver:
        receiver.statuses, receiver.answer = [503, 404, 200], b"x" * 2000
        began = hooks.clock.now()
        await hooks.run_task(Running(started=False), url=receiver.url, dialect="kling")
        hooks.clock.set(began + 100)
        for _ in range(3):
            await hooks.deliverer.drain()
            hooks.clock.advance(10)
        ((one,), _) = await hooks.log.list(hooks.account, limit=10)
        tries = await hooks.log.tries(one.id)
        assert [(tried.number, tried.at - began, tried.status) for tried in tries] == [
            (1, 100, 503),
            (2, 110, 404),
            (3, 120, 200),
        ]
        assert {len(tried.answer or b"") for tried in tries} == {1024}
        assert all(tried.latency_ms >= 0 for tried in tries)
        assert (one.state, one.tries, one.status) == ("delivered", 3, 200)


async def test_a_try_that_had_no_answer_says_why(tmp_path: Path) -> None:
    async with Hooks(tmp_path, allowed=()).opened() as hooks, Receiver().listening() as receiver:
        await hooks.run_task(Running(started=False), url=receiver.url, dialect="kling")
        await hooks.deliverer.drain()
        ((one,), _) = await hooks.log.list(hooks.account, limit=10)
        (tried,) = await hooks.log.tries(one.id)
        assert (tried.status, tried.reason, tried.answer) == (None, "the address is not allowed", None)


async def test_a_try_is_kept_though_its_delivery_was_given_up_meanwhile(tmp_path: Path) -> None:
    async with Hooks(tmp_path).opened() as hooks, Receiver().listening() as receiver:
        receiver.gate, receiver.statuses = asyncio.Event(), [500]
        endpoint, _ = await hooks.endpoints.create(hooks.account, receiver.url, ["task.queued"])
        await hooks.house.tasks.create(hooks.house.me, text_to_video(), "tasks")
        await hooks.deliverer.send_due()
        await until(lambda: receiver.bodies)
        await hooks.endpoints.delete(hooks.account, endpoint.id)
        receiver.gate.set()
        await hooks.deliverer.drain()
        ((one,), _) = await hooks.log.list(hooks.account, limit=10)
        assert (one.state, one.tries, one.reason) == ("failed", 1, "the webhook was deleted")
        assert [tried.status for tried in await hooks.log.tries(one.id)] == [500]


async def test_news_behind_older_ones_are_not_due_before_those(tmp_path: Path) -> None:
    async with Hooks(tmp_path).opened() as hooks, Receiver().listening() as receiver:
        receiver.statuses, receiver.retry_after = [503], "600"
        await hooks.run_task(DONE, url=receiver.url, dialect="kling")
        await hooks.deliverer.drain()
        found, _ = await hooks.log.list(hooks.account, limit=10)
        assert {one.due for one in found} == {hooks.clock.now() + 600}
        assert {one.due for one in (await hooks.log.list(hooks.account, limit=10, state="delivered"))[0]} == set()

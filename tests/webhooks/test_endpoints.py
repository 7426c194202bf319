"""Endpoints of an account: what they hear of, their secrets, and what is sent to them."""

from __future__ import annotations

import asyncio
import sqlite3
from base64 import b64decode
from pathlib import Path

import pytest
from standardwebhooks import Webhook
from standardwebhooks.webhooks import WebhookVerificationError

from telecine.nouns.errors import GatewayError
from telecine.nouns.ids import IdSource
from telecine.providers.outcomes import Failed, Refused, Running
from telecine.store.sealing import Seal
from telecine.webhooks.delivery import EVENTS, Message, line_of
from telecine.webhooks.endpoints import MOST, MOST_OLD, TWO_SECRETS, Endpoints
from telecine.webhooks.sealing import reseal
from telecine.webhooks.signing import secret_of, signed
from telecine.webhooks.tries import GONE
from tests.tasks.scripted import DONE, refusal, text_to_video
from tests.webhooks.house import KEY, Hooks, Receiver, until


def verified(receiver: Receiver, index: int, secret: str) -> bool:
    try:
        Webhook(secret).verify(receiver.bodies[index], dict(receiver.headers[index]), json_parse=False)
    except WebhookVerificationError:
        return False
    return True


async def test_an_endpoint_hears_what_it_asked_for_signed_with_its_secret(tmp_path: Path) -> None:
    async with Hooks(tmp_path).opened() as hooks, Receiver().listening() as all_of_it, Receiver().listening() as ends:
        _, everything = await hooks.endpoints.create(hooks.account, all_of_it.url, None)
        _, some = await hooks.endpoints.create(hooks.account, ends.url, ["task.succeeded", "task.failed"])
        await hooks.run_task(Running(30), DONE, dialect="kling")
        await hooks.deliverer.drain()
        await hooks.run_task(Failed(refusal("content_policy")))
        await hooks.deliverer.drain()
        assert [kind for kind, _ in ends.told] == ["task.succeeded", "task.failed"]
        words = ["queued", "running", "succeeded", "queued", "failed"]
        assert [kind for kind, _ in all_of_it.told] == [f"task.{word}" for word in words]
        assert all(verified(ends, one, some) for one in range(2))
        assert all(verified(all_of_it, one, everything) for one in range(len(all_of_it.bodies)))
        assert not verified(ends, 0, everything)


async def test_a_request_url_and_an_endpoint_are_told_apart(tmp_path: Path) -> None:
    async with Hooks(tmp_path).opened() as hooks, Receiver().listening() as one, Receiver().listening() as two:
        _, secret = await hooks.endpoints.create(hooks.account, one.url, ["task.succeeded"])
        two.statuses = [500]
        await hooks.run_task(DONE, url=two.url)
        await hooks.deliverer.drain()
        assert [kind for kind, _ in one.told] == ["task.succeeded"]  # nobody else's failures hold it up
        assert len(two.bodies) == 1
        assert not verified(two, 0, secret)


async def test_two_secrets_sign_for_a_day_after_a_rotation(tmp_path: Path) -> None:
    async with Hooks(tmp_path).opened() as hooks, Receiver().listening() as receiver:
        endpoint, first = await hooks.endpoints.create(hooks.account, receiver.url, ["task.queued"])
        _, second = await hooks.endpoints.rotate(hooks.account, endpoint.id)
        await hooks.log.test(endpoint, {})
        await hooks.deliverer.drain()
        assert verified(receiver, 0, first)
        assert verified(receiver, 0, second)
        assert len(receiver.headers[0]["webhook-signature"].split(" ")) == 2
        hooks.clock.advance(24 * 3600)
        await hooks.log.test(endpoint, {})
        await hooks.deliverer.drain()
        assert len(receiver.headers[1]["webhook-signature"].split(" ")) == 1


async def test_every_old_secret_signs_until_its_own_time(tmp_path: Path) -> None:
    async with Hooks(tmp_path).opened() as hooks, Receiver().listening() as receiver:
        endpoint, first = await hooks.endpoints.create(hooks.account, receiver.url, ["task.queued"])
        began = hooks.clock.now()
        _, second = await hooks.endpoints.rotate(hooks.account, endpoint.id)  # whose answer is lost
        hooks.clock.advance(60)
        rotated, third = await hooks.endpoints.rotate(hooks.account, endpoint.id)
        assert rotated.previous_until == began + 60 + TWO_SECRETS
        await hooks.log.test(endpoint, {})
        await hooks.deliverer.drain()
        assert len(receiver.headers[0]["webhook-signature"].split(" ")) == 3
        assert all(verified(receiver, 0, one) for one in (first, second, third))
        for moment, signing in (
            (TWO_SECRETS - 1, [third, second, first]),
            (TWO_SECRETS, [third, second]),
            (TWO_SECRETS + 60, [third]),
        ):
            hooks.clock.set(began + moment)
            known = await hooks.endpoints.secrets(hooks.account, endpoint.id)
            assert known == [b64decode(one.removeprefix("whsec_")) for one in signing]


async def test_so_many_old_secrets_and_no_more(tmp_path: Path) -> None:
    async with Hooks(tmp_path).opened() as hooks:
        endpoint, first = await hooks.endpoints.create(hooks.account, "https://a.test/", None)
        for _ in range(MOST_OLD):
            await hooks.endpoints.rotate(hooks.account, endpoint.id)
            hooks.clock.advance(1)
        with pytest.raises(GatewayError, match=f"in {TWO_SECRETS - MOST_OLD:.0f} seconds"):
            await hooks.endpoints.rotate(hooks.account, endpoint.id)
        known = await hooks.endpoints.secrets(hooks.account, endpoint.id)
        assert known is not None
        assert len(known) == MOST_OLD + 1
        assert known[-1] == b64decode(first.removeprefix("whsec_"))
        hooks.clock.advance(TWO_SECRETS - MOST_OLD)
        await hooks.endpoints.rotate(hooks.account, endpoint.id)


async def test_every_old_secret_is_sealed_anew(tmp_path: Path) -> None:
    newest = b"n" * 32
    async with Hooks(tmp_path).opened() as hooks:
        endpoint, _ = await hooks.endpoints.create(hooks.account, "https://a.test/", None)
        await hooks.endpoints.rotate(hooks.account, endpoint.id)
        await hooks.endpoints.rotate(hooks.account, endpoint.id)
        before = await hooks.endpoints.secrets(hooks.account, endpoint.id)
        assert before is not None
        assert len(before) == 3
        assert await reseal(hooks.house.database, [newest, KEY]) == 3
        assert await reseal(hooks.house.database, [newest, KEY]) == 0
        after = Endpoints(hooks.house.database, hooks.clock, IdSource(), newest)
        assert await after.secrets(hooks.account, endpoint.id) == before


async def test_the_accounts_own_secret_is_made_once_and_can_be_rotated(tmp_path: Path) -> None:
    async with Hooks(tmp_path).opened() as hooks, Receiver().listening() as receiver:
        await hooks.run_task(Running(started=False), url=receiver.url)
        await hooks.deliverer.drain()
        _, secret = await hooks.endpoints.rotate_own(hooks.account)
        assert not verified(receiver, 0, secret)
        await hooks.run_task(Running(started=False), url=receiver.url)
        await hooks.deliverer.drain()
        assert verified(receiver, 1, secret)
        _, newer = await hooks.endpoints.rotate_own(hooks.account)
        await hooks.run_task(Running(started=False), url=receiver.url)
        await hooks.deliverer.drain()
        assert verified(receiver, 2, secret)
        assert verified(receiver, 2, newer)
        await hooks.endpoints.rotate_own(hooks.account)
        await hooks.run_task(Running(started=False), url=receiver.url)
        await hooks.deliverer.drain()
        assert verified(receiver, 3, secret)
        assert verified(receiver, 3, newer)
        assert await hooks.endpoints.list(hooks.account) == []


async def test_an_account_may_bring_the_secret_that_its_receivers_know(tmp_path: Path) -> None:
    secret = "whsec_dGVzdHNlY3JldHRlc3RzZWNyZXR0ZXN0c2VjcmV0MTI="
    async with Hooks(tmp_path).opened() as hooks, Receiver().listening() as receiver:
        for _ in range(2):  # also where there is none yet
            endpoint, shown = await hooks.endpoints.set_own(hooks.account, secret_of(secret))
            assert (shown, endpoint.previous_until) == (secret, hooks.clock.now() + TWO_SECRETS)
        await hooks.run_task(Running(started=False), url=receiver.url)
        await hooks.deliverer.drain()
        assert verified(receiver, 0, secret)


def test_messages_are_signed_as_kling_signs_its_callbacks() -> None:
    """The vendor's own vector (Kling, callback protocol)."""
    body = (
        b'{"id":"1234567890","status":"succeeded","message":"","create_time":1781080778802,"update_time":1781080794151}'
    )
    key = secret_of("whsec_dGVzdHNlY3JldHRlc3RzZWNyZXR0ZXN0c2VjcmV0MTI=")
    assert signed("9876543210", body, 1781080794.9, [key]) == {
        "webhook-id": "9876543210",
        "webhook-timestamp": "1781080794",
        "webhook-signature": "v1,UsKlJP00XoQyOn410NM9xv34sP+Gl0jnOO9Lcpr7NJ4=",
    }


@pytest.mark.parametrize(
    "text", ["", "whsec_", "whsec_AAAA", "dGVzdHNlY3JldHRlc3RzZWNyZXR0ZXN0c2VjcmV0MTI=", "whsec_é" * 9]
)
def test_what_is_no_secret(text: str) -> None:
    with pytest.raises(ValueError, match=r"whsec_|ASCII|base64"):
        secret_of(text)


async def test_two_processes_agree_about_the_accounts_own_secret(tmp_path: Path) -> None:
    async with Hooks(tmp_path).opened() as one, Hooks(tmp_path, one.clock).opened() as two:
        assert await one.endpoints.secrets(one.account, 0) == await two.endpoints.secrets(one.account, 0)
        _, secret = await two.endpoints.rotate_own(one.account)
        await one.endpoints.refresh()
        known = await one.endpoints.secrets(one.account, 0)
        assert known is not None
        assert known[0] == b64decode(secret.removeprefix("whsec_"))


async def test_another_process_hears_of_changes(tmp_path: Path) -> None:
    async with Hooks(tmp_path).opened() as one, Hooks(tmp_path, one.clock).opened() as two:
        endpoint, _ = await one.endpoints.create(one.account, "https://a.test/", ["task.failed"])
        assert [found.id for found in one.endpoints.subscribed(one.account, "task.failed")] == [endpoint.id]
        assert two.endpoints.subscribed(one.account, "task.failed") == []
        assert await two.endpoints.secrets(one.account, endpoint.id)  # asked for by its id, it is looked up
        await two.endpoints.refresh()
        assert [found.id for found in two.endpoints.subscribed(one.account, "task.failed")] == [endpoint.id]
        assert two.endpoints.subscribed(one.account, "task.queued") == []
        assert two.endpoints.subscribed(one.account + 1, "task.failed") == []
        one.clock.advance(0.5)
        await one.endpoints.change(one.account, endpoint.id, active=False)
        await two.endpoints.refresh()
        assert two.endpoints.subscribed(one.account, "task.failed") == []
        one.clock.advance(0.5)
        await one.endpoints.delete(one.account, endpoint.id)
        await two.endpoints.refresh()
        assert await two.endpoints.secrets(one.account, endpoint.id) is None


async def test_what_waits_goes_to_the_new_url_and_is_given_up_with_the_endpoint(tmp_path: Path) -> None:
    async with Hooks(tmp_path).opened() as hooks, Receiver().listening() as old, Receiver().listening() as new:
        old.statuses = [404]
        endpoint, _ = await hooks.endpoints.create(hooks.account, old.url, ["task.queued"])
        await hooks.house.tasks.create(hooks.house.me, text_to_video(), "tasks")
        await hooks.deliverer.drain()
        await hooks.endpoints.change(hooks.account, endpoint.id, url=new.url)
        hooks.clock.advance(5)
        await hooks.deliverer.drain()
        assert (len(old.bodies), len(new.bodies)) == (1, 1)
        await hooks.house.tasks.create(hooks.house.me, text_to_video(), "tasks")
        await hooks.endpoints.delete(hooks.account, endpoint.id)
        await hooks.deliverer.drain()
        assert len(new.bodies) == 1
        assert [state for _, state, _ in await hooks.states()] == ["delivered", "failed"]


async def test_a_receiver_that_is_gone_is_told_nothing_more(tmp_path: Path) -> None:
    async with Hooks(tmp_path).opened() as hooks, Receiver().listening() as receiver:
        receiver.statuses = [410]
        endpoint, _ = await hooks.endpoints.create(hooks.account, receiver.url, None)
        await hooks.run_task(Running(10, started=True))  # its second one waits for the first
        await hooks.deliverer.drain()
        assert len(receiver.bodies) == 1
        assert [one[1:] for one in await hooks.states()] == [("failed", 1), ("failed", 0)]
        assert await hooks.column("reason") == [GONE, GONE]
        off = await hooks.endpoints.get(hooks.account, endpoint.id)
        assert (off.active, off.inactive_reason) == (False, GONE)
        assert hooks.endpoints.subscribed(hooks.account, "task.failed") == []
        on = await hooks.endpoints.change(hooks.account, endpoint.id, active=True)
        assert (on.active, on.inactive_reason) == (True, None)
        assert hooks.deliverer.pause(line_of(hooks.account, endpoint.id, "")) is None


async def test_an_old_url_that_is_gone_says_nothing_about_the_new_one(tmp_path: Path) -> None:
    async with Hooks(tmp_path).opened() as hooks, Receiver().listening() as old:
        old.statuses, old.gate = [410], asyncio.Event()
        endpoint, _ = await hooks.endpoints.create(hooks.account, old.url, ["task.queued"])
        await hooks.house.tasks.create(hooks.house.me, text_to_video(), "tasks")
        await hooks.deliverer.send_due()
        await until(lambda: old.bodies)
        await hooks.endpoints.change(hooks.account, endpoint.id, url="https://new.test/")
        old.gate.set()
        await hooks.deliverer.stop(15)
        assert (await hooks.endpoints.get(hooks.account, endpoint.id)).active


async def test_a_requests_own_url_that_is_gone_gives_up_what_it_was_told(tmp_path: Path) -> None:
    async with Hooks(tmp_path).opened() as hooks, Receiver().listening() as receiver:
        receiver.statuses = [410, 200]
        await hooks.run_task(DONE, url=receiver.url, dialect="kling")
        await hooks.deliverer.drain()
        assert receiver.bodies == ["queued 0", "running 0", "succeeded 100"]
        assert [one[1] for one in await hooks.states()] == ["failed", "delivered", "delivered"]


async def test_whoever_deletes_a_running_task_hears_of_its_end(tmp_path: Path) -> None:
    async with (
        Hooks(tmp_path).opened() as hooks,
        Receiver().listening() as asked,
        Receiver().listening() as always,
    ):
        await hooks.endpoints.create(hooks.account, always.url, None)
        hooks.house.context.neutral = lambda view, news: Message(f"{news.type} {len(view.outputs)}".encode())
        hooks.house.provider.polls = [Running(10, started=True)]
        view = await hooks.house.tasks.create(hooks.house.me, text_to_video(callback_url=asked.url), "kling")
        await hooks.house.pass_time(20)
        assert (await hooks.house.tasks.delete(hooks.house.me, view.task.id)).cancellation == "marked"
        hooks.house.provider.polls = [Running(50, started=True), DONE]
        await hooks.house.pass_time(60)
        await hooks.deliverer.drain()
        assert asked.bodies == ["queued 0", "running 10", "succeeded 100"]
        assert always.bodies == ["task.queued 0", "task.running 0", "task.succeeded 0"]  # nothing between, no outputs
        await hooks.house.pass_time(9 * 86400, 7200)  # its burial is no news
        assert len(await hooks.states()) == 6


async def test_whoever_deletes_a_queued_task_hears_that_it_is_cancelled(tmp_path: Path) -> None:
    async with Hooks(tmp_path).opened() as hooks, Receiver().listening() as receiver:
        hooks.house.provider.submits = [Refused(refusal("capacity"), capacity=True, retry_after=3000)]
        view = await hooks.house.tasks.create(hooks.house.me, text_to_video(callback_url=receiver.url), "tasks")
        assert (await hooks.house.tasks.delete(hooks.house.me, view.task.id)).cancellation == "cancelled"
        await hooks.deliverer.drain()
        assert receiver.told == [("task.queued", 0), ("task.cancelled", 0)]


async def test_a_redelivery_is_a_delivery_of_its_own_under_the_same_message_id(tmp_path: Path) -> None:
    async with Hooks(tmp_path).opened() as hooks, Receiver().listening() as receiver:
        endpoint, secret = await hooks.endpoints.create(hooks.account, receiver.url, ["task.succeeded"])
        await hooks.run_task(DONE)
        await hooks.deliverer.drain()
        ((old,), _) = await hooks.log.list(hooks.account, limit=10, endpoint_id=endpoint.id, state="delivered")
        fresh = await hooks.log.redeliver(old, endpoint)
        again = await hooks.log.redeliver(fresh, endpoint)
        assert (fresh.redelivery_of, again.redelivery_of) == (old.id, old.id)
        await hooks.deliverer.drain()
        assert len(set(receiver.bodies)) == 1
        assert len(receiver.bodies) == 3
        assert len({headers["webhook-id"] for headers in receiver.headers}) == 1
        assert all(verified(receiver, one, secret) for one in range(3))


async def test_a_redelivery_waits_for_nothing_and_holds_up_nothing(tmp_path: Path) -> None:
    async with Hooks(tmp_path).opened() as hooks, Receiver().listening() as receiver:
        endpoint, _ = await hooks.endpoints.create(hooks.account, receiver.url, ["task.queued", "task.succeeded"])
        await hooks.house.tasks.create(hooks.house.me, text_to_video(), "tasks")
        await hooks.deliverer.drain()
        ((old,), _) = await hooks.log.list(hooks.account, limit=1)
        receiver.statuses = [500, 200]
        await hooks.log.redeliver(old, endpoint)
        await hooks.deliverer.drain()
        hooks.house.provider.polls = [DONE]
        await hooks.house.pass_time(2.5, 2.5)
        await hooks.house.pass_time(60, 30)
        await hooks.deliverer.drain()
        assert [kind for kind, _ in receiver.told].count("task.succeeded") == 1


async def test_an_endpoint_is_its_accounts_own(tmp_path: Path) -> None:
    async with Hooks(tmp_path).opened() as hooks:
        other = await hooks.house.keys.account("other")
        endpoint, _ = await hooks.endpoints.create(hooks.account, "https://a.test/", None)
        assert endpoint.events == EVENTS
        for attempt in (
            hooks.endpoints.get(other, endpoint.id),
            hooks.endpoints.change(other, endpoint.id, active=False),
            hooks.endpoints.rotate(other, endpoint.id),
            hooks.endpoints.delete(other, endpoint.id),
        ):
            with pytest.raises(GatewayError, match="not yours"):
                await attempt
        assert await hooks.endpoints.list(other) == []
        assert [one.active for one in await hooks.endpoints.list(hooks.account)] == [True]


async def test_an_account_has_only_so_many(tmp_path: Path) -> None:
    async with Hooks(tmp_path).opened() as hooks:
        for _ in range(MOST):
            await hooks.endpoints.create(hooks.account, "https://a.test/", None)
        with pytest.raises(GatewayError, match="delete one first"):
            await hooks.endpoints.create(hooks.account, "https://a.test/", None)


@pytest.mark.parametrize("events", [["task.exploded"], [], ["task.queued", ""]])
async def test_only_events_that_exist(tmp_path: Path, events: list[str]) -> None:
    async with Hooks(tmp_path).opened() as hooks:
        with pytest.raises(GatewayError, match="events"):
            await hooks.endpoints.create(hooks.account, "https://a.test/", events)


async def test_a_lost_key_of_the_installation_loses_no_news(tmp_path: Path) -> None:
    async with Hooks(tmp_path).opened() as hooks, Receiver().listening() as receiver:
        _, secret = await hooks.endpoints.create(hooks.account, receiver.url, ["task.queued"])
        await hooks.house.tasks.create(hooks.house.me, text_to_video(), "tasks")
        hooks.endpoints._seal = Seal(b"x" * 32)
        await hooks.deliverer.drain()
        assert await hooks.states() == [("task.queued", "pending", 1)]
        hooks.endpoints._seal = Seal(KEY)
        hooks.clock.advance(5)
        await hooks.deliverer.drain()
        assert verified(receiver, 0, secret)


async def test_secrets_are_sealed_at_rest(tmp_path: Path) -> None:
    async with Hooks(tmp_path).opened() as hooks:
        endpoint, secret = await hooks.endpoints.create(hooks.account, "https://a.test/", None)
        plain = b64decode(secret.removeprefix("whsec_"))
        assert plain not in endpoint.secret
        seal = Seal(KEY)
        assert seal.open(endpoint.secret, endpoint.id) == plain
        assert seal.open(endpoint.secret, endpoint.id + 1) is None
        assert Seal(b"x" * 32).open(endpoint.secret, endpoint.id) is None
        assert seal.open(b"", endpoint.id) is None
    file = tmp_path / "test.db"
    if file.exists():
        with sqlite3.connect(file) as connection:
            assert not any(secret in line or plain.hex() in line.lower() for line in connection.iterdump())
        connection.close()

"""The routes of webhooks and deliveries on a whole server, with the sandbox behind it."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from standardwebhooks import Webhook

from telecine.webhooks.lines import PATIENCE
from tests.webhooks.house import Receiver, until
from tests.webhooks.served import KEY, Client, clients, serving

IMAGE = {"model": "storyboard-1", "prompt": "a paper boat [[delay:0]]"}


async def settled(client: Client, delivery: str) -> Any:
    """The delivery once it has been tried."""

    async def tried() -> Any:
        found = await client.good("GET", f"/v1/deliveries/{delivery}")
        return found if found["tries"] else None

    return await until(tried, 10)


async def test_a_job_is_told_to_its_url_and_to_the_accounts_endpoint(tmp_path: Path) -> None:
    async with clients(tmp_path) as (mine, _), Receiver().listening() as asked, Receiver().listening() as always:
        secret = (await mine.good("POST", "/v1/webhooks/secret/rotate"))["secret"]
        hook = await mine.good("POST", "/v1/webhooks", {"url": always.url, "events": ["task.succeeded"]})
        assert hook["secret"].startswith("whsec_")
        task = await mine.good("POST", "/v1/tasks", {**IMAGE, "webhook_url": asked.url})
        await until(lambda: always.bodies and any("task.succeeded" in body for body in asked.bodies), 30)
        types = [json.loads(body)["type"] for body in asked.bodies]
        assert types[0] == "task.queued"
        assert types[-1] == "task.succeeded"
        for body, headers in zip(asked.bodies, asked.headers, strict=True):
            assert Webhook(secret).verify(body, dict(headers))["data"]["id"] == task["id"]
        told = Webhook(hook["secret"]).verify(always.bodies[0], dict(always.headers[0]))
        shown = await mine.good("GET", f"/v1/tasks/{task['id']}")
        assert told["data"] == shown
        assert told["data"]["outputs"][0]["content_type"] == "image/png"
        log = (await mine.good("GET", f"/v1/webhooks/{hook['id']}/deliveries"))["data"]
        assert [(one["type"], one["task"]) for one in log] == [("task.succeeded", task["id"])]


async def test_a_job_is_followed_on_a_whole_server(tmp_path: Path) -> None:
    async with (
        serving(tmp_path) as gateway,
        aiohttp.ClientSession(gateway.address, headers={"authorization": f"Bearer {KEY}"}) as session,
    ):
        mine = Client(session)
        task = await mine.good("POST", "/v1/tasks", IMAGE)
        async with asyncio.timeout(30), session.get(f"/v1/tasks/{task['id']}/events") as reply:
            text = (await reply.read()).decode()
        events = [line.partition(": ")[2] for line in text.splitlines() if line.startswith("event: ")]
        assert (events[0], events[-1]) == ("task.queued", "task.succeeded")
        async with session.get(f"/v1/tasks/{task['id']}/events", headers={"authorization": "Bearer x"}) as reply:
            assert reply.status == 401


async def test_secrets_are_shown_once(tmp_path: Path) -> None:
    async with clients(tmp_path) as (mine, _):
        hook = await mine.good("POST", "/v1/webhooks", {"url": "https://a.test/hook"})
        shown = await mine.good("GET", f"/v1/webhooks/{hook['id']}")
        listed = (await mine.good("GET", "/v1/webhooks"))["data"]
        assert "secret" not in shown
        assert listed == [shown]
        rotated = await mine.good("POST", f"/v1/webhooks/{hook['id']}/rotate")
        assert rotated["secret"] != hook["secret"]
        assert rotated["previous_secret_until"] > rotated["created_at"]


async def test_a_test_send_and_a_redelivery_are_logged(tmp_path: Path) -> None:
    async with clients(tmp_path) as (mine, _), Receiver().listening() as receiver:
        receiver.answer = b"thanks"
        hook = await mine.good("POST", "/v1/webhooks", {"url": receiver.url})
        sent = await mine.good("POST", f"/v1/webhooks/{hook['id']}/test")
        first = await settled(mine, sent["id"])
        assert (first["state"], first["status"], first["answer"]) == ("delivered", 200, "thanks")
        assert (first["type"], first["task"], first["webhook"]) == ("webhook.test", None, hook["id"])
        assert first["body"] == receiver.bodies[0]
        (attempt,) = first["attempts"]
        assert (attempt["number"], attempt["status"], attempt["answer"]) == (1, 200, "thanks")
        assert attempt["latency_ms"] == first["latency_ms"]
        assert "attempts" not in sent
        again = await mine.good("POST", f"/v1/deliveries/{sent['id']}/redeliver")
        assert again["redelivery_of"] == sent["id"]
        await settled(mine, again["id"])
        assert receiver.headers[0]["webhook-id"] == receiver.headers[1]["webhook-id"]
        for body, headers in zip(receiver.bodies, receiver.headers, strict=True):
            Webhook(hook["secret"]).verify(body, dict(headers))
        newest = await mine.good("GET", "/v1/deliveries?limit=1&state=delivered")
        assert (newest["has_more"], newest["data"][0]["id"]) == (True, again["id"])
        older = await mine.good("GET", f"/v1/deliveries?after={newest['last_id']}")
        assert [one["id"] for one in older["data"]] == [sent["id"]]


async def test_a_pause_is_shown_and_can_be_mended(tmp_path: Path) -> None:
    async with clients(tmp_path) as (mine, _), Receiver().listening() as receiver:
        receiver.statuses = [500]
        hook = await mine.good("POST", "/v1/webhooks", {"url": receiver.url, "events": ["task.queued"]})
        path = f"/v1/webhooks/{hook['id']}"
        assert "paused_until" not in hook
        for _ in range(PATIENCE):
            await mine.good("POST", "/v1/tasks", IMAGE)

        async def paused() -> Any:
            found = await mine.good("GET", path)
            return found if "paused_until" in found else None

        shown = await until(paused, 10)
        assert shown["paused_reason"] == "5 failures in a row, the last one: the receiver answered 500"
        await mine.good("POST", "/v1/tasks", IMAGE)
        for one in (await mine.good("GET", f"{path}/deliveries"))["data"]:
            assert (one["state"], one["paused_until"]) == ("pending", shown["paused_until"])
            assert one["next_try_at"] == shown["paused_until"]
            assert one["paused_reason"] == shown["paused_reason"]
        sent = await settled(mine, (await mine.good("POST", f"{path}/test"))["id"])
        assert (sent["state"], sent["status"], sent["next_try_at"], sent["paused_until"]) == ("failed", 500, None, None)
        receiver.statuses = [200]
        changed = await mine.good("PATCH", path, {"url": f"{receiver.url}/new"})
        assert "paused_until" not in changed
        await until(lambda: receiver.paths.count("/hook/new") == PATIENCE + 1, 10)


async def test_a_receiver_that_is_gone_is_switched_off_and_says_why(tmp_path: Path) -> None:
    async with clients(tmp_path) as (mine, _), Receiver().listening() as receiver:
        receiver.statuses = [410]
        hook = await mine.good("POST", "/v1/webhooks", {"url": receiver.url})
        path = f"/v1/webhooks/{hook['id']}"
        await mine.good("POST", f"{path}/test")

        async def off() -> Any:
            found = await mine.good("GET", path)
            return None if found["active"] else found

        assert (await until(off, 10))["inactive_reason"] == "the receiver says that it is gone (410)"
        assert "inactive_reason" not in await mine.good("PATCH", path, {"active": True})


async def test_what_is_changed_and_deleted(tmp_path: Path) -> None:
    async with clients(tmp_path) as (mine, _):
        hook = await mine.good("POST", "/v1/webhooks", {"url": "https://a.test/"})
        path = f"/v1/webhooks/{hook['id']}"
        changed = await mine.good("PATCH", path, {"active": False, "events": ["task.failed"]})
        assert (changed["active"], changed["events"], changed["url"]) == (False, ["task.failed"], "https://a.test/")
        assert (await mine.good("DELETE", path))["deleted"] is True
        assert (await mine.call("GET", path))[0] == 404
        assert (await mine.call("DELETE", path))[0] == 404


async def test_another_accounts_webhooks_do_not_exist(tmp_path: Path) -> None:
    async with clients(tmp_path) as (mine, other), Receiver().listening() as receiver:
        hook = await mine.good("POST", "/v1/webhooks", {"url": receiver.url})
        sent = await mine.good("POST", f"/v1/webhooks/{hook['id']}/test")
        for method, path in (
            ("GET", f"/v1/webhooks/{hook['id']}"),
            ("PATCH", f"/v1/webhooks/{hook['id']}"),
            ("DELETE", f"/v1/webhooks/{hook['id']}"),
            ("POST", f"/v1/webhooks/{hook['id']}/rotate"),
            ("POST", f"/v1/webhooks/{hook['id']}/test"),
            ("GET", f"/v1/webhooks/{hook['id']}/deliveries"),
            ("GET", f"/v1/deliveries/{sent['id']}"),
            ("POST", f"/v1/deliveries/{sent['id']}/redeliver"),
        ):
            status, answer = await other.call(method, path, {} if method == "PATCH" else None)
            assert (status, answer["error"]["code"]) == (404, "not_found"), path
        assert (await other.good("GET", "/v1/webhooks"))["data"] == []
        assert (await other.good("GET", "/v1/deliveries"))["data"] == []


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "url"),
        ({"url": "ftp://a.test/"}, "url"),
        ({"url": "http://10.0.0.1/"}, "url"),
        ({"url": "http://169.254.169.254/latest"}, "url"),
        ({"url": "http://[::ffff:10.0.0.1]/"}, "url"),
        ({"url": "http://user:pass@a.test/"}, "url"),
        ({"url": "https://a.test/", "events": ["task.exploded"]}, "events"),
        ({"url": "https://a.test/", "events": []}, "events"),
        ({"url": "https://a.test/", "events": ["task.queued"] * 100}, "events"),
        ({"url": "https://a.test/", "secret": "mine"}, "secret"),
        ({"url": 7}, "url"),
    ],
)
async def test_what_cannot_be_right_is_refused(tmp_path: Path, body: dict[str, Any], param: str) -> None:
    async with clients(tmp_path) as (mine, _):
        status, answer = await mine.call("POST", "/v1/webhooks", body)
        assert (status, answer["error"]["param"]) == (400, param)


async def test_strange_ids_and_filters(tmp_path: Path) -> None:
    async with clients(tmp_path) as (mine, _):
        for path in ("/v1/webhooks/whk_x", "/v1/webhooks/1", "/v1/deliveries/dlv_", "/v1/deliveries/tsk_0000000000001"):
            assert (await mine.call("GET", path))[0] == 404, path
        for query in ("state=lost", "task=x", "after=x", "limit=0", "limit=101"):
            assert (await mine.call("GET", f"/v1/deliveries?{query}"))[0] == 400, query

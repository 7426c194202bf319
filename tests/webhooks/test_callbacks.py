"""Callbacks in: whatever arrives at an attempt's URL, the task's own poll decides."""

from __future__ import annotations

import io
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import pytest
from sqlalchemy import select, update
from standardwebhooks import Webhook

from telecine.config import ChannelConfig
from telecine.server.gateway import Gateway
from telecine.store import tables
from tests.records import reading, writing
from tests.upstreams.kling import API_KEY, FakeKling
from tests.webhooks.house import until
from tests.webhooks.served import KEY, serving

SECRET = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
SUCCEEDED = json.dumps({"task_id": "1", "task_status": "succeed", "task_result": {"videos": []}}).encode()


@pytest.fixture(autouse=True)
def database() -> None:
    """The server brings its own."""


class Called:
    """A running task at a fake Kling, and the URL at which that may call back."""

    def __init__(self, gateway: Gateway, session: aiohttp.ClientSession, task: str, token: str) -> None:
        self._gateway, self._session, self._task = gateway, session, task
        self.path = f"/callbacks/{token}"

    async def post(self, body: bytes, path: str | None = None, **headers: str) -> int:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        async with self._session.post(path or self.path, data=io.BytesIO(body), headers=named) as reply:
            await reply.read()
            return reply.status

    async def status(self) -> str:
        async with self._session.get(f"/v1/tasks/{self._task}", headers={"authorization": f"Bearer {KEY}"}) as reply:
            return str((await reply.json())["status"])

    async def asleep(self) -> None:
        """Put the next poll off for long, so that only a callback can bring it about."""
        async with writing(self._gateway.context.database) as connection:
            await connection.execute(update(tables.schedule).values(due=time.time() + 3600))

    async def woken(self) -> bool:
        async with reading(self._gateway.context.database) as connection:
            row = (await connection.execute(select(tables.schedule.c.due, tables.schedule.c.lease_owner))).first()
        return row is None or row.lease_owner is not None or row.due < time.time() + 3000


@asynccontextmanager
async def called(folder: Path, secret: str | None) -> AsyncIterator[tuple[Called, FakeKling]]:
    async with FakeKling(webhook_secret=secret) as fake:
        channel = ChannelConfig(
            name="kling",
            provider="kling",
            base_url=fake.base_url,
            api_key=API_KEY,
            allow_private=True,
            webhook_secret=secret,
        )
        async with serving(folder, channel) as gateway, aiohttp.ClientSession(gateway.address) as session:
            body = {"model": "kling-v2-5-turbo", "prompt": "a paper boat"}
            async with session.post("/v1/tasks", json=body, headers={"authorization": f"Bearer {KEY}"}) as reply:
                task = (await reply.json())["id"]
            async with reading(gateway.context.database) as connection:
                token = (await connection.execute(select(tables.attempts.c.callback_token))).scalar_one()
            one = Called(gateway, session, task, token)
            await one.asleep()
            yield one, fake


def signed(body: bytes, at: float, message: str = "msg_1") -> dict[str, str]:
    moment = datetime.fromtimestamp(int(at), UTC)
    return {
        "webhook_id": message,
        "webhook_timestamp": str(int(at)),
        "webhook_signature": Webhook(SECRET).sign(message, moment, body.decode()),
    }


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe\x00", b"[]", b"null", SUCCEEDED, b"<html>", b"[" * 10_000])
async def test_garbage_and_lies_only_wake_the_task(tmp_path: Path, body: bytes) -> None:
    async with called(tmp_path, None) as (one, fake):
        assert await one.post(body) == 200
        assert await one.woken()
        assert await one.status() != "succeeded"
        assert len(fake.jobs) == 1


async def test_a_replay_changes_nothing(tmp_path: Path) -> None:
    async with called(tmp_path, None) as (one, fake):
        assert [await one.post(SUCCEEDED) for _ in range(10)] == [200] * 10
        assert await one.status() != "succeeded"
        assert len(fake.jobs) == 1


async def test_a_body_without_end_is_refused(tmp_path: Path) -> None:
    async with called(tmp_path, None) as (one, _):
        assert await one.post(b"x" * (1024 * 1024 + 1)) == 413
        assert not await one.woken()


async def test_a_token_is_not_guessed(tmp_path: Path) -> None:
    async with called(tmp_path, None) as (one, _):
        for path in (one.path[:-1], one.path + "x", "/callbacks/x", "/callbacks/%00", "/callbacks/" + "x" * 5000):
            assert await one.post(SUCCEEDED, path) == 404
        assert not await one.woken()


async def test_a_vendor_that_signs_is_held_to_it(tmp_path: Path) -> None:
    async with called(tmp_path, SECRET) as (one, _):
        now = time.time()
        good = signed(SUCCEEDED, now)
        assert await one.post(SUCCEEDED) == 401
        assert await one.post(SUCCEEDED + b" ", **good) == 401
        assert await one.post(SUCCEEDED, **{**good, "webhook_id": "msg_2"}) == 401
        assert await one.post(SUCCEEDED, **{**good, "webhook_signature": "v1,"}) == 401
        assert await one.post(SUCCEEDED, **{**good, "webhook_signature": "garbage"}) == 401
        assert await one.post(SUCCEEDED, **{**good, "webhook_timestamp": "soon"}) == 401
        assert await one.post(SUCCEEDED, **signed(SUCCEEDED, now - 3600)) == 401
        assert not await one.woken()
        assert await one.post(SUCCEEDED, **good) == 200
        assert await one.woken()


async def test_a_callback_brings_the_end_at_once(tmp_path: Path) -> None:
    async with called(tmp_path, None) as (one, fake):
        fake.finish()
        assert await one.post(SUCCEEDED) == 200

        async def succeeded() -> bool:
            return await one.status() == "succeeded"

        assert await until(succeeded, 15)

"""Deliveries are shared by account: receivers of one that never answer keep nobody else from being told."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from sqlalchemy import insert

from telecine.store import tables
from telecine.webhooks import deliverer
from telecine.webhooks.delivery import line_of
from tests.records import writing
from tests.webhooks.house import Hooks, Receiver, until


async def account(hooks: Hooks, name: str) -> int:
    return await hooks.house.keys.account(name)


async def add(hooks: Hooks, account_id: int, url: str, count: int, *, lines: int) -> None:
    """So many deliveries that are due, on so many lines."""
    first = len(await hooks.states())
    rows = [
        {
            "id": first + number + 1,
            "task_id": first + number + 1,
            "account_id": account_id,
            "endpoint_id": 0,
            "line": line_of(account_id, 0, f"http://{number % lines}.example/"),
            "sequence": 1,
            "type": "task.queued",
            "url": f"{url}/{number}",
            "body": b"{}",
            "state": "pending",
            "due": hooks.clock.now() - 100 + first / 1000,
            "tries": 0,
            "created_at": hooks.clock.now(),
        }
        for number in range(count)
    ]
    async with writing(hooks.house.database) as connection:
        await connection.execute(insert(tables.deliveries), rows)


@pytest.mark.parametrize("noise", [1, 3])
async def test_receivers_that_never_answer_make_another_account_wait_for_none(
    tmp_path: Path, noise: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deliverer, "TRY_SECONDS", 300.0)
    monkeypatch.setattr(deliverer, "_AT_ONCE", 64)
    async with Receiver().listening() as dead, Receiver().listening() as receiver, Hooks(tmp_path).opened() as hooks:
        dead.gate = asyncio.Event()
        for number in range(noise):
            await add(hooks, await account(hooks, f"noisy {number}"), dead.url, 300, lines=50)
        began = await hooks.deliverer.send_due()
        assert began >= deliverer._AT_ONCE
        await until(lambda: len(dead.bodies) == began, 30)
        await add(hooks, await account(hooks, "quiet"), receiver.url, 1, lines=1)
        assert await hooks.deliverer.send_due() == 1
        await until(lambda: receiver.bodies, 10)
        assert len(dead.bodies) == began, "every one of the others still hangs"
        dead.gate.set()


async def test_a_page_of_one_accounts_hides_no_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deliverer, "TRY_SECONDS", 300.0)
    monkeypatch.setattr(deliverer, "_AT_ONCE", 8)
    async with Receiver().listening() as dead, Receiver().listening() as receiver, Hooks(tmp_path).opened() as hooks:
        dead.gate = asyncio.Event()
        await add(hooks, await account(hooks, "noisy"), dead.url, 100, lines=100)
        await add(hooks, await account(hooks, "quiet"), receiver.url, 1, lines=1)
        assert await hooks.deliverer.send_due() == 9, "the whole of what one alone may have, and the other's"
        await until(lambda: receiver.bodies, 10)
        dead.gate.set()

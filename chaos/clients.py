"""The applications: they create jobs in several dialects, retry as careful clients do, and note what they were told."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from typing import Any

import aiohttp

from chaos.evidence import Answer, Wish
from chaos.forms import FORMS, PICTURE
from telecine.nouns.ids import parse_task_id

PATIENCE = 120.0
"""Seconds for which a client tries to get an answer to one request."""
_AGAIN = frozenset({409, 425, 429, 500, 502, 503, 504})
"""What the official SDKs try again, unless `x-should-retry` says no."""


class Clients:
    """Creates jobs and asks about them. `addresses` are where the servers are, any of which will do; `keys` are
    the API keys by account."""

    def __init__(self, addresses: Sequence[str], callbacks: str, keys: dict[str, str]) -> None:
        self._addresses = addresses
        self._callbacks = callbacks
        self._keys = keys
        self._session: aiohttp.ClientSession | None = None
        self._kept: dict[str, str] = {}
        """By account, the picture in its library."""

    async def __aenter__(self) -> Clients:
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=15))
        for account in self._keys:
            self._kept[account] = await self._keep(account)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._session is not None:
            await self._session.close()
            await asyncio.sleep(0.1)  # what was closed lets go of its sockets in the loop's next rounds

    async def _keep(self, account: str) -> str:
        """Put a picture into the account's library; its id."""
        assert self._session is not None
        headers = {"authorization": f"Bearer {self._keys[account]}"}
        form = aiohttp.FormData()
        form.add_field("file", PICTURE, filename="boat.png", content_type="image/png")
        async with self._session.post(f"{self._addresses[0]}/v1/assets", data=form, headers=headers) as response:
            assert response.status < 300, await response.text()
            return str((await response.json())["id"])

    async def create(self, wish: Wish, chance: random.Random) -> list[Answer]:
        """One job, sent once or twice, each tried again until somebody answers."""
        more = [self._late(chance.uniform(0, 1.5), wish)] if wish.twice else []
        return list(await asyncio.gather(self.send(wish), *more))

    async def _late(self, seconds: float, wish: Wish) -> Answer:
        await asyncio.sleep(seconds)
        return await self.send(wish)

    async def send(self, wish: Wish) -> Answer:
        """The create of `wish`, with the same names each time, until there is an answer that lasts."""
        path, body = self._request(wish)
        headers = {"idempotency-key": f"key-{wish.name}"} if wish.keyed else {}
        last = Answer(0)
        async for status, answer, retry in self._tries("POST", path, wish.account, body, headers):
            task = FORMS[wish.form].task(answer) if status in (200, 202) else None
            if task is not None:
                return Answer(200, parse_task_id(task))
            final = status not in _AGAIN and status not in (200, 202)  # a full queue is told with 200 by some
            last = Answer(status, None, final or not retry, f"{status} {answer}")
            if last.final:
                break
        return last

    def _request(self, wish: Wish) -> tuple[str, dict[str, Any]]:
        form = FORMS[wish.form]
        body = form.body(wish.name, f"{self._callbacks}/hooks/{wish.name}")
        if form.called is not None and wish.external:
            body = form.called(body, wish.name)
        for item in body.get("inputs", ()):
            item["url"] = item["url"].format(kept=self._kept[wish.account])
        if wish.wrong:
            body |= form.wrong[sum(wish.name.encode()) % len(form.wrong)]
        return form.path, body

    async def cancel(self, task: int, account: str) -> str | None:
        """Say that the job is not wanted any more; what is said of that."""
        async for status, answer, _ in self._tries("POST", f"/v1/tasks/{task}/cancel", account):
            if status == 200:
                return str(answer["cancellation"] or "ended")
        return None

    async def pages(self, path: str, account: str, query: str = "") -> list[dict[str, Any]]:
        """Everything that a list shows."""
        found: list[dict[str, Any]] = []
        after = ""
        while True:
            _, page = await self.get(f"{path}?limit=100{query}{after}", account)
            found += page["data"]
            if not page["has_more"]:
                return found
            after = f"&after={page['last_id']}"

    async def get(self, path: str, account: str) -> tuple[int, Any]:
        """One read: the status, and the JSON or bytes. Raises what aiohttp raises."""
        status, answer, _ = await self._call("GET", path, account)
        return status, answer

    async def _tries(
        self, method: str, path: str, account: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> AsyncIterator[tuple[int, Any, bool]]:
        """The answers, as long as there is patience for another try."""
        until = asyncio.get_running_loop().time() + PATIENCE
        while asyncio.get_running_loop().time() < until:
            try:
                found = await self._call(method, path, account, body, headers)
            except (aiohttp.ClientError, TimeoutError, OSError):
                found = None
            if found is not None:
                yield found
            await asyncio.sleep(0.2)

    async def _call(
        self, method: str, path: str, account: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> tuple[int, Any, bool]:
        """The third says whether the answer leaves it to the client to try again."""
        assert self._session is not None
        headers = {"authorization": f"Bearer {self._keys[account]}"} | (headers or {})
        address = random.choice(self._addresses)
        async with self._session.request(method, address + path, json=body, headers=headers) as response:
            retry = response.headers.get("x-should-retry") != "false"
            if response.content_type == "application/json":
                return response.status, await response.json(), retry
            return response.status, await response.read(), retry

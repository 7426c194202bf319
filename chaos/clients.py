"""The applications: they create jobs in two dialects, retry as careful clients do, and note what they were told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import aiohttp

from tests.server.process import KEY

PATIENCE = 60.0
"""Seconds for which a client tries to get an answer to one create."""
_AGAIN = frozenset({409, 425, 429, 500, 502, 503, 504})
"""What the official SDKs try again, unless `x-should-retry` says no."""


@dataclass
class Told:
    """What one client knows of its job."""

    name: str
    dialect: str
    task_id: str | None = None
    error: str | None = None
    """The last answer that said no."""
    status: int = 200
    """Of the last answer."""
    unanswered: bool = False
    """Nobody said yes, or a no that lasts, for as long as the client had patience."""


class Clients:
    """Creates jobs and asks about them. `address` is where the server is at this moment; it moves when it is killed."""

    def __init__(self, address: Callable[[], str], callbacks: str, model: str) -> None:
        self._address = address
        self._callbacks = callbacks
        self._model = model
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Clients:
        self._session = aiohttp.ClientSession(
            headers={"authorization": f"Bearer {KEY}"}, timeout=aiohttp.ClientTimeout(total=10)
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._session is not None:
            await self._session.close()

    async def create(self, name: str, dialect: str) -> Told:
        """One job, tried again with the same key until somebody answers."""
        told = Told(name, dialect)
        path, body = self._request(name, dialect)
        until = asyncio.get_running_loop().time() + PATIENCE
        while asyncio.get_running_loop().time() < until:
            try:
                status, answer, retry = await self._call("POST", path, body, {"idempotency-key": f"key-{name}"})
            except (aiohttp.ClientError, TimeoutError, OSError):
                await asyncio.sleep(0.2)
                continue
            told.status = status
            if status == 200:
                told.task_id = answer["data"]["task_id"] if dialect == "kling" else answer["id"]
                told.error = None
                return told
            told.error = f"{status} {answer}"
            if status not in _AGAIN or not retry:
                return told
            await asyncio.sleep(0.2)
        told.unanswered = True
        return told

    def _request(self, name: str, dialect: str) -> tuple[str, dict[str, Any]]:
        hook = f"{self._callbacks}/hooks/{name}"
        if dialect == "kling":
            body = {"model_name": self._model, "prompt": name, "duration": "10", "external_task_id": name}
            return "/kling/v1/videos/text2video", body | {"callback_url": hook}
        return "/v1/videos", {"model": self._model, "prompt": name, "seconds": "10", "webhook_url": hook}

    async def read(self, task_id: str) -> dict[str, Any] | None:
        """The task in the neutral form; None where it is not found, or nobody answers."""
        try:
            status, answer = await self.call("GET", f"/v1/tasks/{task_id}")
        except (aiohttp.ClientError, TimeoutError, OSError):
            return None
        return answer if status == 200 else None

    async def call(self, method: str, path: str) -> tuple[int, Any]:
        """One request: the status, and the JSON or bytes. Raises what aiohttp raises."""
        status, answer, _ = await self._call(method, path)
        return status, answer

    async def _call(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> tuple[int, Any, bool]:
        """The third says whether the answer leaves it to the client to try again."""
        assert self._session is not None
        async with self._session.request(method, self._address() + path, json=body, headers=headers) as response:
            retry = response.headers.get("x-should-retry") != "false"
            if response.content_type == "application/json":
                return response.status, await response.json(), retry
            return response.status, await response.read(), retry

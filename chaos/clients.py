"""The applications: they create jobs in two dialects, retry as careful clients do, and note what they were told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import aiohttp

from tests.server.process import KEY

PATIENCE = 120.0
"""Seconds for which a client tries to get an answer to one create."""


@dataclass
class Told:
    """What one client knows of its job."""

    name: str
    dialect: str
    task_id: str | None = None
    error: str | None = None
    """The answer that said no."""
    status: str | None = None
    """The terminal word."""


class Clients:
    """Creates jobs and asks about them. `address` is where the server is at this moment; it moves when it is killed."""

    def __init__(self, address: Callable[[], str], callbacks: str, model: str) -> None:
        self._address = address
        self._callbacks = callbacks
        self._model = model
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Clients:
        self._session = aiohttp.ClientSession(
            headers={"authorization": f"Bearer {KEY}"}, timeout=aiohttp.ClientTimeout(total=30)
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
                status, answer = await self.call("POST", path, body, {"idempotency-key": f"key-{name}"})
            except (aiohttp.ClientError, TimeoutError, OSError):
                await asyncio.sleep(0.2)
                continue
            if status == 200:
                told.task_id = answer["data"]["task_id"] if dialect == "kling" else answer["id"]
            else:
                told.error = f"{status} {answer}"
            return told
        told.error = "nobody ever answered"
        return told

    def _request(self, name: str, dialect: str) -> tuple[str, dict[str, Any]]:
        hook = f"{self._callbacks}/hooks/{name}"
        if dialect == "kling":
            body = {"model_name": self._model, "prompt": name, "duration": "5", "external_task_id": name}
            return "/kling/v1/videos/text2video", body | {"callback_url": hook}
        return "/v1/videos", {"model": self._model, "prompt": name, "seconds": "5", "webhook_url": hook}

    async def read(self, task_id: str) -> dict[str, Any] | None:
        """The task in the neutral form; None where it is not found, or nobody answers."""
        try:
            status, answer = await self.call("GET", f"/v1/tasks/{task_id}")
        except (aiohttp.ClientError, TimeoutError, OSError):
            return None
        return answer if status == 200 else None

    async def call(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> tuple[int, Any]:
        """One request. Raises what aiohttp raises."""
        assert self._session is not None
        url = path if path.startswith("http") else self._address() + path
        async with self._session.request(method, url, json=body, headers=headers) as response:
            if response.content_type == "application/json":
                return response.status, await response.json()
            return response.status, await response.read()

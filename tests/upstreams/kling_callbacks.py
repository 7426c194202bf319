"""Callbacks as Kling sends them: the job's data flat, in order for each job, signed where there is a secret."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import itertools
import time
from collections.abc import Callable
from typing import Any

import aiohttp
import msgspec

from tests.upstreams.kling_jobs import FakeJob

_SECONDS = 5.0


class Callbacks:
    """Belongs to the server's loop. `note` writes the journal; each URL is tried once."""

    def __init__(self, secret: str | None, note: Callable[..., None]) -> None:
        self._secret = secret
        self._note = note
        self._numbers = itertools.count(9876543210)
        self._last: dict[str, asyncio.Task[None]] = {}
        self._session: aiohttp.ClientSession | None = None

    def send(self, job: FakeJob, url: str, data: dict[str, Any]) -> None:
        """Tell `url` what became of `job`, after all that was to be told before."""
        self._last[job.task_id] = asyncio.create_task(self._post(job, url, data, self._last.get(job.task_id)))

    async def _post(self, job: FakeJob, url: str, data: dict[str, Any], before: asyncio.Task[None] | None) -> None:
        if before is not None:
            await asyncio.wait([before])
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=_SECONDS))
        body = msgspec.json.encode(data)
        headers = {"content-type": "application/json; charset=utf-8"} | self._signature(body)
        try:
            async with self._session.post(url, data=body, headers=headers) as answer:
                status = answer.status
        except (aiohttp.ClientError, TimeoutError):
            status = 0
        self._note("callback", job, code=status, detail=data.get("task_status") or data["status"])

    def _signature(self, body: bytes) -> dict[str, str]:
        """Standard Webhooks, written out here so that the tests do not check a library against itself."""
        if self._secret is None:
            return {}
        identity, stamp = str(next(self._numbers)), str(int(time.time()))
        key = base64.b64decode(self._secret.removeprefix("whsec_"))
        digest = hmac.new(key, f"{identity}.{stamp}.".encode() + body, hashlib.sha256).digest()
        signature = f"v1,{base64.b64encode(digest).decode()}"
        return {"webhook-id": identity, "webhook-timestamp": stamp, "webhook-signature": signature}

    async def close(self) -> None:
        """Let what is under way end: a connection that is cancelled while it is made leaves its socket open."""
        if self._last:
            _, late = await asyncio.wait(self._last.values(), timeout=_SECONDS)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        self._last.clear()
        if self._session is not None:
            await self._session.close()
            self._session = None

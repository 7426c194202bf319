"""Takes webhooks and keeps a journal; now and then it refuses one, as receivers do."""

from __future__ import annotations

import json
import random
import threading
from typing import Any

from aiohttp import web

from tests.upstreams.server import ThreadedServer

ENDED = frozenset({"succeed", "succeeded", "completed", "success", "failed", "failure", "cancelled"})
"""The last words of Kling's generations, of our own events, of OpenAI and of new-api."""


class Receiver(ThreadedServer):
    """`refusals` is the share of posts that get a 503."""

    def __init__(self, chance: random.Random, refusals: float = 0.1) -> None:
        super().__init__()
        self._chance = chance
        self._refusals = refusals
        self._guard = threading.Lock()
        self.ended: dict[str, list[str]] = {}
        """By the client's own name of the job (the last part of the path): the terminal words that arrived."""

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        body = json.loads(await request.read())
        if self._chance.random() < self._refusals:
            return web.Response(status=503)
        word = _word(body)
        if word in ENDED:
            with self._guard:
                self.ended.setdefault(request.path.rpartition("/")[2], []).append(word)
        return web.Response()


def _word(body: dict[str, Any]) -> str:
    """The status in Kling's flat form, in OpenAI's or in ours."""
    found = body.get("task_status") or body.get("status") or body.get("data", {}).get("status") or ""
    return str(found).lower()

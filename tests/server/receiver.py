"""A webhook receiver on a real socket."""

from __future__ import annotations

import json
from typing import Any

from aiohttp import web

from tests.server.live import eventually
from tests.upstreams.server import ThreadedServer


class Receiver(ThreadedServer):
    """Keeps every body that comes. `refusals` answers that many with 500 first; they are kept apart."""

    def __init__(self, *, refusals: int = 0) -> None:
        super().__init__()
        self.bodies: list[Any] = []
        self.refused: list[Any] = []
        self._refusals = refusals

    @property
    def url(self) -> str:
        return f"{self.base_url}/hook"

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        body = json.loads(await request.content.read())
        if self._refusals > 0:
            self._refusals -= 1
            self.refused.append(body)
            return web.Response(status=500)
        self.bodies.append(body)
        return web.Response()

    def wait(self, count: int, seconds: float = 15.0) -> list[Any]:
        """The first `count` bodies, once they are there."""
        eventually(lambda: len(self.bodies) >= count, f"{count} webhooks", seconds)
        return self.bodies[:count]

"""Answers that are sent as they are made."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Final

from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

EVENTS: Final = "text/event-stream"
HEADERS: Final = {"cache-control": "no-store", "x-accel-buffering": "no"}
"""Of an answer that begins before its end is known."""


class Streamed(StreamingResponse):
    """An answer that ends with its connection: what makes it is closed at once, and not when the garbage is taken."""

    def __init__(
        self, parts: AsyncGenerator[bytes], media_type: str = "application/json", headers: Mapping[str, str] = HEADERS
    ) -> None:
        super().__init__(parts, headers=headers, media_type=media_type)
        self.parts = parts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with aclosing(self.parts):
            await super().__call__(scope, receive, send)

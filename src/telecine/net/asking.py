"""Requests that ask once more whether they may be sent, when their connection stands."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from typing import Final

import aiohttp
from aiohttp.connector import Connection

_question: Final[ContextVar[Callable[[], None] | None]] = ContextVar("before_send", default=None)


def ask_before(question: Callable[[], None] | None) -> None:
    """Have the next request of this asyncio task call `question` right before its first byte; what that raises is
    raised, and nothing is sent."""
    _question.set(question)


class AskingRequest(aiohttp.ClientRequest):
    """Asks its question once."""

    async def send(self, conn: Connection) -> aiohttp.ClientResponse:
        question = _question.get()
        if question is not None:
            _question.set(None)
            question()
        return await super().send(conn)

"""A task's news as Server-Sent Events: the same as the webhooks', live, and again from where a reader was cut off."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AbstractContextManager, ExitStack, aclosing, suppress
from typing import Final

import msgspec
from starlette.responses import Response, StreamingResponse
from starlette.types import Message, Receive, Scope, Send

from telecine.dialects.base import Edge, header
from telecine.dialects.call import Call
from telecine.dialects.rows import by_id
from telecine.dialects.tasks.render import task_object
from telecine.nouns.errors import invalid
from telecine.tasks.events import News

_KEEP_ALIVE: Final = 15.0
_PATIENCE: Final = 30.0
"""Seconds that a reader may take for one event; one that is slower is dropped, and may resume."""
_HEADERS: Final = {"cache-control": "no-store", "x-accel-buffering": "no"}
_RECONNECT: Final = b"retry: 1000\n\n"


async def events(call: Call) -> Response:
    """`GET /v1/tasks/{id}/events`: Server-Sent Events (WHATWG HTML, 9.2), until the task has ended.

    `Last-Event-ID`, or `?last_event_id=`, resumes behind that event. Where nothing can follow it, the answer is 204,
    which tells a browser to stop asking. An account may hold so many streams open, and no more (`rate_limited`).
    """
    edge, request = call.edge, call.request
    text = header(request.headers, "last-event-id") or request.query_params.get("last_event_id") or "0"
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise invalid("last_event_id: must be the id of an event, a whole number.", "last_event_id")
    view = await by_id(call)
    with ExitStack() as held:
        held.enter_context(edge.streams.one_of(call.principal.account_id))
        news = edge.tasks.news(call.principal, view.task.id, int(text))
        try:
            first = await anext(news)
        except StopAsyncIteration:
            return Response(status_code=204)
        return _EventStream(_lines(edge, first, news), held.pop_all())


class _EventStream(StreamingResponse):
    """A stream that ends with its connection, and gives back what it held. Its reader may be slow, but not stuck."""

    def __init__(self, parts: AsyncGenerator[bytes], held: AbstractContextManager[object]) -> None:
        super().__init__(parts, headers=_HEADERS, media_type="text/event-stream")
        self._parts = parts
        self._held = held

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def within(message: Message) -> None:
            async with asyncio.timeout(_PATIENCE):
                await send(message)

        with self._held:
            async with aclosing(self._parts):
                with suppress(TimeoutError):
                    await super().__call__(scope, receive, within)


async def _lines(edge: Edge, first: News | None, news: AsyncGenerator[News | None]) -> AsyncGenerator[bytes]:
    async with aclosing(news):
        yield _RECONNECT
        if first is not None:
            yield _event(first, edge)
        spoken = edge.now()
        async for one in news:
            if one is not None:
                yield _event(one, edge)
            elif edge.now() < spoken + _KEEP_ALIVE:
                continue
            else:
                yield b": still here\n\n"
            spoken = edge.now()


def _event(news: News, edge: Edge) -> bytes:
    data = msgspec.json.encode(task_object(news.view, edge.media, currency=edge.accounts.currency))
    return b"id: %d\nevent: %s\ndata: %s\n\n" % (news.sequence, news.type.encode(), data)

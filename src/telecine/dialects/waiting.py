"""Requests that are answered when their task has ended. Each costs its connection and a little memory: no step, no
connection of the database, no thread; and whoever hangs up loses nothing, for the task goes on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import Final

import msgspec
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import Receive

from telecine.dialects.call import Call
from telecine.dialects.streamed import EVENTS, HEADERS, Streamed
from telecine.nouns.errors import GatewayError
from telecine.tasks.view import View

BLANK: Final = b" "
"""What may stand before any JSON."""
COMMENT: Final = b": still here\n\n"
"""What a reader of Server-Sent Events passes over (WHATWG HTML, 9.2.6)."""
_PULSE: Final = 15.0
"""Seconds of silence; proxies cut connections after a minute."""

Render = Callable[[View], Awaitable[Response]]


class Wait(msgspec.Struct, frozen=True):
    """How a request wants to be answered: when its task has ended, after `seconds` at the latest.

    `pulse`: the answer begins at once, with status 200, and until there is more to say this is sent every 15 seconds,
    `BLANK` or `COMMENT`; an error is then the whole answer, or an event. None: nothing is sent before the end, which
    then has its own status.
    """

    seconds: float = 0.0
    pulse: bytes | None = None


async def answered(call: Call, view: View, wait: Wait, render: Render) -> Response:
    """`view` as `render` shows it, once its task has ended or the wait is over; see `waited` for when that is sooner.

    Raises GatewayError; an answer that has begun ends with the dialect's own rendering of it.
    """
    if view.task.ended or wait.seconds <= 0:
        return await render(view)
    if wait.pulse is None:
        return await render(await waited(call, view, wait.seconds))
    parts = _parts(call, view, wait, render)
    return Streamed(parts, EVENTS if wait.pulse == COMMENT else "application/json", HEADERS)


def check_done(view: View, late: str, *, may_retry: bool = False) -> None:
    """Raise GatewayError where the task has come to nothing, for clients that are told its result or an error.

    `late` is what they are told where it still goes on, and `may_retry` whether the same request, sent again, surely
    joins it.
    """
    task = view.task
    if not task.ended:
        raise GatewayError("unavailable", late, retry_after=1.0, may_retry=may_retry)
    if task.status != "succeeded":
        error = task.error
        raise GatewayError(
            error.code if error is not None else "cancelled" if task.status == "cancelled" else "internal",
            error.message if error is not None else f"The task was {task.status}.",
            param=error.param if error is not None else None,
            may_retry=False,
        )


async def waited(call: Call, view: View, seconds: float) -> View:
    """The task of `view` once it has ended; as it is after `seconds`, sooner where this process is about to stop, and
    at once where as many wait already as may.

    Raises GatewayError where the task is deleted meanwhile, and ClientDisconnect once its client has hung up.
    """
    if view.task.ended or seconds <= 0:
        return view
    with call.edge.waits.one_of(call.principal.account_id) as room:
        return await _unless_gone(call.request.receive, _ended(call, view, seconds)) if room else view


async def _ended(call: Call, view: View, seconds: float) -> View:
    return await call.edge.tasks.wait(call.principal, view.task.id, seconds)


async def _unless_gone(receive: Receive, end: Awaitable[View]) -> View:
    """What `end` brings. Raises ClientDisconnect, and ends it, where the client is gone before."""
    ending = asyncio.ensure_future(end)
    gone = asyncio.create_task(_hung_up(receive))
    try:
        await asyncio.wait((ending, gone), return_when=asyncio.FIRST_COMPLETED)
        if ending.done():
            return ending.result()
        raise ClientDisconnect
    finally:
        ending.cancel()
        gone.cancel()


async def _hung_up(receive: Receive) -> None:
    """Return once the client has gone."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def _parts(call: Call, view: View, wait: Wait, render: Render) -> AsyncGenerator[bytes]:
    with call.edge.waits.one_of(call.principal.account_id) as room:
        ending = asyncio.ensure_future(_ended(call, view, wait.seconds if room else 0.0))
        try:
            while not (await asyncio.wait((ending,), timeout=_PULSE))[0]:
                yield wait.pulse or b""
            answer = await render(ending.result())
        except GatewayError as error:
            refused: Response = call.request.scope["dialect"].render_error(error, call.request_id)
            answer = refused
            if wait.pulse == COMMENT:
                answer = Response(b"data: %s\n\n" % bytes(refused.body))
        finally:
            ending.cancel()
    if isinstance(answer, Streamed):
        async with aclosing(answer.parts) as parts:
            async for part in parts:
                yield part
    else:
        yield bytes(answer.body)

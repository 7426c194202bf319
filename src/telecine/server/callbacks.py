"""Callbacks from providers: an unguessable URL per attempt. A callback only wakes its task; the task's own poll
decides, so a forged or replayed one can do no harm."""

from __future__ import annotations

import re
from typing import Final

import structlog
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from telecine.nouns.errors import GatewayError
from telecine.routing.router import Router
from telecine.tasks.service import TaskService

_log = structlog.get_logger(__name__)

CALLBACK_PATH: Final = "/callbacks/{token}"
_MOST_BYTES: Final = 1024 * 1024
_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]{16,64}")


def callback_route(tasks: TaskService, router: Router) -> Route:
    """The route that providers call."""

    async def receive(request: Request) -> Response:
        token = request.path_params["token"]
        found = await tasks.find_callback(token) if _TOKEN.fullmatch(token) else None
        known = router.of(found[1]) if found else None
        if found is None or known is None:  # before a byte of the body is waited for
            raise GatewayError("not_found", "There is no such callback.")
        body = bytearray()
        async for chunk in request.stream():
            body += chunk
            if len(body) > _MOST_BYTES:
                raise GatewayError("too_large", "The callback's body is too large.")
        channel, provider = known
        headers = {name.lower(): value for name, value in request.headers.items()}
        if not provider.read_callback(channel, headers, bytes(body)):
            _log.warning("callback_refused", channel=channel.name)
            raise GatewayError("authentication", "The callback's signature is not valid.")
        await tasks.wake(found[0])
        return JSONResponse({"ok": True})

    return Route(CALLBACK_PATH, receive, methods=["POST"], name="callback")

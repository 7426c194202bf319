"""Which route answers a request: it is looked for among those whose path begins like the request's, so that hundreds of
others cost nothing. Errors are raised, for the gate to render."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import Final

from starlette.datastructures import State
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocketClose

_ROOT: Final = ""


class Routes:
    """The application behind the gate; handlers reach `state` as `request.app.state`. The first route that matches
    answers, in the order in which they were given.

    Raises HTTPException: 404 where there is none for the path, 405 where there is none for the method.
    """

    def __init__(self, routes: Sequence[Route]) -> None:
        self.state = State()
        self.routes = tuple(routes)
        beginnings = [_beginning(one.path) for one in routes]
        self._deepest = max((one.count("/") for one in beginnings), default=0)
        self._by_beginning = {one: _above(one, beginnings, routes) for one in {_ROOT, *beginnings}}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            if scope["type"] == "websocket":
                await WebSocketClose()(scope, receive, send)
            return
        scope["app"] = self
        other: Route | None = None
        for route in self._like(scope["path"]):
            match, child = route.matches(scope)
            if match is Match.FULL:
                scope.update(child)
                response: Response = await route.endpoint(Request(scope, receive, send))
                await response(scope, receive, send)
                return
            if match is Match.PARTIAL and other is None:
                other = route
        if other is None:
            raise HTTPException(404)
        raise HTTPException(405, headers={"Allow": ", ".join(sorted(other.methods or ()))})

    def _like(self, path: str) -> Sequence[Route]:
        """Those that may match: of the longest known beginning of `path`."""
        parts = path.split("/", self._deepest + 1)[: self._deepest + 1]
        start = "/".join(parts)
        while (found := self._by_beginning.get(start)) is None:
            start = start[: start.rfind("/")]
        return found


def _beginning(path: str) -> str:
    """The parts of a route's path before the first that is not written out: `/v1/videos` of `/v1/videos/{id}`."""
    parts = path.rstrip("/").split("/")
    written = next((at for at, part in enumerate(parts) if "{" in part), len(parts))
    return "/".join(parts[:written])


def _above(path: str, beginnings: Sequence[str], routes: Sequence[Route]) -> list[Route]:
    """Those that begin as `path` does, with fewer parts or as many."""
    above = set(accumulate(path.split("/"), "{}/{}".format))
    return [route for start, route in zip(beginnings, routes, strict=True) if start in above]

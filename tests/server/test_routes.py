"""Routes are found by the beginning of a path, and in no other way than if all of them were tried in their order."""

from __future__ import annotations

import pytest
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Match, Route
from starlette.types import Message, Scope

from telecine.server.routes import Routes

PATHS = (
    "/", "/v1/videos", "/v1/videos/edits", "/v1/videos/{id}", "/v1/videos/{id}/content", "/v1/{word}/last",
    "/kling/v1/videos/{kind}/{id:path}", "/{any}", "/media/{output}/{ticket}/{name}",
)  # fmt: skip
ASKED = (
    "/", "/v1/videos", "/v1/videos/edits", "/v1/videos/a", "/v1/videos/a/content", "/v1/videos/a/b", "/v1/a/last",
    "/v1/videos/last", "/kling/v1/videos/x/a/b/c", "/kling", "/other", "/a/b", "/media/1/2/3", "/media/1/2", "*", "",
    "/v1/videos/edits/content", "/" + "a/" * 5000,
)  # fmt: skip


async def _named(request: Request) -> Response:
    return PlainTextResponse(str(request.scope["endpoint"]))


ROUTES = [Route(path, _named, methods=["GET"], name=path) for path in PATHS]
ROUTES += [Route(path, _named, methods=["POST"], name=f"POST {path}") for path in PATHS[:4]]


def scope(path: str, method: str) -> Scope:
    return {"type": "http", "path": path, "method": method, "headers": [], "query_string": b"", "root_path": ""}


def by_trying(path: str, method: str) -> int | str:
    """The name of the first route that matches, else the status that says why there is none."""
    status = 404
    for route in ROUTES:
        match, _ = route.matches(scope(path, method))
        if match is Match.FULL:
            return route.name
        if match is Match.PARTIAL:
            status = 405
    return status


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "DELETE"])
@pytest.mark.parametrize("path", ASKED)
async def test_a_route_is_found_as_if_all_were_tried(path: str, method: str) -> None:
    found: list[str] = []

    def taken(route: Route) -> Route:
        async def answer(_: Request) -> Response:
            found.append(route.name)
            return PlainTextResponse("")

        return Route(route.path, answer, methods=list(route.methods or ()), name=route.name)

    routes = Routes([taken(one) for one in ROUTES])
    wanted = by_trying(path, method)
    if isinstance(wanted, str):
        await routes(scope(path, method), _nothing, _taken)
        assert found == [wanted]
        return
    with pytest.raises(HTTPException) as raised:
        await routes(scope(path, method), _nothing, _nowhere)
    assert (raised.value.status_code, found) == (wanted, [])


async def test_a_websocket_is_turned_away() -> None:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    await Routes(ROUTES)({"type": "websocket", "path": "/v1/videos"}, _nothing, send)
    assert sent[0]["type"] == "websocket.close"


async def _nothing() -> Message:
    return {"type": "http.request", "body": b""}


async def _taken(_: Message) -> None:
    pass


async def _nowhere(_: Message) -> None:
    raise AssertionError("nothing is to be sent")

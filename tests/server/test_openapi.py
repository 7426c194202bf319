"""The OpenAPI document tells every route, and the page shows it."""

from __future__ import annotations

import re
from collections.abc import Iterator

import schemathesis
from starlette.routing import BaseRoute, Route

from telecine.server.openapi import document
from tests.server.live import LiveServer

RESERVED = {  # words under /v1/videos that answer 404 whatever the method
    "/v1/videos/edits",
    "/v1/videos/extensions",
    "/v1/videos/characters",
    "/v1/videos/characters/{id}",
}


def routes(server: LiveServer) -> Iterator[Route]:
    """Every route of the application, however it is mounted."""
    found: list[BaseRoute] = list(server.gateway.app._app.routes)  # type: ignore[attr-defined]
    for route in found:
        assert isinstance(route, Route), f"{route} is of a kind that this test does not know"
        yield route


def path_of(route: Route) -> str:
    """The path as OpenAPI writes it."""
    return re.sub(r"\{(\w+):\w+\}", r"{\1}", route.path)


def test_every_route_is_in_the_document_and_the_other_way_round(sandbox: LiveServer) -> None:
    paths = document()["paths"]
    served: dict[str, set[str]] = {}
    for route in routes(sandbox):
        served.setdefault(path_of(route), set()).update(
            method.lower() for method in route.methods or {"GET"} if method != "HEAD"
        )
    described = {path: set(methods) for path, methods in paths.items()}
    assert described.keys() == served.keys() - RESERVED
    for path, methods in described.items():
        assert methods <= served[path], path
        if "put" not in served[path]:  # Kling's routes answer every method, with 404 where nothing is there
            assert methods == served[path], path


def test_the_document_is_valid_and_public(sandbox: LiveServer) -> None:
    reply = sandbox.call("GET", "/openapi.json", key=None)
    assert reply.status == 200
    assert reply.headers["content-type"] == "application/json"
    assert reply.json["openapi"] == "3.1.0"
    schemathesis.openapi.from_dict(reply.json).validate()
    names = [one["operationId"] for methods in reply.json["paths"].values() for one in methods.values()]
    assert len(names) == len(set(names))


def test_what_needs_a_key_says_so(sandbox: LiveServer) -> None:
    for path, methods in document()["paths"].items():
        for method, operation in methods.items():
            reply = sandbox.call(method.upper(), re.sub(r"\{\w+\}", "x", path), b"{}", key=None)
            refused = reply.status in (401, 429)
            assert refused is bool(operation["security"]), (method, path, reply.status)


def test_the_page_shows_everything_and_loads_nothing(sandbox: LiveServer) -> None:
    reply = sandbox.call("GET", "/docs", key=None)
    text = reply.content.decode()
    assert reply.status == 200
    assert reply.headers["content-type"].startswith("text/html")
    assert reply.headers["content-security-policy"].startswith("default-src 'none'; style-src 'self'")
    for path in document()["paths"]:
        assert f"<code>{path}</code>" in text
    assert "任意客户端协议接入" in text
    assert not re.search(r"<script|<img|<iframe|style=|\son\w+=|(?:src|href)=\"(?:https?:)?//", text)
    assert f"curl -X POST {sandbox.address}/v1/tasks" in text
    links = set(re.findall(r'<link [^>]*href="([^"]+)"', text))
    assert links == {"/docs/style.css"}
    style = sandbox.call("GET", "/docs/style.css", key=None)
    assert style.headers["content-type"].startswith("text/css")
    assert "url(" not in style.content.decode()


def test_the_page_does_not_trust_the_host_that_it_is_told(sandbox: LiveServer) -> None:
    reply = sandbox.call("GET", "/docs", key=None, headers={"host": 'a"><script>alert(1)</script>'})
    assert b"<script" not in reply.content

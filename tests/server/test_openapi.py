"""The OpenAPI document tells every route, and the page shows it."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from html import escape
from typing import Any

import jsonschema_rs
import msgspec
import pytest
import schemathesis
from starlette import requests
from starlette.datastructures import QueryParams
from starlette.routing import BaseRoute, Route

from telecine.dialects.billing.dashboard import DashboardRefusal
from telecine.dialects.dialect import Dialect
from telecine.dialects.document import Entry, Query
from telecine.dialects.kling import KLING
from telecine.dialects.kling2 import KLING2
from telecine.dialects.midjourney import MIDJOURNEY
from telecine.dialects.openai import OPENAI
from telecine.dialects.tasks import TASKS
from telecine.nouns.errors import ERROR_CODES, GatewayError, TaskError
from telecine.nouns.request import GenerationRequest
from telecine.server.described import ENTRIES, ERRORS
from telecine.server.openapi import document
from telecine.webhooks.delivery import EVENTS, Tidings
from tests.dialects.house import NOW, House
from tests.server.live import ADMIN_KEY, KEY, LiveServer


def routes(server: LiveServer) -> Iterator[Route]:
    """Every route of the application, however it is mounted."""
    found: list[BaseRoute] = list(server.gateway.app._app.routes)  # type: ignore[attr-defined]
    for route in found:
        assert isinstance(route, Route), f"{route} is of a kind that this test does not know"
        yield route


def path_of(route: Route) -> str:
    """The path as OpenAPI writes it."""
    return re.sub(r"\{(\w+):\w+\}", r"{\1}", route.path)


def conforms(value: Any, schema: dict[str, Any]) -> None:
    """Fails unless `value` is as `schema`, which may refer to the document's components, says."""
    jsonschema_rs.Draft202012Validator({**schema, "components": document()["components"]}).validate(value)


def is_exactly(content: bytes, kind: type[msgspec.Struct]) -> None:
    """Fails unless a client whose types were made from `kind` reads all that `content` says."""
    told = msgspec.json.decode(content, type=kind)
    assert msgspec.to_builtins(told) == json.loads(content)


@pytest.mark.parametrize("operation", ENTRIES, ids=lambda one: f"{one.method} {one.path}")
def test_errors_are_rendered_as_declared(sandbox: LiveServer, operation: Entry) -> None:
    path = operation.path.replace("{", "").replace("}", "")
    asked: dict[str, Any] = {"type": "http", "method": operation.method, "path": path, "headers": []}
    dialect = sandbox.gateway.app._claims.of(asked) or sandbox.gateway.app._fallback
    for code in ERROR_CODES:
        for param in ("id", None):
            answer = dialect.render_error(GatewayError(code, "Why.", param=param), "r")  # type: ignore[arg-type]
            good = answer.status_code == 200
            queued_or_banned = dialect.errors is MIDJOURNEY.errors and code in ("capacity", "content_policy")
            assert not good or operation.group == "dashboard" or queued_or_banned
            if operation.error is not None:
                msgspec.json.decode(bytes(answer.body), type=operation.error)
            else:
                is_exactly(
                    bytes(answer.body), DashboardRefusal if good and not queued_or_banned else ERRORS[operation.group]
                )


class Recording(QueryParams):
    """Notes what is asked of it by name."""

    asked: set[str]

    def get(self, key: Any, default: Any = None) -> Any:
        self.asked.add(key)
        return super().get(key, default)

    def __getitem__(self, key: Any) -> str:
        self.asked.add(key)
        return super().__getitem__(key)

    def getlist(self, key: Any) -> list[str]:
        self.asked.add(key)
        return super().getlist(key)


def sample(one: Query) -> str:
    """A value that a required parameter may have."""
    return str(one.schema.get("minimum", "x"))


@pytest.fixture(scope="module")
def things(sandbox: LiveServer) -> dict[str, str]:
    """One of everything that a path can name."""
    task = sandbox.call("POST", "/v1/videos", {"prompt": "a boat", "model": "sora-2", "seconds": "4"}).json["id"]
    sandbox.ended(task)
    hook = sandbox.call("POST", "/v1/webhooks", {"url": "https://example.com/hook"}).json["id"]
    return {"/v1/webhooks": hook, "/v1/models": "sora-2", "/admin/v1/accounts": "default", "": task}


@pytest.mark.parametrize(
    "operation", [one for one in ENTRIES if one.method == "GET"], ids=lambda one: f"{one.method} {one.path}"
)
def test_query_parameters_are_those_that_are_read(
    sandbox: LiveServer, things: dict[str, str], monkeypatch: pytest.MonkeyPatch, operation: Entry
) -> None:
    monkeypatch.setattr(Recording, "asked", set(), raising=False)
    monkeypatch.setattr(requests, "QueryParams", Recording)
    thing = next(name for start, name in things.items() if operation.path.startswith(start))
    path = re.sub(r"\{\w+\}", thing, operation.path)
    given = "&".join(f"{one.name}={sample(one)}" for one in operation.query if one.required)
    if "costs" in path:
        time.sleep(0.2)  # they may be asked for once a second, of which the server's clock has four by then
    reply = sandbox.call("GET", f"{path}?{given}", key=ADMIN_KEY if path.startswith("/admin") else KEY)
    assert Recording.asked == {one.name for one in operation.query}, reply
    needed = {"/costs": {"start_time", "end_time"}, "openapi/detail": {"requestId"}, "openapi/outputs": {"requestId"}}
    needed |= {key: {"id"} for key in ("/v1/video/query", "/v1/videos/video_id")}
    assert {one.name for one in operation.query if one.required} == next(
        (names for end, names in needed.items() if path.endswith(end)), set()
    )


def test_what_is_sent_is_in_the_document_and_on_the_page(sandbox: LiveServer) -> None:
    told = document()["webhooks"]
    names = {"task", "test", "video", "kling", "kling2", "suno", "midjourney", "bizyair", "image", "ima"}
    assert set(told) == names
    page = sandbox.call("GET", "/docs", key=None).content.decode()
    for one in told.values():
        assert escape(one["post"]["summary"]) in page
        assert {header["name"] for header in one["post"]["parameters"]} == {
            "webhook-id",
            "webhook-timestamp",
            "webhook-signature",
        }
    body = told["task"]["post"]["requestBody"]["content"]["application/json"]
    assert body["schema"] == {"$ref": "#/components/schemas/TaskEvent"}
    assert document()["components"]["schemas"]["TaskEvent"]["properties"]["type"]["enum"] == list(EVENTS)
    assert all(f"&quot;{kind}&quot;" in page for kind in EVENTS)


@pytest.mark.parametrize(
    ("name", "dialect"), [("task", TASKS), ("video", OPENAI), ("kling", KLING), ("kling2", KLING2)]
)
def test_what_is_sent_is_as_declared(name: str, dialect: Dialect) -> None:
    schema = document()["webhooks"][name]["post"]["requestBody"]["content"]["application/json"]["schema"]
    house, wanted = House(dialect), GenerationRequest("text_to_video", "kling-v1", "a boat")
    tasks, failed = house.tasks, TaskError("content_policy", "No.")
    assert dialect.announce is not None
    for view in (tasks.add(wanted), tasks.done(wanted), tasks.add(wanted, state="failed", error=failed)):
        message = dialect.announce(view, Tidings(f"task.{view.task.status}", NOW), house.edge)
        assert message is not None
        conforms(json.loads(message.body), schema)


def test_every_route_is_in_the_document_and_the_other_way_round(sandbox: LiveServer) -> None:
    paths = document()["paths"]
    served: dict[str, set[str]] = {}
    for route in routes(sandbox):
        served.setdefault(path_of(route), set()).update(
            method.lower() for method in route.methods or {"GET"} if method != "HEAD"
        )
    described = {path: set(methods) for path, methods in paths.items()}
    assert described.keys() == served.keys()
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
    told = (*reply.json["paths"].values(), *reply.json["webhooks"].values())
    names = [one["operationId"] for methods in told for one in methods.values()]
    assert len(names) == len(set(names))


def test_what_needs_a_key_says_so(sandbox: LiveServer) -> None:
    for path, methods in document()["paths"].items():
        for method, operation in methods.items():
            reply = sandbox.call(method.upper(), re.sub(r"\{\w+\}", "x", path), b"{}", key=None)
            refused = reply.status in (401, 429)
            assert refused is bool(operation["security"]), (method, path, reply.status)
            if refused:
                conforms(reply.json, operation["responses"]["default"]["content"]["application/json"]["schema"])


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

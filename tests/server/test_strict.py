"""Our own API refuses query parameters that it does not know; the other dialects are as lenient as their vendors."""

from __future__ import annotations

import pytest

from tests.server.live import ADMIN_KEY, KEY, LiveServer


@pytest.mark.parametrize(
    "path",
    [
        "/v1/tasks",
        "/v1/tasks/tsk_0",
        "/v1/tasks/tsk_0/events",
        "/v1/webhooks",
        "/v1/webhooks/whk_0/deliveries",
        "/v1/deliveries",
        "/v1/account",
        "/v1/account/entries",
    ],
)
def test_what_it_does_not_know_is_refused_by_name(sandbox: LiveServer, path: str) -> None:
    reply = sandbox.call("GET", f"{path}?statos=queued&limmit=3")
    assert reply.status == 400
    error = reply.json["error"]
    assert (error["code"], error["param"]) == ("invalid_request", "statos")
    assert "'statos', 'limmit'" in error["message"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/admin/v1/keys"),
        ("POST", "/admin/v1/keys"),
        ("DELETE", "/admin/v1/keys/nobody"),
        ("GET", "/admin/v1/ledger/entries"),
        ("GET", "/admin/v1/margins"),
        ("GET", "/admin/v1/doctor"),
    ],
)
def test_so_it_is_for_administrators(sandbox: LiveServer, method: str, path: str) -> None:
    reply = sandbox.call(method, f"{path}?acount=x", {"name": "new"} if method == "POST" else None, key=ADMIN_KEY)
    assert (reply.status, reply.json["error"]["param"]) == (400, "acount")


def test_nothing_is_made_of_a_create_with_one(sandbox: LiveServer) -> None:
    before = sandbox.count("tasks")
    reply = sandbox.call("POST", "/v1/tasks?waits=5", {"model": "storyboard-1", "prompt": "a"})
    assert (reply.status, reply.json["error"]["param"]) == (400, "waits")
    assert sandbox.count("tasks") == before


def test_key_is_taken_only_where_it_was_the_credential(sandbox: LiveServer) -> None:
    assert sandbox.call("GET", f"/v1/tasks?key={KEY}", key=None).status == 200
    assert sandbox.call("GET", f"/v1/tasks?key={KEY}&status=queued", key=None).status == 200
    assert sandbox.call("GET", "/v1/tasks?key=main", key=None).status == 401
    reply = sandbox.call("GET", "/v1/tasks?key=main")
    assert (reply.status, reply.json["error"]["param"]) == (400, "key")
    assert "key_name" in reply.json["error"]["message"]
    assert "main" not in reply.json["error"]["message"]
    assert sandbox.call("GET", "/v1/deliveries?key=main").status == 400
    assert sandbox.call("GET", f"/v1/tasks?key={KEY}&statos=queued", key=None).json["error"]["param"] == "statos"


@pytest.mark.parametrize(
    "path", ["/v1/videos", "/v1/models", "/kling/v1/videos/text2video", "/api/pricing", "/v1/dashboard/billing/usage"]
)
def test_other_dialects_are_as_lenient_as_their_vendors(sandbox: LiveServer, path: str) -> None:
    assert sandbox.call("GET", f"{path}?statos=queued&key=main").status == 200

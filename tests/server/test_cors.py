"""Browsers call directly, and every answer can be traced."""

from __future__ import annotations

import pytest

from tests.server.live import LiveServer

ORIGIN = {"origin": "https://app.example"}
PATHS = ["/v1/videos", "/v1/videos/1/content", "/kling/v1/videos/text2video", "/v1/tasks", "/media/a/b/c", "/nothing"]


@pytest.mark.parametrize("path", PATHS)
def test_a_preflight_needs_no_key(sandbox: LiveServer, path: str) -> None:
    asked = {"access-control-request-method": "DELETE", "access-control-request-headers": "authorization,x-new-header"}
    answer = sandbox.call("OPTIONS", path, key=None, headers=ORIGIN | asked)
    assert (answer.status, answer.content) == (204, b"")
    assert answer.headers["access-control-allow-origin"] == "*"
    assert {"GET", "POST", "DELETE"} <= set(answer.headers["access-control-allow-methods"].split(", "))
    allowed = answer.headers["access-control-allow-headers"]
    assert {"authorization", "content-type", "idempotency-key"} <= set(allowed.split(", "))
    assert "x-new-header" in allowed
    assert "access-control-request-headers" in answer.headers["vary"]
    assert int(answer.headers["access-control-max-age"]) > 0


@pytest.mark.parametrize(("method", "path", "key", "status"), [
    ("GET", "/v1/models", True, 200),
    ("GET", "/v1/models", False, 401),
    ("POST", "/v1/videos", True, 400),
    ("GET", "/v1/videos/1", True, 404),
    ("GET", "/media/a/b/c", False, 403),
    ("PUT", "/v1/videos", True, 405),
    ("GET", "/healthz", False, 200),
])  # fmt: skip
def test_every_answer_is_open_to_scripts_errors_too(
    sandbox: LiveServer, method: str, path: str, key: bool, status: int
) -> None:
    mine = {"x-request-id": "request-1:of.me_2"}
    answer = sandbox.call(method, path, **({} if key else {"key": None}), headers=ORIGIN | mine)
    assert answer.status == status
    assert answer.headers["access-control-allow-origin"] == "*"
    exposed = set(answer.headers["access-control-expose-headers"].split(", "))
    assert {"x-request-id", "openai-poll-after-ms", "x-should-retry", "retry-after"} <= exposed
    assert "access-control-allow-credentials" not in answer.headers
    assert answer.headers["x-request-id"] == mine["x-request-id"]


def test_a_request_id_is_made_where_none_can_be_used(sandbox: LiveServer) -> None:
    given = [{}, {"x-request-id": ""}, {"x-request-id": "a b"}, {"x-request-id": "x" * 129}, {"x-request-id": "<b>"}]
    made = [sandbox.call("GET", "/healthz", key=None, headers=headers).headers["x-request-id"] for headers in given]
    assert len(set(made)) == len(given)
    assert not {headers.get("x-request-id") for headers in given} & set(made)

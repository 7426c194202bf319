"""Tokens as clients meet them: reported, charged, told, limited. The sandbox plays the upstream that counts them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.server.live import ADMIN_KEY, LiveServer

LIMITED = "key-of-somebody-limited-0123456789"
CONFIG = f"""
[[channels]]
name = "sandbox"
provider = "sandbox"
models = ["storyboard-1", "sora-2", "kling-v1"]
priced = true

[[accounts]]
name = "default"
balance = 1

[[accounts]]
name = "crowd"
unlimited = true
token_limit = "6000/day"

[[keys]]
name = "limited"
key = "{LIMITED}"
account = "crowd"
token_limit = "5300/hour"

[[prices]]
model = "storyboard-1"
unit = "million_input_tokens"
price = 3

[[prices]]
model = "storyboard-1"
unit = "million_cached_tokens"
price = 0.3

[[prices]]
model = "storyboard-1"
unit = "million_output_tokens"
price = 15
hold = 0.002

[[prices]]
model = "sora-2"
unit = "compute_second"
price = 0.01
hold = 20
"""
PATH = "/kling/v1/videos/text2video"
PROMPT = "a paper boat [[tokens:input=1200,cached=100,output=4000]]"


def draw(server: LiveServer, **more: Any) -> Any:
    key = more.pop("key", None)
    body = {"model": "storyboard-1", "prompt": PROMPT, "size": "64x64", **more}
    reply = server.call("POST", "/v1/tasks", body, **({"key": key} if key else {}))
    assert reply.status < 300, reply
    return reply.json


def test_tokens_are_rehearsed_with_the_sandbox(folder: Path) -> None:
    with LiveServer(folder, CONFIG) as server:
        made = draw(server)
        assert made["cost"]["held"] == "0.063000"  # 10,000 read, 10,000 cached, 2,000 generated
        task = server.ended(made["id"])
        assert task["usage"]["tokens"] == {"input": 1200, "cached": 100, "cache_write": 0, "output": 4000, "audio": 0}
        assert task["usage"]["compute_seconds"] > 0
        assert task["cost"] == {"held": "0.063000", "charged": "0.063630", "currency": "USD"}
        account = server.call("GET", "/v1/account").json
        assert (account["balance"], account["held"], account["spent"]) == ("0.936370", "0.000000", "0.063630")
        plain = server.ended(draw(server, prompt="a paper boat")["id"])
        assert "tokens" not in plain["usage"]
        assert plain["cost"]["charged"] == "0.063000"
        clip = server.ended(draw(server, model="sora-2", prompt="a boat", size="1280x720", duration=4)["id"])
        assert clip["cost"]["held"] == "0.200000"
        assert float(clip["cost"]["charged"]) == round(clip["usage"]["compute_seconds"] * 0.01, 6)
        assert server.call("GET", "/admin/v1/ledger/check", key=ADMIN_KEY).json["ok"] is True
        priced = {one["model_name"]: one for one in server.call("GET", "/api/pricing").json["data"]}
        told = priced["storyboard-1"]
        assert (told["quota_type"], told["model_ratio"], told["completion_ratio"]) == (0, 1.5, 5)
        assert (told["cache_ratio"], told["create_cache_ratio"]) == (0.1, 0)
        assert len(told["prices"]) == 3
        assert len(server.call("GET", "/admin/v1/prices", key=ADMIN_KEY).json["data"]) == 4


def test_above_its_tokens_a_key_gets_429_in_its_dialects_words(folder: Path) -> None:
    with LiveServer(folder, CONFIG, speed=5.0) as server:
        task = draw(server, key=LIMITED)
        path = f"/v1/tasks/{task['id']}"
        server.until(path, lambda found: found["status"] == "succeeded", key=LIMITED)
        neutral = {"model": "sora-2", "prompt": "a boat"}
        kling = {"model_name": "kling-v1", "prompt": "a boat", "duration": "5"}
        envelopes: dict[str, tuple[Any, Callable[[Any], bool]]] = {
            "/v1/tasks": (neutral, lambda got: got["error"]["code"] == "rate_limited"),
            "/v1/videos": (neutral, lambda got: got["error"]["code"] == "rate_limit_exceeded"),
            PATH: (kling, lambda got: got["code"] == 1302 and "5300 tokens" in got["message"]),
        }
        for route, (body, right) in envelopes.items():
            reply = server.call("POST", route, body, key=LIMITED)
            assert reply.status == 429, route
            assert right(reply.json), reply
            assert 3400 < int(reply.headers["retry-after"]) <= 3661
            assert "x-should-retry" not in reply.headers
        assert server.call("GET", path, key=LIMITED).status == 200  # reads are no creates
        draw(server)  # nobody else is stopped
        server.clock.leap(3700)
        task = draw(server, key=LIMITED, prompt="a boat [[tokens:input=700]]")
        server.until(f"/v1/tasks/{task['id']}", lambda found: found["status"] == "succeeded", key=LIMITED)
        reply = server.call("POST", "/v1/tasks", {"model": "sora-2", "prompt": "a boat"}, key=LIMITED)
        assert reply.status == 429
        assert "This account may take 6000 tokens" in reply.json["error"]["message"]


def test_an_administrator_limits_the_tokens_of_a_key(sandbox: LiveServer) -> None:
    body = {"name": "narrow", "limits": {"token_limit": "10/minute"}}
    made = sandbox.call("POST", "/admin/v1/keys", body, key=ADMIN_KEY)
    assert (made.status, made.json["limits"]["token_limit"]) == (201, "10/minute")
    wrong = sandbox.call("POST", "/admin/v1/keys", {"name": "x", "limits": {"token_limit": "few"}}, key=ADMIN_KEY)
    assert (wrong.status, wrong.json["error"]["param"]) == (400, "token_limit")


def test_the_document_knows_tokens(sandbox: LiveServer) -> None:
    schemas = sandbox.call("GET", "/openapi.json").json["components"]["schemas"]
    assert set(schemas["Tokens"]["properties"]) == {"input", "cached", "cache_write", "output", "audio"}
    assert {"tokens", "compute_seconds"} <= set(schemas["Usage"]["properties"])

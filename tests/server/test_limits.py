"""Limits as clients meet them: 429 in their dialect's words, its headers, and addresses."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from starlette.datastructures import Headers

from telecine.config import Config, ConfigError, read
from telecine.server.address import Proxies, site_of
from telecine.server.gate import _duration
from tests.server.live import ADMIN_KEY, KEY, OTHER_KEY, LiveServer, eventually

LIMITED = "key-of-somebody-limited-0123456789"


def limited(line: str) -> str:
    return f'[[keys]]\nname = "limited"\nkey = "{LIMITED}"\n{line}\n'


def test_above_its_rate_a_key_gets_429_in_its_dialects_words(folder: Path) -> None:
    with LiveServer(folder, limited('rate_limit = "3/hour"'), speed=1.0) as server:
        for remaining in (2, 1, 0):
            reply = server.call("GET", "/v1/models", key=LIMITED)
            assert reply.status == 200
            assert reply.headers["x-ratelimit-limit-requests"] == "3"
            assert reply.headers["x-ratelimit-remaining-requests"] == str(remaining)
            assert reply.headers["x-ratelimit-reset-requests"] == "60m0s"
        envelopes: dict[str, Callable[[Any], bool]] = {
            "/v1/models": lambda body: body["error"]["code"] == "rate_limit_exceeded",
            "/v1/tasks": lambda body: body["error"]["code"] == "rate_limited",
            "/kling/v1/videos/text2video": lambda body: body["code"] == 1302,
        }
        for path, right in envelopes.items():
            reply = server.call("GET", path, key=LIMITED)
            assert reply.status == 429
            assert right(reply.json), path
            assert 3500 < int(reply.headers["retry-after"]) <= 3600
            assert reply.headers["x-ratelimit-remaining-requests"] == "0"
            assert "x-should-retry" not in reply.headers
            assert reply.headers["x-ratelimit-reset-requests"] in ("60m0s", "59m59s", "59m58s")
        reply = server.call("GET", "/v1/models")
        assert reply.status == 200
        assert not [name for name in reply.headers if name.startswith("x-ratelimit-")]


def test_tokens_have_headers_of_their_own(folder: Path) -> None:
    text = "[[tokens:output=700]]"
    with LiveServer(folder, limited('token_limit = "1000/hour"'), speed=1.0) as server:
        first = server.call("POST", "/v1/tasks", {"model": "storyboard-1", "prompt": text}, key=LIMITED)
        told = {name: value for name, value in first.headers.items() if name.startswith("x-ratelimit-")}
        assert told == {
            "x-ratelimit-limit-tokens": "1000",
            "x-ratelimit-remaining-tokens": "1000",
            "x-ratelimit-reset-tokens": "0s",
        }
        server.until(f"/v1/tasks/{first.json['id']}", lambda found: found["status"] == "succeeded", key=LIMITED)
        after = server.call("GET", "/v1/models", key=LIMITED).headers
        assert after["x-ratelimit-remaining-tokens"] == "300"
        assert after["x-ratelimit-reset-tokens"].startswith(("59m", "60m"))
        assert "x-ratelimit-remaining-tokens" in after["access-control-expose-headers"]


@pytest.mark.parametrize(
    ("seconds", "written"),
    [(0.0, "0s"), (0.0101, "0.011s"), (1.0, "1s"), (59.9999, "1m0s"), (119.2, "2m0s"), (3600.0, "60m0s")],
)
def test_durations_are_never_too_short(seconds: float, written: str) -> None:
    assert _duration(seconds) == written


def test_an_account_and_a_key_are_changed_while_they_are_used(folder: Path) -> None:
    with LiveServer(folder, speed=1.0) as server:
        made = server.call(
            "POST", "/admin/v1/keys", {"name": "narrow one", "account": "film", "new_account": True}, key=ADMIN_KEY
        ).json

        def patch(path: str, body: Any) -> Any:
            return server.call("PATCH", f"/admin/v1/{path}", body, key=ADMIN_KEY)

        def models() -> int:
            return server.call("GET", "/v1/models", key=made["key"]).status

        assert models() == 200
        account = patch("accounts/film", {"limits": {"rate_limit": "1/hour", "budget": "2.5"}})
        assert (account.status, account.json["limits"]["budget"]) == (200, "2.500000")
        assert (account.json["source"], account.json["keys"]) == ("admin", 1)
        assert [models(), models()] == [200, 429]
        assert patch("accounts/film", {"limits": {"rate_limit": None}}).json["limits"]["budget"] == "2.500000"
        assert models() == 200
        changed = patch("keys/narrow%20one", {"expires_at": 1})
        assert (changed.status, changed.json["expires_at"], "key" in changed.json) == (200, 1, False)
        assert models() == 401
        for path, body, status in (
            ("keys/tests", {"models": []}, 409),
            ("keys/nobody", {}, 404),
            ("accounts/nobody", {}, 404),
            ("accounts/film", {"limits": {"budget": "-1"}}, 400),
            ("accounts/film", {"balance": 5}, 400),
            ("accounts/film", [], 400),
        ):
            assert patch(path, body).status == status, (path, body)


def test_an_administrator_sees_whose_tasks_are_whose_and_nobody_else_does(sandbox: LiveServer) -> None:
    body = {"model": "storyboard-1", "prompt": "a boat"}
    made = sandbox.call("POST", "/v1/tasks", body, key=OTHER_KEY).json
    assert not {"account", "key"} & made.keys()
    path = f"/v1/tasks/{made['id']}"
    assert not {"account", "key"} & sandbox.call("GET", path, key=OTHER_KEY).json.keys()
    for answer in (
        sandbox.call("GET", path, key=ADMIN_KEY).json,
        next(one for one in sandbox.call("GET", "/v1/tasks", key=ADMIN_KEY).json["data"] if one["id"] == made["id"]),
    ):
        assert (answer["account"], answer["key"]) == ("other", "other")
    sandbox.until(path, lambda found: found["status"] == "succeeded", key=OTHER_KEY)
    again = sandbox.call("POST", f"{path}/retry", key=ADMIN_KEY).json
    assert (again["account"], again["key"], again["retry_of"]) == ("other", None, made["id"])
    schema = sandbox.call("GET", "/openapi.json").json["components"]["schemas"]["TaskObject"]
    assert {"account", "key"} <= schema["properties"].keys()
    assert not {"account", "key"} & set(schema["required"])


def test_an_address_that_keeps_failing_has_to_wait_and_a_good_key_never_does(folder: Path) -> None:
    with LiveServer(folder, speed=1.0) as server:
        replies = [server.call("GET", "/v1/models", key="sk-tc-wrong") for _ in range(22)]
        assert [reply.status for reply in replies] == [401] * 20 + [429] * 2
        assert 1 <= int(replies[-1].headers["retry-after"]) <= 60
        assert server.call("GET", "/v1/models").status == 200
        assert server.call("GET", "/healthz", key=None).status == 200


def test_streams_of_events_are_bounded_for_each_account(folder: Path) -> None:
    with LiveServer(folder, "[limits]\nevent_streams = 1\n", speed=1.0) as server:
        made = {"model": "storyboard-1", "prompt": "a boat [[delay:60]]"}
        path = f"/v1/tasks/{server.call('POST', '/v1/tasks', made).json['id']}/events"
        with closing(server.connect()) as connection:
            connection.request("GET", path, headers={"authorization": f"Bearer {KEY}"})
            stream = connection.getresponse()
            assert stream.readline() == b"retry: 1000\n"
            second = server.call("GET", path)
            assert (second.status, second.json["error"]["code"]) == (429, "rate_limited")
            assert int(second.headers["retry-after"]) == 10
            server._file.write_text(server._file.read_text().replace("event_streams = 1", "event_streams = 0"))
            assert server.call("POST", "/admin/v1/config/reload", key=ADMIN_KEY).status == 200
        streams = server.gateway._edge.streams
        eventually(lambda: streams.most == 0 and not streams.used, "the stream given back")
        assert server.call("GET", path).status == 429


def test_a_key_works_only_from_its_networks(folder: Path) -> None:
    with LiveServer(folder, limited('ips = ["10.0.0.0/8"]')) as server:
        for headers in ({}, {"x-forwarded-for": "10.0.0.1"}):  # nobody said that this peer is a proxy
            assert server.call("GET", "/v1/models", key=LIMITED, headers=headers).status == 403


def test_what_a_trusted_proxy_says_is_believed(folder: Path) -> None:
    trusting = '[network]\ntrusted_proxies = ["127.0.0.1/32"]\n' + limited('ips = ["10.0.0.0/8"]')
    with LiveServer(folder, trusting) as server:
        for forwarded, status in (("10.0.0.1", 200), ("10.0.0.1, 11.0.0.1", 403), ("evil", 403), ("", 403)):
            reply = server.call("GET", "/v1/models", key=LIMITED, headers={"x-forwarded-for": forwarded})
            assert reply.status == status, forwarded


def test_only_proxies_are_believed_and_only_to_the_first_stranger() -> None:
    proxies = Proxies(["10.0.0.0/8", "2001:db8::/32"])

    def client(peer: str | None, *forwarded: str) -> str:
        headers = Headers(raw=[(b"x-forwarded-for", one.encode()) for one in forwarded])
        return proxies.client_of({"client": (peer, 1) if peer else None}, headers)

    assert client("8.8.8.8", "1.2.3.4") == "8.8.8.8"
    assert client("10.0.0.1", "1.2.3.4") == "1.2.3.4"
    assert client("10.0.0.1", "6.6.6.6, 1.2.3.4, 10.9.9.9") == "1.2.3.4"
    assert client("10.0.0.1", "6.6.6.6", "1.2.3.4") == "1.2.3.4"
    assert client("2001:db8::1", "10.1.1.1") == "10.1.1.1"
    assert client("10.0.0.1") == "10.0.0.1"
    assert client(None, "1.2.3.4") == ""


def test_an_ipv6_client_cannot_escape_within_its_network() -> None:
    assert site_of("2001:db8:0:1::1") == site_of("2001:db8:0:1:ffff::2") != site_of("2001:db8:0:2::1")
    assert site_of("::ffff:1.2.3.4") == site_of("1.2.3.4")
    assert len(site_of("x" * 9999)) <= 64


def test_an_administrator_makes_a_limited_key(sandbox: LiveServer) -> None:
    limits = {"rate_limit": "1/hour", "monthly_budget": "2.5", "max_tasks_in_flight": 1}
    made = sandbox.call("POST", "/admin/v1/keys", {"name": "narrow", "limits": limits}, key=ADMIN_KEY)
    assert made.status == 201
    assert made.json["limits"]["monthly_budget"] == "2.500000"
    assert [sandbox.call("GET", "/v1/models", key=made.json["key"]).status for _ in range(2)] == [200, 429]
    wrong = sandbox.call("POST", "/admin/v1/keys", {"name": "x", "limits": {"rate_limit": "often"}}, key=ADMIN_KEY)
    assert wrong.status == 400
    assert wrong.json["error"]["param"] == "rate_limit"


@pytest.mark.parametrize(
    "text",
    [
        '[[keys]]\nname = "a"\nkey = "w4tL0n8qZ2xV7bK3mR9cT1"\nrate_limit = "often"',
        '[[keys]]\nname = "a"\nkey = "w4tL0n8qZ2xV7bK3mR9cT1"\nips = ["10.0.0.1/8"]',
        '[[keys]]\nname = "a"\nkey = "w4tL0n8qZ2xV7bK3mR9cT1"\nmax_tasks_in_flight = 0',
        '[[keys]]\nname = "a"\nkey = "w4tL0n8qZ2xV7bK3mR9cT1"\nbudget = -1',
        '[[keys]]\nname = "a"\nkey = "w4tL0n8qZ2xV7bK3mR9cT1"\ntoken_limit = "many"',
        '[[accounts]]\nname = "a"\nrate_limit = "5/year"',
        '[[accounts]]\nname = "a"\ntoken_limit = "0/minute"',
        '[[accounts]]\nname = "a"\nmax_tasks_in_flight = -1',
        '[[channels]]\nname = "a"\nprovider = "sandbox"\ndaily_cap = 0',
        '[[channels]]\nname = "quota:a"\nprovider = "sandbox"',
        '[[pools]]\nname = "quota:a"\nslots = 1',
        '[[channels]]\nname = "a"\nprovider = "sandbox"\nrate_limit = "1"',
        '[network]\ntrusted_proxies = ["nowhere"]',
    ],
)
def test_limits_that_cannot_be_stop_the_start(tmp_path: Path, text: str) -> None:
    file = tmp_path / "telecine.toml"
    file.write_text(text)
    with pytest.raises(ConfigError, match=r"not valid|must be 1 or more|is negative|cannot be named"):
        read(file, {})


def test_limits_in_the_file(tmp_path: Path) -> None:
    file = tmp_path / "telecine.toml"
    file.write_text('[[keys]]\nname = "a"\nkey = "w4tL0n8qZ2xV7bK3mR9cT1"\nbudget = 20.0\nrate_limit = "600/minute"')
    config = read(file, {})
    assert isinstance(config, Config)
    assert (str(config.keys[0].budget), config.keys[0].rate_limit) == ("20.0", "600/minute")

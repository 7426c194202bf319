"""Limits as clients meet them: 429 in their dialect's words, its headers, and addresses."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from starlette.datastructures import Headers

from telecine.config import Config, ConfigError, read
from telecine.server.address import Proxies, site_of
from tests.server.live import ADMIN_KEY, LiveServer

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
        reply = server.call("GET", "/v1/models")
        assert reply.status == 200
        assert "x-ratelimit-limit-requests" not in reply.headers


def test_an_address_that_keeps_failing_has_to_wait_and_a_good_key_never_does(folder: Path) -> None:
    with LiveServer(folder, speed=1.0) as server:
        replies = [server.call("GET", "/v1/models", key="sk-tc-wrong") for _ in range(22)]
        assert [reply.status for reply in replies] == [401] * 20 + [429] * 2
        assert 1 <= int(replies[-1].headers["retry-after"]) <= 60
        assert server.call("GET", "/v1/models").status == 200
        assert server.call("GET", "/healthz", key=None).status == 200


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
        '[[channels]]\nname = "a"\nprovider = "sandbox"\nrate_limit = "1"',
        '[network]\ntrusted_proxies = ["nowhere"]',
    ],
)
def test_limits_that_cannot_be_stop_the_start(tmp_path: Path, text: str) -> None:
    file = tmp_path / "telecine.toml"
    file.write_text(text)
    with pytest.raises(ConfigError, match=r"not valid|must be 1 or more|is negative"):
        read(file, {})


def test_limits_in_the_file(tmp_path: Path) -> None:
    file = tmp_path / "telecine.toml"
    file.write_text('[[keys]]\nname = "a"\nkey = "w4tL0n8qZ2xV7bK3mR9cT1"\nbudget = 20.0\nrate_limit = "600/minute"')
    config = read(file, {})
    assert isinstance(config, Config)
    assert (str(config.keys[0].budget), config.keys[0].rate_limit) == ("20.0", "600/minute")

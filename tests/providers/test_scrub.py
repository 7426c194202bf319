"""What an upstream said reaches a client without what is private, and in no time."""

from __future__ import annotations

import time

import jwt
import pytest

from telecine.providers.base import Channel
from telecine.providers.scrub import READ, scrubbed

KEY = "sk-0123456789abcdef"
HOST = "relay.example"
CHANNEL = Channel("c", f"https://{HOST}:18443/v1", api_key=KEY, secret_key="a" * 40)
SHORT = Channel("c", "http://10.1.2.3:8188", api_key=KEY)
TOKEN = jwt.encode({"iss": "x", "scope": "everything"}, "s" * 32, algorithm="HS256")


@pytest.mark.parametrize(
    "text",
    [
        "eyJ" * 350_000,
        "eyJ." * 250_000,
        "a" * 1_000_000,
        f"http://{HOST}:" * 50_000,
        KEY[:-1] * 60_000,
        " " * 1_000_000,
    ],
    ids=["eyJ", "eyJ.", "a", "host", "key", "space"],
)
def test_a_megabyte_takes_no_time(text: str) -> None:
    started = time.process_time()
    said = scrubbed(text, CHANNEL)
    assert time.process_time() - started < 0.5
    assert len(said) <= 500


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("dial tcp 10.9.9.9:18443: refused", "dial tcp 10.9.9.9:***: refused"),
        ("connect to localhost port 18443", "connect to localhost port ***"),
        (f"connect to {HOST} port 18443", "connect to *** port ***"),
        (f"connect to {HOST.upper()}:18443", "connect to ***"),
        (f"({HOST!r}, 18443)", "('***', ***)"),
        ("it listens on 18443", "it listens on ***"),
        ("118443 of 184430 frames", "118443 of 184430 frames"),
    ],
)
def test_a_port_is_scrubbed_as_its_host_is(said: str, told: str) -> None:
    assert scrubbed(said, CHANNEL) == told


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("no answer on port 8188", "no answer on port ***"),
        ('{"port": 8188}', '{"port": ***}'),
        ("端口 8188 无响应", "端口 *** 无响应"),
        ("[::1]:8188", "[::1]:***"),
        ("('10.1.2.3', 8188)", "('***', ***)"),
        ("at most 8188 characters", "at most 8188 characters"),
    ],
)
def test_a_short_port_is_told_from_a_count(said: str, told: str) -> None:
    assert scrubbed(said, SHORT) == told


def test_ports_that_everybody_knows_stay() -> None:
    assert scrubbed("error 443 on port 443", Channel("c", "https://relay.example:443")) == "error 443 on port 443"


@pytest.mark.parametrize("shown", range(1, len(KEY)))
def test_a_cut_leaves_no_half_of_a_key(shown: int) -> None:
    text = " " * (READ - shown) + KEY + "x" * 100
    assert scrubbed(text, CHANNEL) == ""


def test_tokens_go_wherever_they_stand() -> None:
    for text in (TOKEN, f"token_{TOKEN}", f'{{"authorization":"Bearer {TOKEN}"}}', f"\\n{TOKEN}", TOKEN * 3):
        assert TOKEN.split(".")[1] not in scrubbed(text, CHANNEL)
    half = scrubbed(" " * (READ - 60) + TOKEN, CHANNEL)
    assert TOKEN[:40] not in half
    assert scrubbed("eyJ is how they begin", CHANNEL) == "eyJ is how they begin"


def test_credentials_in_the_address_go_too() -> None:
    channel = Channel("c", "https://mia:hunter22@relay.example/v1")
    assert (
        scrubbed("as https://mia:hunter22@relay.example/v1 said hunter22", channel) == "as https://***:***@*** said ***"
    )

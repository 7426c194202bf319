"""Secrets that somebody chose: random ones pass, those that are long and nothing else do not."""

from __future__ import annotations

import secrets
import uuid

import pytest

from telecine.nouns.secrets import is_strong


def test_random_texts_pass() -> None:
    for _ in range(300):
        for text in (secrets.token_hex(16), secrets.token_urlsafe(16), secrets.token_urlsafe(32), str(uuid.uuid4())):
            assert is_strong(text), text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a" * 22,
        "a" * 500,
        "ab" * 40,
        "Aa1-" * 20,
        "abcdefgh" * 9,
        "abcdefghijklmnopqrstuvwxyz",
        "0123456789012345678901",
        "9876543210987654321098765",
        "passwordpasswordpassword",
        "changeme-changeme-changeme",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaB1xyzwq",
        "w4tL0n8qZ2xV7bK3mR9cT",
    ],
)
def test_long_is_not_strong(text: str) -> None:
    assert not is_strong(text)

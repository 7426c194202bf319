"""What an upstream said, fit for a client.

An upstream may say anything, of any length, and may repeat what a client sent it. So a text is cut before it is looked
at, and each pattern reads it once: the time that all of this takes is bounded.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final
from urllib.parse import urlsplit

from telecine.nouns.text import plain
from telecine.providers.base import Channel

READ: Final = 4096
"""Characters of an upstream's text that are looked at."""
_MOST: Final = 500
_RUN: Final = re.compile(r"[\w.\-]+")
_TOKEN: Final = "eyJ"  # noqa: S105 - every JWT begins so: it is base64 of '{"'
_LONG: Final = 32
_WHOLE_PORT: Final = 10_000
"""From here on, a number that is the port's is hardly the count of anything."""


def scrubbed(text: str, channel: Channel) -> str:
    """`text` on one line without control characters, the upstream's addresses and our credentials, 500 characters at
    most."""
    if len(text) > READ:
        text = _without_halves(text[:READ], channel)
    for pattern in _patterns(channel):
        text = pattern.sub(r"\g<stays>***", text)
    return " ".join(plain(_RUN.sub(_without_token, text)).split())[:_MOST]


def _without_halves(text: str, channel: Channel) -> str:
    """`text`, which was cut off, without the first half of something private at its end: nothing else would find it."""
    folded = text.lower()
    halves = (
        size
        for private in _secrets(channel) | _hosts(channel)
        for size in range(1, len(private))
        if folded.endswith(private[:size].lower())
    )
    text = text[: len(text) - max(halves, default=0)]
    token = text.rfind(_TOKEN)
    return text[:token] if token >= 0 and _RUN.fullmatch(text, token) else text


def _without_token(run: re.Match[str]) -> str:
    """The run of word characters without a JWT in it, or what could be one without its end."""
    text = run[0]
    start = text.find(_TOKEN)
    if start < 0 or (text.count(".", start) < 2 and len(text) - start < _LONG):
        return text
    return f"{text[:start]}***"


def _secrets(channel: Channel) -> set[str]:
    address = urlsplit(channel.base_url)
    known = (channel.api_key, channel.access_key, channel.secret_key, channel.webhook_secret)
    return {one for one in (*known, address.username, address.password) if one}


def _hosts(channel: Channel) -> set[str]:
    address = urlsplit(channel.base_url)
    return {one for one in (address.netloc.rpartition("@")[2], address.hostname) if one}


@lru_cache(256)
def _patterns(channel: Channel) -> tuple[re.Pattern[str], ...]:
    """What is not told of `channel`, the longest first: one may begin with another. The group `stays` does."""
    secrets, hosts = _secrets(channel), _hosts(channel)
    found = []
    for private in sorted(secrets | hosts, key=lambda one: (-len(one), one)):
        pattern = re.escape(private)
        if private in hosts:  # with the rest of its URL: at a relay the path may be a secret too
            pattern = rf"(?:https?://)?{pattern}(?:[:/?][^\s\"'<>,]++)?"
        found.append(re.compile(f"(?P<stays>){pattern}", re.IGNORECASE))
    port = urlsplit(channel.base_url).port
    return (*found, _alone(port)) if port not in (None, 80, 443) else tuple(found)


def _alone(port: int) -> re.Pattern[str]:
    """An upstream's port without its host ("connect to … port 8188"). A short one may as well be a count."""
    before = "" if port >= _WHOLE_PORT else r":|(?:\*\*\*|port|端口|tcp/)\W{0,4}"
    return re.compile(rf"(?P<stays>{before})(?<!\d){port}(?!\d)", re.IGNORECASE)

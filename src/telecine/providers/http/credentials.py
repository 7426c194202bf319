"""How requests to a channel are signed in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from telecine.clock import Clock
from telecine.providers.base import Channel

Sign = Callable[[Channel], dict[str, str]]
"""The headers that sign a request to a channel in."""
_MARGIN: Final = 120


def bearer(_clock: Clock) -> Sign:
    """The channel's key, where it has one."""
    return lambda channel: {"authorization": f"Bearer {channel.api_key}"} if channel.api_key else {}


def header(name: str) -> Callable[[Clock], Sign]:
    """The channel's key, where it has one, as a header of this name."""
    return lambda _clock: lambda channel: {name: channel.api_key} if channel.api_key else {}


def tokens(claims: Callable[[str, int], dict[str, Any]], life: int) -> Callable[[Clock], Sign]:
    """The channel's key, else an HS256 token made of its access key and secret key, where it has them.

    `claims` are those for an access key, at a time in seconds since the Unix epoch. A token is good for `life` seconds,
    and kept until two minutes before it expires.
    """

    def signed(clock: Clock) -> Sign:
        made: dict[tuple[str, str], tuple[str, float]] = {}

        def sign(channel: Channel) -> dict[str, str]:
            access_key, secret_key = channel.access_key, channel.secret_key
            if channel.api_key or not (access_key and secret_key):
                return bearer(clock)(channel)
            now = clock.now()
            token, until = made.get((access_key, secret_key), ("", 0.0))
            if now >= until:
                import jwt  # large, and of no use to most channels

                token, until = jwt.encode(claims(access_key, int(now)), secret_key, "HS256"), now + life - _MARGIN
                made[access_key, secret_key] = token, until
            return {"authorization": f"Bearer {token}"}

        return sign

    return signed

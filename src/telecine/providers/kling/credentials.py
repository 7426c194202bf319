"""Signing in to Kling."""

from __future__ import annotations

from typing import Final

import jwt

from telecine.clock import Clock
from telecine.providers.base import Channel

_LIFE: Final = 1800
_EARLY: Final = 5
_MARGIN: Final = 120


class Tokens:
    """Bearer tokens: the API key verbatim, or an HS256 token made of access key and secret key (Kling, authentication).

    A token is kept until two minutes before it expires.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._made: dict[tuple[str, str], tuple[str, float]] = {}

    def __call__(self, channel: Channel) -> dict[str, str]:
        """The `Authorization` header of `channel`; none where it has no credentials, and Kling will say so."""
        if channel.api_key:
            return {"authorization": f"Bearer {channel.api_key}"}
        if channel.access_key and channel.secret_key:
            return {"authorization": f"Bearer {self._token(channel.access_key, channel.secret_key)}"}
        return {}

    def _token(self, access_key: str, secret_key: str) -> str:
        now = self._clock.now()
        token, until = self._made.get((access_key, secret_key), ("", 0.0))
        if now >= until:
            claims = {"iss": access_key, "exp": int(now) + _LIFE, "nbf": int(now) - _EARLY}
            token = jwt.encode(claims, secret_key, algorithm="HS256")
            self._made[access_key, secret_key] = (token, now + _LIFE - _MARGIN)
        return token

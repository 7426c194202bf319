"""Signing in to Kling, and telling its callbacks from forged ones."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

import jwt
from standardwebhooks import Webhook
from standardwebhooks.webhooks import EmptyWebhookSecretError

from telecine.clock import Clock
from telecine.providers.base import Channel

_LIFE: Final = 1800
_EARLY: Final = 5
_MARGIN: Final = 120
_TOLERANCE: Final = 300


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


def genuine(channel: Channel, headers: Mapping[str, str], body: bytes, now: float) -> bool:
    """Whether a callback carries a Standard Webhooks signature (Kling, callback protocol), at most five minutes off.

    Kling signs only where a secret was made in its console, so without one every callback counts as genuine.

    Only the library's signing is used: its own check asks the system's clock, and trips over malformed headers.
    """
    secret = channel.webhook_secret
    if not secret:
        return True
    identity, stamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not (stamp.isascii() and stamp.isdigit() and len(stamp) <= 10) or abs(now - int(stamp)) > _TOLERANCE:
        return False
    try:
        expected: str = Webhook(secret).sign(identity, datetime.fromtimestamp(int(stamp), UTC), body.decode())
    except (EmptyWebhookSecretError, ValueError):  # the body is no text, or the secret no base64
        return False
    given = headers.get("webhook-signature", "").split(" ")
    return any(hmac.compare_digest(expected.encode(), one.encode()) for one in given)

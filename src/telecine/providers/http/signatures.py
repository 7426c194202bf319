"""Telling signed callbacks from forged ones."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from standardwebhooks import Webhook
from standardwebhooks.webhooks import EmptyWebhookSecretError

from telecine.providers.base import Channel

_TOLERANCE: Final = 300


def genuine(channel: Channel, headers: Mapping[str, str], body: bytes, now: float) -> bool:
    """Whether a callback carries a Standard Webhooks signature of the channel's secret, at most five minutes off.

    Vendors sign only where a secret was made in their console, so without one every callback counts as genuine.

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

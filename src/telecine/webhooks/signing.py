"""Standard Webhooks signatures (the specification, "Verifying webhook authenticity")."""

from __future__ import annotations

import secrets
from base64 import b64encode
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final

from standardwebhooks import Webhook

from telecine.nouns.ids import to_base32

_PREFIX: Final = "whsec_"
_SECRET_BYTES: Final = 32


def new_secret() -> bytes:
    """Random bytes; the specification asks for 24 to 64."""
    return secrets.token_bytes(_SECRET_BYTES)


def secret_text(secret: bytes) -> str:
    """`secret` as its owner is shown it: `whsec_…`."""
    return _PREFIX + b64encode(secret).decode()


def headers_of(message: int, body: bytes, now: float, keys: Iterable[bytes]) -> dict[str, str]:
    """The three headers of one try: `message` stays the same over all tries, the time does not.

    There is one signature for each of `keys`, so that a receiver may go over to a new secret at its leisure.
    """
    name, moment = f"msg_{to_base32(message)}", datetime.fromtimestamp(int(now), UTC)
    text = body.decode()
    return {
        "webhook-id": name,
        "webhook-timestamp": str(int(now)),
        "webhook-signature": " ".join(Webhook(key).sign(name, moment, text) for key in keys),
    }

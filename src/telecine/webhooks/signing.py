"""Standard Webhooks signatures (the specification, "Verifying webhook authenticity")."""

from __future__ import annotations

import secrets
from base64 import b64decode, b64encode
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final

from standardwebhooks import Webhook

from telecine.nouns.ids import to_base32

_PREFIX: Final = "whsec_"
_SECRET_BYTES: Final = 32
_LEAST, _MOST = 24, 64
"""Bytes of a secret (the specification, "Signature scheme")."""


def new_secret() -> bytes:
    """Random bytes; the specification asks for 24 to 64."""
    return secrets.token_bytes(_SECRET_BYTES)


def secret_text(secret: bytes) -> str:
    """`secret` as its owner is shown it: `whsec_…`."""
    return _PREFIX + b64encode(secret).decode()


def secret_of(text: str) -> bytes:
    """The secret that its owner is shown as `text`. Raises ValueError."""
    secret = b64decode(text.removeprefix(_PREFIX), validate=True) if text.startswith(_PREFIX) else b""
    if not _LEAST <= len(secret) <= _MOST:
        raise ValueError(f"must be '{_PREFIX}' and {_LEAST} to {_MOST} bytes in base64")
    return secret


def headers_of(message: int, body: bytes, now: float, keys: Iterable[bytes]) -> dict[str, str]:
    """The three headers of one try: `message` stays the same over all tries, the time does not.

    There is one signature for each of `keys`, so that a receiver may go over to a new secret at its leisure.
    """
    return signed(f"msg_{to_base32(message)}", body, now, keys)


def signed(name: str, body: bytes, now: float, keys: Iterable[bytes]) -> dict[str, str]:
    """The same for a message of this name. Kling signs its callbacks just so (callback protocol, "Signature")."""
    moment, text = datetime.fromtimestamp(int(now), UTC), body.decode()
    return {
        "webhook-id": name,
        "webhook-timestamp": str(int(now)),
        "webhook-signature": " ".join(Webhook(key).sign(name, moment, text) for key in keys),
    }

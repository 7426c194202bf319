"""The one secret of an installation, and the keys that are derived from it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import secrets
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from telecine.config import ConfigError

_FILE: Final = "secret.key"
_LOCAL: Final = "tcl"
_LOCAL_SECONDS: Final = 300


class Secret:
    """Derives a key for each purpose. Whoever can read the data directory can do what the operator can."""

    def __init__(self, text: str) -> None:
        self._root = text.encode()

    def derive(self, purpose: str) -> bytes:
        """32 bytes that only this purpose uses."""
        return HKDF(SHA256(), 32, salt=None, info=f"telecine {purpose}".encode()).derive(self._root)

    def local_token(self, now: float) -> str:
        """A token with which the command line on this machine speaks to the server for the next five minutes."""
        expires = int(now) + _LOCAL_SECONDS
        return f"{_LOCAL}.{expires}.{self._sign(str(expires))}"

    def is_local_token(self, text: str, now: float) -> bool:
        """Whether `text` is such a token and still valid."""
        prefix, _, rest = text.partition(".")
        expires, _, signature = rest.partition(".")
        if prefix != _LOCAL or not expires.isascii() or not expires.isdigit() or len(expires) > 12:
            return False
        return hmac.compare_digest(signature.encode(), self._sign(expires).encode()) and now < int(expires)

    def _sign(self, text: str) -> str:
        digest = hmac.new(self.derive("local token"), text.encode(), hashlib.sha256).digest()
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def load_secret(data: Path, given: str | None, *, make: bool = True) -> Secret:
    """The secret from the environment, else from `data`; made there (mode 0600) at the first start.

    Raises ConfigError where there is none and `make` is False, or where the given one is too short.
    """
    if given is not None:
        if len(given) < 22:
            raise ConfigError("TELECINE_SECRET_KEY is too short to be safe: use at least 22 random characters.")
        return Secret(given)
    file = data / _FILE
    if not file.exists():
        if not make:
            raise ConfigError(f"There is no secret key in {data}; has a server ever been started there?")
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as target:
            target.write(secrets.token_urlsafe(48))
            target.flush()
            os.fsync(target.fileno())
    return Secret(file.read_text(encoding="utf-8").strip())

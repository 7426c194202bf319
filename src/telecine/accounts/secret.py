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
from telecine.nouns.secrets import HOW, is_strong

_FILE: Final = "secret.key"
_LOCAL: Final = "tcl"
_LOCAL_SECONDS: Final = 300
_PURPOSE: Final = "local token"


class Secret:
    """Derives a key for each purpose. Whoever can read the data directory can do what the operator can.

    After a rotation there are several roots, the newest first: that one signs and seals, all of them verify and open.
    """

    def __init__(self, text: str) -> None:
        """`text`: one root or several, separated by commas or line breaks."""
        self._roots = [root.encode() for root in roots_of(text)]

    def derive(self, purpose: str) -> bytes:
        """32 bytes that only this purpose uses."""
        return self.derive_all(purpose)[0]

    def derive_all(self, purpose: str) -> list[bytes]:
        """The same for every root, the newest first."""
        info = f"telecine {purpose}".encode()
        return [HKDF(SHA256(), 32, salt=None, info=info).derive(root) for root in self._roots]

    def local_token(self, now: float) -> str:
        """A token with which the command line on this machine speaks to the server for the next five minutes."""
        expires = int(now) + _LOCAL_SECONDS
        return f"{_LOCAL}.{expires}.{_sign(self.derive(_PURPOSE), str(expires))}"

    def is_local_token(self, text: str, now: float) -> bool:
        """Whether `text` is such a token and still valid."""
        prefix, _, rest = text.partition(".")
        expires, _, signature = rest.partition(".")
        if prefix != _LOCAL or not expires.isascii() or not expires.isdigit() or len(expires) > 12:
            return False
        signed = [_sign(key, expires) for key in self.derive_all(_PURPOSE)]
        good = any(hmac.compare_digest(signature.encode(), one.encode()) for one in signed)
        return good and now < int(expires)


def _sign(key: bytes, text: str) -> str:
    digest = hmac.new(key, text.encode(), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def roots_of(text: str) -> list[str]:
    """The roots in the environment's variable or in the file."""
    return [root for part in text.split("\n") for root in (one.strip() for one in part.split(",")) if root]


def load_secret(data: Path, given: str | None, *, make: bool = True) -> Secret:
    """The secret from the environment, else from `data`; that folder (mode 0700) and it (0600) are made at the first
    start.

    Raises ConfigError where there is none and `make` is False, or where the given one is easy to guess.
    """
    if make:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
    if given is not None:
        if not roots_of(given) or not all(map(is_strong, roots_of(given))):
            raise ConfigError(f"TELECINE_SECRET_KEY is too easy to guess to be safe: {HOW}.")
        return Secret(given)
    file = data / _FILE
    if not file.exists():
        if not make:
            raise ConfigError(f"There is no secret key in {data}; has a server ever been started there?")
        _replace(file, secrets.token_urlsafe(48))
    text = file.read_text(encoding="utf-8")
    if not roots_of(text):
        raise ConfigError(f"{file} is empty; put the secret key back that was in it.")
    return Secret(text)


def rotate(data: Path) -> int:
    """Put a new root before those in the file of `data`; how many there are now. Raises ConfigError.

    No server may be running: it would not know the new one. The old ones stay, so that links and sealed values that
    they made are still good.
    """
    file = data / _FILE
    if not file.exists():
        raise ConfigError(f"There is no secret key in {data}; has a server ever been started there?")
    roots = [secrets.token_urlsafe(48), *roots_of(file.read_text(encoding="utf-8"))]
    _replace(file, "\n".join(roots) + "\n")
    return len(roots)


def _replace(file: Path, text: str) -> None:
    """Write the whole of `text` or nothing: half a secret on a full disk would be taken for the secret later."""
    draft = file.with_name(f"{file.name}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as target:
            target.write(text)
            target.flush()
            os.fsync(target.fileno())
        draft.replace(file)
    finally:
        draft.unlink(missing_ok=True)

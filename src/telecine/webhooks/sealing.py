"""Secrets at rest: AES-256-GCM under a key derived from the installation's own secret."""

from __future__ import annotations

import os
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_FORM: Final = b"\x01"
_NONCE: Final = 12


class Seal:
    """Seals what must be readable again. `key` is 32 bytes that only this purpose uses."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)

    def close(self, plain: bytes, row: int) -> bytes:
        """`plain` sealed for the row with this id: it cannot be opened as another row's."""
        nonce = os.urandom(_NONCE)
        return _FORM + nonce + self._cipher.encrypt(nonce, plain, str(row).encode())

    def open(self, sealed: bytes, row: int) -> bytes | None:
        """What was sealed; None where it was sealed with another key, or for another row."""
        if sealed[:1] != _FORM:
            return None
        nonce, content = sealed[1 : 1 + _NONCE], sealed[1 + _NONCE :]
        try:
            return self._cipher.decrypt(nonce, content, str(row).encode())
        except InvalidTag:
            return None

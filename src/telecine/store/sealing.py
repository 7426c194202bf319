"""Secrets at rest: AES-256-GCM under a key derived from the installation's own secret."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_FORM: Final = b"\x01"
_NONCE: Final = 12


class Seal:
    """Seals what must be readable again. `key` is 32 bytes that only this purpose uses.

    Of several keys the first one seals, and all of them open.
    """

    def __init__(self, key: bytes | Sequence[bytes]) -> None:
        keys = (key,) if isinstance(key, bytes) else key
        self._ciphers = [AESGCM(one) for one in keys]

    def close(self, plain: bytes, row: int) -> bytes:
        """`plain` sealed for the row with this id: it cannot be opened as another row's."""
        nonce = os.urandom(_NONCE)
        return _FORM + nonce + self._ciphers[0].encrypt(nonce, plain, str(row).encode())

    def open(self, sealed: bytes, row: int) -> bytes | None:
        """What was sealed; None where it was sealed with another key, or for another row."""
        for cipher in self._ciphers:
            if (plain := _opened(cipher, sealed, row)) is not None:
                return plain
        return None

    def renewed(self, sealed: bytes, row: int) -> bytes | None:
        """`sealed` under the first key; None where it is that already, or cannot be opened."""
        if _opened(self._ciphers[0], sealed, row) is not None:
            return None
        plain = self.open(sealed, row)
        return None if plain is None else self.close(plain, row)


def _opened(cipher: AESGCM, sealed: bytes, row: int) -> bytes | None:
    if sealed[:1] != _FORM:
        return None
    nonce, content = sealed[1 : 1 + _NONCE], sealed[1 + _NONCE :]
    try:
        return cipher.decrypt(nonce, content, str(row).encode())
    except InvalidTag:
        return None

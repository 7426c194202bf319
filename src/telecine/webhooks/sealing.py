"""Secrets at rest: AES-256-GCM under a key derived from the installation's own secret."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Final

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import Connection, select, update

from telecine.store import tables
from telecine.store.database import Database

_FORM: Final = b"\x01"
_NONCE: Final = 12


class OldSecret(msgspec.Struct, frozen=True):
    """A sealed secret that was rotated away, and until when it signs too (seconds since the Unix epoch)."""

    secret: bytes
    until: float


def packed(secrets: Sequence[OldSecret]) -> str:
    """`secrets` as the records keep them."""
    return msgspec.json.encode(secrets).decode()


def unpacked(text: str) -> tuple[OldSecret, ...]:
    """What `packed` packed."""
    return msgspec.json.decode(text, type=tuple[OldSecret, ...])


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


async def reseal(database: Database, keys: Sequence[bytes]) -> int:
    """Bring every secret at rest under the first of `keys`; how many were not. For the start after a rotation."""
    seal = Seal(keys)
    return await database.change(
        lambda connection: _reseal_endpoints(connection, seal) + _reseal_headers(connection, seal)
    )


def _reseal_endpoints(connection: Connection, seal: Seal) -> int:
    table = tables.webhook_endpoints
    renewed = 0
    for identity, secret, text in connection.execute(select(table.c.id, table.c.secret, table.c.old_secrets)).all():
        before = [secret, *(one.secret for one in unpacked(text))]
        after = [seal.renewed(one, identity) if one else None for one in before]
        count = sum(1 for one in after if one is not None)
        if not count:
            continue
        newest, *others = (new or old for new, old in zip(after, before, strict=True))
        kept = [OldSecret(new, one.until) for new, one in zip(others, unpacked(text), strict=True)]
        connection.execute(update(table).where(table.c.id == identity).values(secret=newest, old_secrets=packed(kept)))
        renewed += count
    return renewed


def _reseal_headers(connection: Connection, seal: Seal) -> int:
    """The headers that deliveries keep, each sealed with its task's id."""
    table = tables.deliveries
    rows = connection.execute(select(table.c.id, table.c.task_id, table.c.headers).where(table.c.headers.is_not(None)))
    renewed = 0
    for identity, task_id, sealed in rows.all():
        new = seal.renewed(sealed, task_id)
        if new is not None:
            connection.execute(update(table).where(table.c.id == identity).values(headers=new))
            renewed += 1
    return renewed

"""The secrets of webhooks at rest, and what brings them under the newest key."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from sqlalchemy import Connection, select, update

from telecine.store import tables
from telecine.store.database import Database
from telecine.store.sealing import Seal


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

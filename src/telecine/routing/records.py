"""The channels that ever were, in the records, so that old attempts can be explained."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection, insert, select, update

from telecine.providers.base import Channel
from telecine.store import tables


def record_channels(connection: Connection, channels: Iterable[tuple[str, Channel]], now: float) -> None:
    """Note `channels`, each with its provider's name, as those that are there now (seconds since the Unix epoch)."""
    table = tables.channels
    connection.execute(update(table).values(active=False))
    there = set(connection.execute(select(table.c.name)).scalars())
    for provider, channel in channels:
        row = {"provider": provider, "base_url": channel.address, "active": True, "updated_at": now}
        if channel.name in there:
            connection.execute(update(table).where(table.c.name == channel.name).values(row))
        else:
            connection.execute(insert(table).values(name=channel.name, created_at=now, **row))

"""One outbound webhook, and the statements that write it."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from telecine.store import tables


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """A webhook that is to be sent. `sequence` rises with the task's steps; the body never changes."""

    id: int
    task_id: int
    account_id: int
    sequence: int
    type: str
    url: str
    body: bytes
    created_at: float


async def add_deliveries(connection: AsyncConnection, deliveries: Iterable[Delivery]) -> None:
    """Insert `deliveries`, due at once, in the caller's transaction."""
    rows = [
        {**msgspec.structs.asdict(delivery), "state": "pending", "due": delivery.created_at, "tries": 0}
        for delivery in deliveries
    ]
    if rows:
        await connection.execute(insert(tables.deliveries), rows)

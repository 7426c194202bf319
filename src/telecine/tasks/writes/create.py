"""The transaction that makes a task durable before its client learns its id."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import msgspec
from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from telecine.nouns.errors import GatewayError
from telecine.nouns.task import Task
from telecine.store import tables
from telecine.tasks.rows import new_task_values
from telecine.tasks.writes.schedule import LEASE_SECONDS
from telecine.webhooks.delivery import Delivery, add_deliveries


class Create(msgspec.Struct, frozen=True):
    """A new task, leased to `owner` at once. Result: None. Raises GatewayError (`conflict`) for a used external id."""

    order: ClassVar[int] = 10
    task: Task
    owner: str
    deliveries: tuple[Delivery, ...] = ()

    @property
    def key(self) -> int:
        return self.task.id

    @classmethod
    async def apply(
        cls, connection: AsyncConnection, writes: Sequence[Create], *, again: bool
    ) -> Sequence[Exception | None]:
        if again:
            there = await _existing(connection, [write.task.id for write in writes])
            writes_left = [write for write in writes if write.task.id not in there]
        else:
            writes_left = list(writes)
        try:
            await _insert_tasks(connection, writes_left)
        except IntegrityError as error:
            if len(writes) > 1:
                raise  # the batcher runs each alone, and only the bad one fails
            raise _conflict(writes[0].task) from error
        return [None] * len(writes)


async def _insert_tasks(connection: AsyncConnection, writes: Sequence[Create]) -> None:
    if not writes:
        return
    await connection.execute(insert(tables.tasks), [new_task_values(write.task) for write in writes])
    await connection.execute(
        insert(tables.events),
        [
            {"task_id": write.task.id, "sequence": 1, "type": "queued", "at": write.task.created_at, "detail": None}
            for write in writes
        ],
    )
    await connection.execute(
        insert(tables.schedule),
        [
            {
                "task_id": write.task.id,
                "due": write.task.created_at,
                "rank": -write.task.priority,
                "pool": None,
                "weight": 1,
                "woken": False,
                "lease_owner": write.owner,
                "lease_until": write.task.created_at + LEASE_SECONDS,
            }
            for write in writes
        ],
    )
    await add_deliveries(connection, [delivery for write in writes for delivery in write.deliveries])


async def _existing(connection: AsyncConnection, ids: Sequence[int]) -> set[int]:
    rows = await connection.execute(select(tables.tasks.c.id).where(tables.tasks.c.id.in_(ids)))
    return set(rows.scalars())


def _conflict(task: Task) -> GatewayError:
    if task.external_id is None:
        return GatewayError("internal", "The task could not be stored; send the request again.")
    return GatewayError(
        "conflict",
        f"The external id '{task.external_id}' has been used before; it must be unique.",
        param="external_id",
    )

"""The transaction that begins an attempt, or puts its task in line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from telecine.nouns.task import Attempt, Task
from telecine.tasks.writes.changes import Change, StaleError, held, write_changes
from telecine.tasks.writes.pools import PoolLines
from telecine.tasks.writes.schedule import LEAVE_LINE, PARK


class Alternative(msgspec.Struct, frozen=True, kw_only=True):
    """One channel that could run the task: the change that starts it there, and the size of its pool."""

    change: Change
    slots: int | None
    """None: the pool has no limit."""

    @property
    def attempt(self) -> Attempt:
        """The attempt that this alternative would begin."""
        if self.change.new_attempt is None:
            raise LookupError("an alternative begins an attempt")
        return self.change.new_attempt


class Start(msgspec.Struct, frozen=True, kw_only=True):
    """queued → submitting on the first of `alternatives` whose pool has room, keeping the lease.

    Result: the index of the alternative; None where every pool is full: the task then waits in the first one's line,
    without a lease. Raises StaleError.
    """

    order: ClassVar[int] = 30
    alternatives: tuple[Alternative, ...]
    owner: str
    now: float
    token: int
    park_due: float | None

    @property
    def task(self) -> Task:
        """The task as it would be after starting."""
        return self.alternatives[0].change.task

    @property
    def key(self) -> int:
        return self.task.id

    def choose(self, pools: PoolLines) -> int | None:
        """The first alternative whose pool has room; its slots are taken."""
        for index, one in enumerate(self.alternatives):
            if one.slots is None or pools.take(one.attempt, self.task):
                return index
        return None

    @classmethod
    async def apply(
        cls, connection: AsyncConnection, writes: Sequence[Start], *, again: bool
    ) -> Sequence[int | Exception | None]:
        rows = await held(connection, [write.key for write in writes])
        pools = await PoolLines.lock(
            connection,
            {one.attempt.pool for write in writes for one in write.alternatives if one.slots is not None},
        )
        outcomes: dict[int, int | Exception | None] = {}
        started: list[tuple[Change, int]] = []
        parked: list[dict[str, Any]] = []
        for write in sorted(writes, key=lambda write: (-write.task.priority, write.task.id)):
            task = write.task
            found = rows.get(task.id)
            if again and found and found["step_token"] == write.token:
                outcomes[task.id] = next(
                    index for index, one in enumerate(write.alternatives) if one.attempt.channel == found["channel"]
                )
                continue
            if not found or found["version"] != task.version - 1 or found["lease_owner"] != write.owner:
                outcomes[task.id] = StaleError(f"task {task.id} has moved on")
                continue
            chosen = write.choose(pools)
            outcomes[task.id] = chosen
            if chosen is None:
                wanted = write.alternatives[0].attempt
                parked.append(
                    {
                        "b_task_id": task.id,
                        "b_pool": wanted.pool,
                        "b_weight": wanted.weight,
                        "b_due": write.park_due,
                        "b_now": write.now,
                    }
                )
            else:
                started.append((write.alternatives[chosen].change, write.token))
        await write_changes(connection, started)
        await pools.save(connection)
        if started:
            await connection.execute(LEAVE_LINE, [{"b_task_id": change.task.id} for change, _ in started])
        if parked:
            await connection.execute(PARK, sorted(parked, key=lambda row: row["b_task_id"]))
        return [outcomes[write.task.id] for write in writes]

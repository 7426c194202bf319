"""The transaction that begins an attempt, or puts its task in line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, NamedTuple

import msgspec
from sqlalchemy import Connection

from telecine.nouns.rate import UNLIMITED, Quota, quota_line
from telecine.nouns.task import Attempt, Task
from telecine.store.locks import Locks
from telecine.tasks.writes.changes import Change, StaleError, held, write_changes
from telecine.tasks.writes.pools import PoolLines
from telecine.tasks.writes.quotas import Quotas
from telecine.tasks.writes.schedule import LEAVE_LINE, PARK

_LONG = 60.0
"""Seconds within which a channel's quota counts as soon to have room again."""


class Alternative(msgspec.Struct, frozen=True, kw_only=True):
    """One channel that could run the task: the change that starts it there, and the size of its pool."""

    change: Change
    slots: int | None
    """None: the pool has no limit."""
    quota: Quota = UNLIMITED

    @property
    def attempt(self) -> Attempt:
        """The attempt that this alternative would begin."""
        if self.change.new_attempt is None:
            raise LookupError("an alternative begins an attempt")
        return self.change.new_attempt


class Room(NamedTuple):
    """What the pools and quotas of a batch of starts have room for; their rows are locked by now."""

    pools: PoolLines
    quotas: Quotas

    @classmethod
    def read(cls, connection: Connection, starts: Sequence[Start]) -> Room:
        """The room that there is before any of `starts`."""
        every = [one for start in starts for one in start.alternatives]
        return cls(
            PoolLines.read(connection, {one.attempt.pool for one in every if one.slots is not None}),
            Quotas.read(
                connection,
                {one.attempt.channel: one.quota for one in every},
                max((start.now for start in starts), default=0.0),
            ),
        )

    def places(self, starts: Sequence[Start]) -> dict[int, Alternative | dict[str, Any]]:
        """What each of `starts` has found, by task; the more urgent ones choose first."""
        return {one.key: one.choose(self) for one in sorted(starts, key=lambda one: (-one.task.priority, one.key))}

    def save(self, connection: Connection) -> None:
        """Write what was taken. Once the tasks have their places, `quotas.call` has the next of their lines come."""
        self.pools.save(connection)
        self.quotas.save(connection)


class Start(msgspec.Struct, frozen=True, kw_only=True):
    """queued → submitting on the first of `alternatives` whose pool and quota have room, keeping the lease.

    Result: the alternative; None where there is no room: the task then waits without a lease, in the line
    for the first full pool or spent quota; where that will take long (a daily cap), for the soonest. A task that is to
    be cancelled is not begun either, and comes again at once. Raises StaleError.
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

    @property
    def locks(self) -> Locks:
        """Its task, and wherever it may take a place."""
        mine = frozenset({self.key})
        return Locks(
            tasks=mine,
            schedule=mine,
            pools=frozenset(one.attempt.pool for one in self.alternatives if one.slots is not None),
            channels=frozenset(one.attempt.channel for one in self.alternatives if one.quota != UNLIMITED),
        )

    def choose(self, room: Room) -> Alternative | dict[str, Any]:
        """The first alternative that has room, which is taken; where none has, how the task waits (see PARK)."""
        pools, quotas = room.pools, room.quotas
        lines: list[tuple[float, str, int]] = []
        for one in self.alternatives:
            attempt = one.attempt
            if not quotas.fits(attempt.channel, self.task):
                lines.append((quotas.wait(attempt.channel), quota_line(attempt.channel), 1))
            elif one.slots is not None and not pools.take(attempt, self.task):
                lines.append((0.0, attempt.pool, attempt.weight))
            else:
                quotas.take(attempt.channel, self.task)
                return one
        _, line, weight = min(lines, key=lambda line: line[0] // _LONG)
        return self.parked(line, weight, self.park_due)

    def begun(self, attempt_id: int | None) -> Alternative | None:
        """The alternative that `attempt_id` was begun with."""
        return next((one for one in self.alternatives if one.attempt.id == attempt_id), None)

    def parked(self, line: str | None, weight: int, due: float | None) -> dict[str, Any]:
        """How the task waits, without a lease (see PARK)."""
        return {
            "b_task_id": self.task.id,
            "b_pool": line,
            "b_weight": weight,
            "b_due": due,
            "b_now": self.now,
        }

    @classmethod
    def apply(
        cls, connection: Connection, writes: Sequence[Start], *, again: bool
    ) -> Sequence[Alternative | Exception | None]:
        rows = held(connection, [write.key for write in writes])
        room = Room.read(connection, writes)
        outcomes: dict[int, Alternative | Exception | None] = {}
        left: list[Start] = []
        parked: list[dict[str, Any]] = []
        for write in writes:
            task, found = write.task, rows.get(write.key)
            if found and found["step_token"] == write.token:  # committed before: whoever asked was not told
                outcomes[task.id] = write.begun(found["attempt_id"])
            elif not found or found["version"] != task.version - 1 or found["lease_owner"] != write.owner:
                outcomes[task.id] = StaleError(f"task {task.id} has moved on")
            elif found["cancel_requested_at"] is not None:  # its owner was faster: the next step ends it
                parked.append(write.parked(None, 1, write.now))
            else:
                left.append(write)
        places = room.places(left)
        begun = {task_id: one for task_id, one in places.items() if isinstance(one, Alternative)}
        parked += [one for one in places.values() if isinstance(one, dict)]
        write_changes(connection, [(begun[one.key].change, one.token) for one in left if one.key in begun])
        room.save(connection)
        LEAVE_LINE.run(connection, [{"b_task_id": task_id} for task_id in begun if rows[task_id]["line"] is not None])
        PARK.run(connection, sorted(parked, key=lambda row: row["b_task_id"]))
        room.quotas.call(connection)
        return [outcomes.get(write.key, begun.get(write.key)) for write in writes]

"""The transaction of one step."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, ClassVar

import msgspec
from msgspec.structs import replace
from sqlalchemy import Connection, delete, select

from telecine.store import tables
from telecine.store.locks import Locks
from telecine.tasks.steps import kind_of
from telecine.tasks.writes.changes import Change, StaleError, held, write_changes
from telecine.tasks.writes.pools import give_back, take_away
from telecine.tasks.writes.schedule import RESCHEDULE

_SCHEDULE = tables.schedule


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One step of a leased task. Result: None. Raises StaleError.

    `due` is when the next step is wanted (seconds since the epoch); None with `keep_lease` False ends the schedule.
    """

    order: ClassVar[int] = 20
    change: Change
    owner: str
    now: float
    token: int
    due: float | None = None
    keep_lease: bool = False

    @property
    def key(self) -> int:
        return self.change.task.id

    @property
    def ends(self) -> bool:
        """Whether nothing is left to do for the task after it."""
        return self.due is None and not self.keep_lease

    def buried(self) -> Change:
        """Its change, which says so too."""
        return replace(self.change, task=replace(self.change.task, buried_at=self.now))

    @property
    def locks(self) -> Locks:
        """What its change touches."""
        return self.change.locks

    @classmethod
    def apply(cls, connection: Connection, writes: Sequence[Step], *, again: bool) -> Sequence[Exception | None]:
        rows = held(connection, [write.key for write in writes])
        outcomes: list[Exception | None] = []
        good: list[Step] = []
        for write in writes:
            task = write.change.task
            found = rows.get(task.id)
            if found and found["step_token"] == write.token:  # committed before: whoever asked was not told
                outcomes.append(None)
            elif again and found and found["version"] >= task.version and _told(connection, write.change):
                outcomes.append(None)  # and somebody has gone on with it since
            elif not found or found["version"] != task.version - 1 or found["lease_owner"] != write.owner:
                outcomes.append(StaleError(f"task {task.id} has moved on"))
            else:
                outcomes.append(None)
                good.append(write)
        freed = _freed(connection, good)  # before the attempts are written, which hold none from then on
        # Nothing is left to do for these, unless somebody has woken them while the step ran.
        done = {one.key for one in good if one.ends and not rows[one.key]["woken"]}
        write_changes(connection, [(one.buried() if one.key in done else one.change, one.token) for one in good])
        rests = [_due(one) for one in good if not one.keep_lease and one.key not in done]
        RESCHEDULE.run(connection, sorted(rests, key=lambda row: row["b_task_id"]))
        if done:
            connection.execute(delete(_SCHEDULE).where(_SCHEDULE.c.task_id.in_(sorted(done))))
        give_back(connection, freed, max((write.now for write in good), default=0.0))
        return outcomes


def _freed(connection: Connection, steps: Sequence[Step]) -> Counter[str]:
    """The slots that these steps give back, by pool."""
    changes = [step.change for step in steps]
    done = [one.attempt.id for one in changes if one.free is not None and one.attempt is not None]
    return take_away(connection, tables.attempts.c.id.in_(done)) if done else Counter()


def _told(connection: Connection, change: Change) -> bool:
    """Whether the line that `change` writes into the timeline is there."""
    table, line = tables.events.c, change.event
    if line is None:
        return False
    rows = connection.execute(
        select(table.task_id).where(
            table.task_id == change.task.id,
            table.sequence == change.task.version,
            table.type == line.type,
            table.at == line.at,
        )
    )
    return rows.first() is not None


def _due(step: Step) -> dict[str, Any]:
    """When a task comes again, and for what."""
    task = step.change.task
    return {"b_task_id": task.id, "b_due": step.due, "b_now": step.now, "b_kind": kind_of(task.state)}

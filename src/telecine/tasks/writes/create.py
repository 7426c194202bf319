"""The transaction that makes a task durable before its client learns its id."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any, ClassVar, Final

import msgspec
from sqlalchemy import Connection, insert, select

from telecine.accounts.ledger import Hold, Ref, hold
from telecine.accounts.limits import Admission, admit
from telecine.accounts.principal import Bound
from telecine.assets.writes import note_uses
from telecine.nouns.task import Task
from telecine.store import tables
from telecine.store.database import lease_time
from telecine.store.locks import NO_LOCKS, Locks
from telecine.store.prepared import Prepared
from telecine.tasks.idempotency import Idempotency, Once
from telecine.tasks.rows import new_attempt_values, new_task_values
from telecine.tasks.steps import Kind
from telecine.tasks.writes.changes import ATTEMPTS, Event, add_events
from telecine.tasks.writes.idempotency import remember, resolve
from telecine.tasks.writes.schedule import LEASE_SECONDS
from telecine.tasks.writes.start import Alternative, Room, Start
from telecine.webhooks.delivery import Delivery, add_deliveries


class Create(msgspec.Struct, frozen=True, dict=True):
    """A new task, leased to `owner` at once, its hold taken, its idempotency key kept.

    Without an owner it is due at once, and a draft when its time is over. With a `start` its first attempt is begun as
    well, where there is room; where there is none, it waits in line, leased to nobody.

    Result: None; the alternative that was begun; the id of an earlier task where that is what was asked for again:
    then nothing has happened.
    Raises GatewayError: `conflict` for a key or an external id that stands for another request,
    `insufficient_balance`, `rate_limited` where too many tasks are in flight. Raises IntegrityError where another
    process has just used the same name.
    """

    order: ClassVar[int] = 35
    """After the starts of tasks that were there before, which have the first choice."""
    task: Task
    owner: str | None
    deliveries: tuple[Delivery, ...] = ()
    said: Idempotency | None = None
    bound: tuple[Bound, ...] = ()
    """Whose limits it has to stay within."""
    kind: Kind = "submit"
    """Of its first step."""
    start: Start | None = None
    fingerprint: bytes | None = None
    """Of what was asked for, where something else may be done instead."""

    @cached_property
    def once(self) -> Once:
        """What the create is recognised by."""
        once = Once.of(self.task, self.said)
        return once if self.fingerprint is None else msgspec.structs.replace(once, fingerprint=self.fingerprint)

    @property
    def key(self) -> int | tuple[int, bytes | str]:
        """Two creates under one name never share a batch: what became of the first has to be seen by the second."""
        name = self.once.key or self.once.external_id
        return self.task.id if name is None else (self.once.account_id, name)

    @property
    def locks(self) -> Locks:
        """Its account, where something is held or a limit has to be kept, and wherever it may take a place; the rest
        is new."""
        locks = (
            NO_LOCKS if self.start is None else msgspec.structs.replace(self.start.locks, tasks=_NONE, schedule=_NONE)
        )
        if self.hold is None and not any(bound.bounds.at_create for bound in self.bound):
            return locks
        return msgspec.structs.replace(locks, accounts=frozenset({self.task.account_id}))

    @property
    def hold(self) -> Hold | None:
        """What the task's account has to cover."""
        task = self.task
        if not task.prices:
            return None
        return Hold(task.account_id, Ref.task(task.id), task.key_id, task.held, task.created_at)

    @property
    def admission(self) -> Admission:
        """What those limits are asked."""
        task = self.task
        amount = task.held if task.prices else 0
        return Admission(
            task_id=task.id, account_id=task.account_id, amount=amount, at=task.created_at, bound=self.bound
        )

    @classmethod
    def apply(cls, connection: Connection, writes: Sequence[Create], *, again: bool) -> Sequence[Outcome]:
        answers = _existing(connection, writes) if again else {}
        left = [write for write in writes if write.task.id not in answers]
        while left:
            followers = _parted(left)
            answers.update(_create(connection, [write for write in left if write.task.id not in followers]))
            left = []
            for write in writes:
                leader = followers.get(write.task.id)
                if leader is None:
                    continue
                if isinstance(answers[leader], Exception):  # perhaps for a reason of the other key's
                    left.append(write)
                else:
                    earlier = answers[leader]
                    answers[write.task.id] = earlier if isinstance(earlier, int) else leader
        return [answers.get(write.task.id) for write in writes]


Outcome = Alternative | int | Exception | None
_NONE: Final[frozenset[int]] = frozenset()


def _parted(writes: Sequence[Create]) -> dict[int, int]:
    """The retries without a key that come with what they retry, or with another retry of it: by the id of their task
    that of the one whose answer is theirs too."""
    followers: dict[int, int] = {}
    leaders: dict[tuple[int, bytes], int] = {}
    if not any(write.once.retry for write in writes):
        return followers
    for write in writes:
        wanted = (write.once.account_id, write.once.fingerprint)
        if write.once.retry and wanted in leaders:
            followers[write.task.id] = leaders[wanted]
        else:
            leaders[wanted] = write.task.id
    return followers


def _create(connection: Connection, writes: Sequence[Create]) -> dict[int, Outcome]:
    """By the id of the new task: None where it was made, what it was begun with, the earlier task that was asked for,
    or why neither can be had."""
    earlier = resolve(connection, [write.once for write in writes])
    answers: dict[int, Outcome] = {write.task.id: one for write, one in zip(writes, earlier, strict=True)}
    left = [write for write in writes if answers[write.task.id] is None]
    answers.update(admit(connection, [write.admission for write in left]))
    left = [write for write in left if answers[write.task.id] is None]
    refused = hold(connection, [write.hold for write in left if write.hold is not None])
    answers.update({int(ref.id): error for ref, error in refused.items()})
    made = [write for write in left if answers[write.task.id] is None]
    answers.update(_insert_tasks(connection, made))
    remember(connection, [(write.once, write.task.id) for write in made])
    return answers


def _insert_tasks(connection: Connection, writes: Sequence[Create]) -> dict[int, Alternative]:
    """Make the tasks; by their ids, what those were begun with for which there was room."""
    if not writes:
        return {}
    starts = [write.start for write in writes if write.start is not None]
    room = Room.read(connection, starts)
    places = room.places(starts)
    room.save(connection)
    begun = {task_id: one for task_id, one in places.items() if isinstance(one, Alternative)}
    changes = {task_id: one.change for task_id, one in begun.items()}
    now = [changes[write.task.id].task if write.task.id in changes else write.task for write in writes]
    tasks = [
        {**new_task_values(task), "fingerprint": write.once.fingerprint}
        for write, task in zip(writes, now, strict=True)
    ]
    # Two processes that use the same names at once wait for each other in one order only (`telecine.store.locks`).
    tasks.sort(key=lambda row: (row["account_id"], row["external_id"] or "", row["id"]))
    _TASKS.run(connection, tasks)
    ATTEMPTS.run(connection, [new_attempt_values(one.attempt) for one in begun.values()])
    note_uses(connection, [(one.task.id, asset) for one in writes for asset in one.task.request.assets])
    events = [(write.task, _created(write.task)) for write in writes]
    add_events(connection, [*events, *((one.task, one.event) for one in changes.values() if one.event is not None)])
    shared = lease_time(connection, 0.0)  # 0: there is no clock but this process's
    _SCHEDULE.run(connection, [_scheduled(write, places.get(write.task.id), shared) for write in writes])
    told = (*(write.deliveries for write in writes), *(one.deliveries for one in changes.values()))
    add_deliveries(connection, [delivery for many in told for delivery in many])
    room.quotas.call(connection)
    return begun


_TASKS = Prepared(insert(tables.tasks))
_SCHEDULE = Prepared(insert(tables.schedule))


def _created(task: Task) -> Event:
    return Event(task.status, task.created_at, None, f"task.{task.status}")


def _scheduled(write: Create, place: Alternative | dict[str, Any] | None, shared: float) -> dict[str, Any]:
    """Its row of the schedule: leased from here on, unless it waits."""
    task, waits = write.task, place if isinstance(place, dict) else None
    leased = waits is None and write.owner is not None
    return {
        "task_id": task.id,
        "account_id": task.account_id,
        "kind": write.kind,
        "due": (task.deadline or task.created_at) if waits is None else waits["b_due"],
        "rank": -task.priority,
        "pool": None if waits is None else waits["b_pool"],
        "weight": 1 if waits is None else waits["b_weight"],
        "woken": False,
        "lease_owner": write.owner if leased else None,
        "lease_until": (shared or task.created_at) + LEASE_SECONDS if leased else None,
    }


def _existing(connection: Connection, writes: Sequence[Create]) -> dict[int, Outcome]:
    """Those that an earlier COMMIT has made, and what they were begun with: not tasks of others that have drawn the
    same id."""
    table = tables.tasks.c
    rows = connection.execute(
        select(table.id, table.account_id, table.fingerprint, table.attempt_id).where(
            table.id.in_([one.task.id for one in writes])
        )
    )
    mine = {(write.task.id, write.once.account_id, write.once.fingerprint): write.start for write in writes}
    found: dict[int, Outcome] = {}
    for task_id, *names, attempt_id in rows.all():
        if (task_id, *names) in mine:
            start = mine[(task_id, *names)]
            found[task_id] = None if start is None else start.begun(attempt_id)
    return found

"""The transaction that makes a task durable before its client learns its id."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import ClassVar

import msgspec
from sqlalchemy import Connection, insert, select

from telecine.accounts.ledger import Hold, Ref, hold
from telecine.accounts.limits import Admission, admit
from telecine.accounts.principal import Bound
from telecine.nouns.errors import GatewayError
from telecine.nouns.task import Task
from telecine.store import tables
from telecine.store.database import lease_time
from telecine.store.locks import NO_LOCKS, Locks
from telecine.store.prepared import Prepared
from telecine.tasks.idempotency import Idempotency, Once
from telecine.tasks.rows import alike, new_task_values
from telecine.tasks.steps import Kind
from telecine.tasks.writes.changes import ADD_EVENTS
from telecine.tasks.writes.idempotency import remember, resolve
from telecine.tasks.writes.schedule import LEASE_SECONDS
from telecine.webhooks.delivery import Delivery, add_deliveries


class Create(msgspec.Struct, frozen=True, dict=True):
    """A new task, leased to `owner` at once, its hold taken, its idempotency key kept.

    A draft is leased to nobody, and due when its time is over.

    Result: None; the id of an earlier task where that is what was asked for again: then nothing has happened.
    Raises GatewayError: `conflict` for a key or an external id that stands for another request,
    `insufficient_balance`, `rate_limited` where too many tasks are in flight. Raises IntegrityError where another
    process has just used the same name.
    """

    order: ClassVar[int] = 10
    task: Task
    owner: str
    deliveries: tuple[Delivery, ...] = ()
    said: Idempotency | None = None
    bound: tuple[Bound, ...] = ()
    """Whose limits it has to stay within."""
    kind: Kind = "submit"
    """Of its first step."""

    @cached_property
    def once(self) -> Once:
        """What the create is recognised by."""
        return Once.of(self.task, self.said)

    @property
    def key(self) -> int | tuple[int, bytes | str]:
        """Two creates under one name never share a batch: what became of the first has to be seen by the second."""
        name = self.once.key or self.once.external_id
        return self.task.id if name is None else (self.once.account_id, name)

    @property
    def locks(self) -> Locks:
        """Its account, where something is held or a limit has to be kept; the rest is new."""
        if self.hold is None and not any(bound.bounds.at_create for bound in self.bound):
            return NO_LOCKS
        return Locks(accounts=frozenset({self.task.account_id}))

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
        held = task.held if task.prices else 0
        return Admission(
            task_id=task.id,
            account_id=task.account_id,
            amount=held,
            at=task.created_at,
            bound=self.bound,
        )

    @classmethod
    def apply(
        cls, connection: Connection, writes: Sequence[Create], *, again: bool
    ) -> Sequence[int | Exception | None]:
        answers: dict[int, int | Exception | None] = {}
        there = _existing(connection, writes) if again else set()
        left = [write for write in writes if write.task.id not in there]
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
                    answers[write.task.id] = answers[leader] or leader
        return [answers.get(write.task.id) for write in writes]


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


def _create(connection: Connection, writes: Sequence[Create]) -> dict[int, int | Exception | None]:
    """By the id of the new task: None where it was made, the earlier task that was asked for, or why neither can be
    had."""
    answers: dict[int, int | Exception | None] = dict.fromkeys((write.task.id for write in writes), None)
    answers.update(_known(connection, writes))
    left = [write for write in writes if answers[write.task.id] is None]
    answers.update(admit(connection, [write.admission for write in left]))
    left = [write for write in left if answers[write.task.id] is None]
    refused = hold(connection, [write.hold for write in left if write.hold is not None])
    answers.update({int(ref.id): error for ref, error in refused.items()})
    made = [write for write in left if answers[write.task.id] is None]
    _insert_tasks(connection, made)
    remember(connection, [(write.once, write.task.id) for write in made])
    return answers


def _known(connection: Connection, writes: Sequence[Create]) -> dict[int, int | GatewayError]:
    """By the id of the new task: the earlier task that was asked for, or why neither can be had."""
    named = [write for write in writes if write.once.named]
    if not named:
        return {}
    answers = resolve(connection, [write.once for write in named])
    return {write.task.id: one for write, one in zip(named, answers, strict=True) if one is not None}


def _insert_tasks(connection: Connection, writes: Sequence[Create]) -> None:
    if not writes:
        return
    tasks = [{**new_task_values(write.task), "fingerprint": write.once.fingerprint} for write in writes]
    # Two processes that use the same names at once wait for each other in one order only (`telecine.store.locks`).
    tasks.sort(key=lambda row: (row["account_id"], row["external_id"] or "", row["id"]))
    for rows in alike(tasks).values():
        _TASKS.run(connection, rows)
    ADD_EVENTS.run(
        connection,
        [
            {
                "task_id": write.task.id,
                "sequence": 1,
                "type": write.task.status,
                "at": write.task.created_at,
                "detail": None,
                "news": f"task.{write.task.status}",
                "status": write.task.status,
                "progress": 0,
            }
            for write in writes
        ],
    )
    shared = lease_time(connection, 0.0)  # 0: there is no clock but this process's
    _SCHEDULE.run(
        connection,
        [
            {
                "task_id": write.task.id,
                "account_id": write.task.account_id,
                "kind": write.kind,
                "due": write.task.deadline or write.task.created_at,
                "rank": -write.task.priority,
                "pool": None,
                "weight": 1,
                "woken": False,
                "lease_owner": None if write.task.state == "draft" else write.owner,
                "lease_until": None
                if write.task.state == "draft"
                else (shared or write.task.created_at) + LEASE_SECONDS,
            }
            for write in writes
        ],
    )
    add_deliveries(connection, [delivery for write in writes for delivery in write.deliveries])


_TASKS = Prepared(insert(tables.tasks))
_SCHEDULE = Prepared(insert(tables.schedule))


def _existing(connection: Connection, writes: Sequence[Create]) -> set[int]:
    """Those that an earlier COMMIT has made: not tasks of others that have drawn the same id."""
    table = tables.tasks.c
    rows = connection.execute(
        select(table.id, table.account_id, table.fingerprint).where(table.id.in_([one.task.id for one in writes]))
    )
    mine = {(write.task.id, write.once.account_id, write.once.fingerprint) for write in writes}
    return {row.id for row in rows.all() if (row.id, row.account_id, row.fingerprint) in mine}

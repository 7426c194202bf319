"""The transaction in which a draft's client completes it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import msgspec
from sqlalchemy import Connection, update

from telecine.accounts.ledger import Hold, Ref, hold
from telecine.accounts.limits import Admission, admit
from telecine.accounts.principal import Bound
from telecine.assets.writes import drop_uses, note_uses
from telecine.nouns.errors import GatewayError
from telecine.nouns.task import Task
from telecine.store import tables
from telecine.store.locks import Locks
from telecine.tasks.rows import completed_values
from telecine.tasks.steps import Kind
from telecine.tasks.writes.changes import Change, StaleError, held, write_changes


class Complete(msgspec.Struct, frozen=True, kw_only=True):
    """A draft becomes a queued task with another request, due at once; what is held for it becomes what that costs.

    Result: None. Raises StaleError where the draft is none any more, or its owner wants its end; GatewayError
    (`insufficient_balance`) where the account cannot cover it: then it stays a draft, with its hold.
    """

    order: ClassVar[int] = 12
    before: Task
    change: Change
    now: float
    token: int
    kind: Kind
    """The kind of step with which it goes on."""
    bound: tuple[Bound, ...] = ()
    """Whose limits it has to stay within."""

    @property
    def key(self) -> int:
        return self.change.task.id

    @property
    def locks(self) -> Locks:
        """Its rows, and its account where money moves or a limit has to be kept."""
        mine = frozenset({self.key})
        moves = self.hold is not None or self.change.settlement is not None
        moves = moves or any(bound.bounds.at_create for bound in self.bound)
        accounts = frozenset({self.change.task.account_id}) if moves else frozenset()
        return Locks(tasks=mine, schedule=mine, accounts=accounts)

    @property
    def more(self) -> int:
        """How much more, in micro-units, is to be held than there is."""
        return self.change.task.held - self.before.held

    @property
    def hold(self) -> Hold | None:
        """What the account has to cover now; a hold that ends is a settlement of the change."""
        before, task = self.before, self.change.task
        if not task.prices or (before.prices and not self.more):
            return None
        ref = Ref.task(task.id)
        if not before.prices:
            return Hold(task.account_id, ref, task.key_id, task.held, task.created_at)
        return Hold(task.account_id, ref, task.key_id, self.more, self.now, "adjust", task.created_at)

    @property
    def admission(self) -> Admission:
        """What those limits are asked."""
        task = self.change.task
        return Admission(
            task_id=task.id,
            account_id=task.account_id,
            amount=self.more,
            at=task.created_at,
            bound=self.bound,
            begun=True,
        )

    @classmethod
    def apply(cls, connection: Connection, writes: Sequence[Complete], *, again: bool) -> Sequence[Exception | None]:
        rows = held(connection, [write.key for write in writes])
        refused: dict[int, Exception] = {}
        left: list[Complete] = []
        for write in writes:
            found = rows.get(write.key)
            if found and found["step_token"] == write.token:  # committed before: whoever asked was not told
                continue
            if not found or found["version"] != write.before.version or found["cancel_requested_at"] is not None:
                refused[write.key] = StaleError(f"task {write.key} is no draft any more")
            else:
                left.append(write)
        refused.update(_covered(connection, left))
        left = [write for write in left if write.key not in refused]
        write_changes(connection, [(write.change, write.token) for write in left])
        uses = [(write.key, asset) for write in left for asset in write.change.task.request.assets]
        drop_uses(connection, [write.key for write in left if write.before.request.assets])
        note_uses(connection, uses)
        for write in left:
            table, row = tables.tasks, tables.schedule
            connection.execute(update(table).where(table.c.id == write.key).values(completed_values(write.change.task)))
            connection.execute(
                update(row).where(row.c.task_id == write.key).values(due=write.now, woken=True, kind=write.kind)
            )
        return [refused.get(write.key) for write in writes]


def _covered(connection: Connection, writes: Sequence[Complete]) -> dict[int, GatewayError]:
    """Why what is held for drafts cannot become what they cost, by task."""
    refused = admit(connection, [write.admission for write in writes])
    holds = {write.key: write.hold for write in writes if write.key not in refused}
    answers = hold(connection, [one for one in holds.values() if one is not None])
    return refused | {key: answers[one.ref] for key, one in holds.items() if one is not None and one.ref in answers}

"""Reads of tasks. Reads by id that arrive together go together."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final, NamedTuple

import msgspec
from sqlalchemy import BindParameter, ColumnElement, Connection, Select, and_, bindparam, func, or_, select

from telecine.nouns.errors import GatewayError
from telecine.nouns.request import Reference
from telecine.nouns.task import TERMINAL, Attempt, Handle, Output, Task
from telecine.routing.router import Route
from telecine.store import tables
from telecine.store.batcher import Batcher
from telecine.store.database import Database
from telecine.tasks.idempotency import Once
from telecine.tasks.rows import attempt_of, output_of, task_of
from telecine.tasks.use import Use
from telecine.tasks.view import Filter, Owner
from telecine.tasks.writes.idempotency import resolve
from telecine.tasks.writes.quotas import read_uses

FARTHEST: Final = 1000
"""Positions in a line are counted up to this one."""


class Work(msgspec.Struct, frozen=True):
    """All that a step needs to know of its task."""

    task: Task
    attempt: Attempt | None
    outputs: tuple[Output, ...]
    routes: tuple[Route, ...] | None = None
    """The channels that may run it, where they were looked for just now."""

    @property
    def current(self) -> Attempt:
        """The attempt, in states that always have one."""
        if self.attempt is None:
            raise LookupError(f"task {self.task.id} is {self.task.state} without an attempt")
        return self.attempt


_A: Final = tables.attempts.c
_NOTHING: Final[Mapping[str, Any]] = {}


class Seen(NamedTuple):
    """What tells whether a task has changed."""

    version: int
    deleted: bool


class TaskReads:
    """Reads by id, batched, and the rarer reads by something else."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._tasks: Batcher[int, tuple[Task, tuple[Output, ...]] | None] = Batcher(self._load_tasks)
        self._seen: Batcher[int, Seen | None] = Batcher(self._load_seen)
        self._works: Batcher[int, Work | None] = Batcher(self._load_works)
        self._positions: Batcher[int, tuple[str, int] | None] = Batcher(self._load_positions)

    async def task(self, task_id: int) -> tuple[Task, tuple[Output, ...]] | None:
        """The task with its outputs, or None."""
        return await self._tasks.submit(task_id)

    async def seen(self, task_id: int) -> Seen | None:
        """What tells whether the task has changed, at a fraction of the cost; None where there is none."""
        return await self._seen.submit(task_id)

    async def work(self, task_id: int) -> Work | None:
        """The task with its outputs and its current attempt, or None."""
        return await self._works.submit(task_id)

    async def _load_tasks(self, ids: Sequence[int]) -> Sequence[tuple[Task, tuple[Output, ...]] | None]:
        return await self._database.read(lambda connection: _found(connection, ids))

    async def _load_seen(self, ids: Sequence[int]) -> Sequence[Seen | None]:
        rows = await self._database.rows(_SEEN, {"b_ids": list(set(ids))})
        found = {row.id: Seen(row.version, row.deleted_at is not None) for row in rows}
        return [found.get(one) for one in ids]

    async def _load_works(self, ids: Sequence[int]) -> Sequence[Work | None]:
        def load(connection: Connection) -> Sequence[Work | None]:
            found = _found(connection, ids)
            wanted = [one[0].attempt_id for one in found if one is not None and one[0].attempt_id is not None]
            rows = connection.execute(_ATTEMPTS, {"b_ids": wanted}).mappings() if wanted else ()
            attempts = {row["id"]: attempt_of(row) for row in rows}
            return [Work(one[0], attempts.get(one[0].attempt_id or 0), one[1]) if one else None for one in found]

        return await self._database.read(load)

    async def handle(self, account_id: int, reference: Reference) -> Handle | None:
        """What the account has under the upstream's id in `reference`, the newest where several upstreams call theirs
        so."""
        table = tables.handles.c
        named = (table.upstream_id == reference.upstream_id, table.kind == reference.kind)
        newest = func.coalesce(table.task_id, 0).desc()
        query = select(tables.handles).where(*named, table.account_id == account_id).order_by(newest)
        return next((Handle(**row._mapping) for row in await self._database.rows(query.limit(1))), None)

    async def is_handle(self, reference: Reference) -> bool:
        """Whether any account has something under the upstream's id in `reference`."""
        table = tables.handles.c
        named = (table.upstream_id == reference.upstream_id, table.kind == reference.kind)
        return bool(await self._database.rows(select(table.kind).where(*named).limit(1)))

    async def external(self, account_id: int, external_id: str) -> int | None:
        """The id of the account's task that its client named `external_id`."""
        table = tables.tasks.c
        query = select(table.id).where(table.account_id == account_id, table.external_id == external_id)
        return next((row.id for row in await self._database.rows(query)), None)

    async def attempt_by_token(self, token: str) -> tuple[int, Attempt] | None:
        """The (task id, attempt) that a callback URL belongs to."""
        rows = await self._database.rows(select(tables.attempts).where(tables.attempts.c.callback_token == token))
        return next(((row.task_id, attempt_of(row._mapping)) for row in rows), None)

    async def averse(self, task_id: int) -> set[str]:
        """The channels that refused this task for reasons other than being full, or whose job for it failed."""
        table = tables.attempts.c
        mine = (table.task_id == task_id, table.state.in_(("refused", "ended")), table.error_code != "capacity")
        return {row.channel for row in await self._database.rows(select(table.channel).where(*mine))}

    async def failures(self, task_id: int) -> int:
        """How many jobs for this task have failed at their upstreams, and were tried elsewhere."""
        return await self._attempts(task_id, _A.state == "ended", _A.error_code.is_not(None))

    async def losses(self, task_id: int) -> int:
        """How many jobs for this task their upstreams have lost."""
        return await self._attempts(task_id, _A.state == "lost")

    async def unknowns(self, task_id: int) -> int:
        """How many ended attempts of this task may have made a job."""
        return await self._attempts(task_id, _A.state == "unknown", _A.ended_at.is_not(None))

    async def _attempts(self, task_id: int, *like: ColumnElement[bool]) -> int:
        return len(await self._database.rows(select(_A.id).where(_A.task_id == task_id, *like)))

    async def page(self, account_id: int | None, wanted: Filter) -> tuple[list[tuple[Task, tuple[Output, ...]]], bool]:
        """The tasks that `wanted` describes, of one account or of all, and whether there are more behind them."""
        table = tables.tasks.c
        conditions: list[ColumnElement[bool]] = [table.deleted_at.is_(None)]
        if account_id is not None:
            conditions.append(table.account_id == account_id)
        if wanted.after is not None:
            conditions.append(table.id > wanted.after if wanted.ascending else table.id < wanted.after)
        if wanted.form is not None:
            conditions.append(_made_by(wanted.form, wanted.operations))
        elif wanted.operations:
            conditions.append(table.operation.in_(wanted.operations))
        if wanted.source is not None:
            conditions.append(table.source_task == wanted.source)
        if wanted.statuses:
            conditions.append(or_(*(_has_status(status) for status in wanted.statuses)))
        if wanted.model is not None:
            conditions.append(table.model == wanted.model)
        if wanted.kind is not None:
            conditions.append(table.kind == wanted.kind)
        if wanted.key is not None:
            conditions.append(table.key_id.in_(_keys_called(wanted.key)))
        if wanted.created_after is not None:
            conditions.append(table.created_at > wanted.created_after)
        if wanted.created_before is not None:
            conditions.append(table.created_at < wanted.created_before)
        order = table.id.asc() if wanted.ascending else table.id.desc()
        query = select(tables.tasks).where(*conditions).order_by(order).offset(wanted.offset).limit(wanted.limit + 1)

        def find(connection: Connection) -> tuple[list[Task], dict[int, tuple[Output, ...]]]:
            tasks = [task_of(row) for row in connection.execute(query).mappings()]
            return tasks, _outputs(connection, [task.id for task in tasks])

        tasks, outputs = await self._database.snapshot(find)
        shown = tasks[: wanted.limit]
        return [(task, outputs.get(task.id, ())) for task in shown], len(tasks) > wanted.limit

    async def positions(self, task_ids: Sequence[int]) -> dict[int, tuple[str, int]]:
        """The line that each of the tasks stands in (a pool's, or see `quota_line`), and its position there from 1.

        Positions are counted up to `FARTHEST`; whoever stands further back has that one. So they cost the same however
        long the line is, and all who ask at once share the look at a line.
        """
        found = await asyncio.gather(*(self._positions.submit(task_id) for task_id in task_ids))
        return {task_id: place for task_id, place in zip(task_ids, found, strict=True) if place is not None}

    async def _load_positions(self, ids: Sequence[int]) -> Sequence[tuple[str, int] | None]:
        row = tables.schedule.c

        def load(connection: Connection) -> Sequence[tuple[str, int] | None]:
            places: dict[int, tuple[str, int]] = {}
            rows = connection.execute(
                select(row.task_id, row.pool).where(row.task_id.in_(set(ids)), row.pool.is_not(None))
            )
            for task_id, line in rows.all():
                places[task_id] = (line, FARTHEST)
            for line in sorted({line for line, _ in places.values()}):
                first = connection.execute(
                    select(row.task_id).where(row.pool == line).order_by(row.rank, row.task_id).limit(FARTHEST)
                )
                numbers = ((number, one) for number, one in enumerate(first.scalars(), 1) if one in places)
                places.update({task_id: (line, number) for number, task_id in numbers})
            return [places.get(one) for one in ids]

        return await self._database.read(load)

    async def owners(self, task_ids: Sequence[int]) -> dict[int, Owner]:
        """Whose these tasks are."""
        task, account, key = tables.tasks.c, tables.accounts.c, tables.keys.c
        rows = await self._database.rows(
            select(task.id, account.name, key.name)
            .join(tables.accounts, account.id == task.account_id)
            .outerjoin(tables.keys, key.id == task.key_id)
            .where(task.id.in_(task_ids))
        )
        return {task_id: Owner(holder, made_by) for task_id, holder, made_by in rows}

    async def uses(self, channels: Collection[str]) -> dict[str, Use]:
        """What limited channels have been sent lately; those that never were are left out."""
        if not channels:
            return {}
        return await self._database.read(lambda connection: read_uses(connection, channels))

    async def already(self, once: Once) -> int | GatewayError | None:
        """The task that a create already has; None where it has none, or why it cannot be had."""
        (found,) = await self._database.read(lambda connection: resolve(connection, [once]))
        return found


def _made_by(form: str, operations: Sequence[str]) -> ColumnElement[bool]:
    """The condition that the path `form` made a task, or no path of its dialect, and it does one of `operations`."""
    table, dialect = tables.tasks.c, form.partition(":")[0]
    of_others = or_(table.form.is_(None), table.form.not_like(f"{dialect}:%"))
    return or_(table.form == form, and_(of_others, table.operation.in_(operations)))


def _keys_called(text: str) -> Select[tuple[int]]:
    key = tables.keys.c
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 19 else -1
    return select(key.id).where(or_(key.name == text, key.id == number))


def _has_status(status: str) -> ColumnElement[bool]:
    """The condition that `Task.status` is `status`."""
    table = tables.tasks.c
    if status in TERMINAL or status == "draft":
        return table.state == status
    started = table.started_at.is_(None) if status == "queued" else table.started_at.is_not(None)
    return and_(table.state.not_in(["draft", *sorted(TERMINAL)]), started)


def _found(connection: Connection, ids: Sequence[int]) -> list[tuple[Task, tuple[Output, ...]] | None]:
    rows = connection.execute(_TASKS, {"b_ids": list(set(ids))})
    tasks = {row["id"]: task_of(row) for row in rows.mappings()}
    outputs = _outputs(connection, [task.id for task in tasks.values() if task.started_at is not None])
    return [(tasks[one], outputs.get(one, ())) if one in tasks else None for one in ids]


def _outputs(connection: Connection, ids: Sequence[int]) -> dict[int, tuple[Output, ...]]:
    if not ids:
        return {}
    rows = connection.execute(_OUTPUTS, {"b_ids": list(ids)})
    found: dict[int, tuple[Output, ...]] = {}
    for row in rows.mappings():
        output = output_of(row)
        found[output.task_id] = (*found.get(output.task_id, ()), output)
    return found


_IDS: Final[BindParameter[Sequence[int]]] = bindparam("b_ids", expanding=True)
_SEEN: Final = select(tables.tasks.c.id, tables.tasks.c.version, tables.tasks.c.deleted_at).where(
    tables.tasks.c.id.in_(_IDS)
)
_TASKS: Final = select(tables.tasks).where(tables.tasks.c.id.in_(_IDS))
_ATTEMPTS: Final = select(tables.attempts).where(tables.attempts.c.id.in_(_IDS))
_OUTPUTS: Final = (
    select(tables.outputs)
    .where(tables.outputs.c.task_id.in_(_IDS))
    .order_by(tables.outputs.c.task_id, tables.outputs.c.index)
)

"""A task's news as they happen, and those that somebody has missed."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from typing import Final

import msgspec
from msgspec.structs import replace
from sqlalchemy import select

from telecine.nouns.task import TERMINAL, Output, Status, Task
from telecine.store import tables
from telecine.store.batcher import Batcher
from telecine.store.database import Database
from telecine.tasks.context import Context
from telecine.tasks.view import View

LOOK_AGAIN: Final = 1.0
"""Seconds after which the records are read again: steps of other processes wake nobody here."""


class News(msgspec.Struct, frozen=True):
    """One event of a task as clients are told of it: its number, its type, and the task as it was then."""

    sequence: int
    type: str
    view: View


class Line(msgspec.Struct, frozen=True):
    """One event that clients are told of, with what the task was like then."""

    sequence: int
    type: str
    status: Status
    progress: int


class Lines(msgspec.Struct, frozen=True):
    """What has happened to a task after some event."""

    lines: tuple[Line, ...]
    over: bool
    """Nothing will ever follow these lines."""


class Timelines:
    """Reads of news; those that arrive together go together."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._batcher: Batcher[tuple[int, int], Lines] = Batcher(self._load)

    async def after(self, task_id: int, sequence: int) -> Lines:
        """What has happened to the task after the event with this number."""
        return await self._batcher.submit((task_id, sequence))

    async def _load(self, wanted: Sequence[tuple[int, int]]) -> Sequence[Lines]:
        ids = {task_id for task_id, _ in wanted}
        table, events = tables.tasks.c, tables.events.c
        newer = (events.task_id.in_(ids), events.news.is_not(None), events.sequence > min(one for _, one in wanted))
        columns = (events.task_id, events.sequence, events.news, events.status, events.progress)
        both = (  # In this order: a task that has ended here has its last line among those read next.
            select(table.id, table.state).where(table.id.in_(ids)),
            select(*columns).where(*newer).order_by(events.task_id, events.sequence),
        )
        states, rows = await self._database.read(lambda connection: [connection.execute(one).all() for one in both])
        over = {row.id: row.state in TERMINAL for row in states}
        found: dict[int, list[Line]] = {}
        for row in rows:
            found.setdefault(row.task_id, []).append(Line(*row[1:]))
        return [
            Lines(tuple(line for line in found.get(one, ()) if line.sequence > after), over.get(one, True))
            for one, after in wanted
        ]


async def follow(context: Context, timelines: Timelines, task_id: int, after: int) -> AsyncGenerator[News | None]:
    """The news of a task behind the event with the number `after`, as they happen, until the task ends.

    None is yielded every second without news, so that the caller can show that it is still there. Nothing is kept for
    a caller that is slow: what it has not read yet is read from the records when it comes for it.
    """
    with context.watch.watching(task_id) as changed:
        while not context.closing:
            changed.clear()
            found = await timelines.after(task_id, after)
            known = await context.reads.task(task_id) if found.lines or not after else None
            if known is not None:
                task, gone = known[0], known[0].deleted_at is not None
                outputs = () if gone else known[1]
                for line in found.lines:
                    after = line.sequence
                    if not gone or line.status in TERMINAL:  # as webhooks: whoever deletes it still hears of its end
                        yield News(line.sequence, line.type, then(task, outputs, line))
                if found.over and not after:  # so old that its events have been pruned
                    yield News(task.version, f"task.{task.status}", View(task, outputs))
            if found.over:
                return
            if not found.lines:
                yield None
            await context.clock.wait(changed, LOOK_AGAIN)


def then(task: Task, outputs: tuple[Output, ...], line: Line) -> View:
    """`task` as it was at the time of `line`."""
    if line.status in TERMINAL:
        return View(task, outputs)
    waits = line.status in ("draft", "queued")
    past = replace(
        task,
        state=line.status if waits else "running",
        progress=line.progress,
        started_at=None if waits else task.started_at,
        ended_at=None,
        usage=None,
        facts=None,
        charged=None,
        error=None,
    )
    return View(past)

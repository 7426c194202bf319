"""A job under way at its upstream, as far as asking about it goes: a few columns, and nothing that is dear to read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec
from sqlalchemy import Connection, and_, bindparam, func, select

from telecine.nouns.task import State
from telecine.providers.base import Job
from telecine.providers.outcomes import PollOutcome
from telecine.store import tables


class Underway(msgspec.Struct, frozen=True):
    """A task that is running or reconciling, and whose upstream has named its job."""

    task_id: int
    state: State
    operation: str
    progress: int
    started_at: float | None
    preview_url: str | None
    deadline: float | None
    cancel: bool
    """Its owner wants it to stop, and its upstream has not yet said that it cannot."""
    channel: str
    address: str
    provider: str
    model: str
    handle: str
    upstream_id: str
    submitted_at: float
    accepted_at: float | None
    told: PollOutcome | None = None
    """What the upstream has just said of it, where it was asked about many."""

    @property
    def job(self) -> Job:
        """What names it to its upstream."""
        return Job(self.operation, self.model, self.handle, self.upstream_id, self.submitted_at)


def read_underway(connection: Connection, task_ids: Sequence[int]) -> dict[int, Underway]:
    """Those among the tasks that are under way, by id."""
    rows = connection.execute(_UNDERWAY, {"b_ids": task_ids}).all() if task_ids else ()
    return {row[0]: Underway(*row) for row in rows}


_T, _A = tables.tasks.c, tables.attempts.c
_UNDERWAY: Final = (
    select(
        *(_T.id, _T.state, _T.operation, _T.progress, _T.started_at, _T.preview_url, _T.deadline),
        and_(_T.cancel_requested_at.is_not(None), ~_T.cancel_refused),
        *(_A.channel, _A.address, _A.provider, _A.model, _A.handle, _A.upstream_id),
        *(func.coalesce(_A.submitted_at, _A.created_at), _A.accepted_at),
    )
    .join(tables.attempts, _A.id == _T.attempt_id)
    .where(
        _T.id.in_(bindparam("b_ids", expanding=True)),
        _T.state.in_(("running", "reconciling")),
        _A.upstream_id.is_not(None),
    )
)

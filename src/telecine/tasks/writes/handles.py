"""Where the upstreams' ids are known: kept in the transaction of the step that learns them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec
from sqlalchemy import Connection, delete

from telecine.nouns.task import Handle
from telecine.store import tables
from telecine.store.inserts import upsert


def keep_handles(connection: Connection, handles: Iterable[Handle]) -> None:
    """Keep `handles`. An upstream that gives an account the same id twice means the newer one."""
    newest = {(one.upstream_id, one.kind, one.account_id, one.provider): one for one in handles}
    upsert(connection, tables.handles, [msgspec.structs.asdict(newest[key]) for key in sorted(newest)])


def forget_handles(connection: Connection, task_ids: Sequence[int]) -> None:
    """Forget all that these tasks have made; they are locked, or nothing makes anything for them any more."""
    if task_ids:
        connection.execute(delete(tables.handles).where(tables.handles.c.task_id.in_(task_ids)))

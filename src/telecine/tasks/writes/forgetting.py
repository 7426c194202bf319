"""What goes of tasks that have ended, once its time is over or their account is erased.

No steps: nothing of it needs a lease, and what was billed by stays. Whoever calls these has deleted the files already,
so that none is forgotten.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, bindparam, case, delete, func, update

from telecine.assets.writes import drop_uses
from telecine.nouns.request import GenerationRequest
from telecine.store import tables
from telecine.store.pruning import drop
from telecine.tasks.writes.handles import forget_handles

ANONYMOUS: Final = "erased"
"""The dialect of an erased task, which tells that it is one."""


def blank(connection: Connection, requests: Mapping[int, GenerationRequest], now: float) -> None:
    """Take away what the `requests` of ended tasks (by id) asked for, what was prepared of it, and what others said
    that may repeat it; error codes stay."""
    rows = [
        {"b_id": task_id, "b_request": msgspec.json.encode(request.blank()), "b_now": now}
        for task_id, request in sorted(requests.items())
    ]
    attempts, events, ids = tables.attempts, tables.events, sorted(requests)
    connection.execute(_BLANK, rows)
    connection.execute(update(_O).where(_O.c.task_id.in_(ids)).values(facts=None))
    connection.execute(
        update(attempts)
        .where(attempts.c.task_id.in_(ids))
        .values(prepared=None, error_message=_no_longer_kept(attempts.c.error_message))
    )
    connection.execute(
        update(events)
        .where(events.c.task_id.in_(ids), events.c.type.not_in(_OUR_WORDS), events.c.detail.is_not(None))
        .values(detail=None)
    )
    drop_uses(connection, ids)


def erase(connection: Connection, requests: Mapping[int, GenerationRequest], now: float) -> None:
    """As `blank`, and whatever else of these ended tasks says whose they were or what came of them."""
    ids = sorted(requests)
    bare = {one: msgspec.structs.replace(requests[one].blank(), external_id=None, metadata=None) for one in ids}
    rows = [{"b_id": one, "b_request": msgspec.json.encode(bare[one]), "b_now": now} for one in ids]
    connection.execute(_ERASE, rows)
    attempts, events = tables.attempts, tables.events
    for statement in (
        update(tables.outputs).where(tables.outputs.c.task_id.in_(ids)).values(_NO_OUTPUT),
        update(attempts)
        .where(attempts.c.task_id.in_(ids))
        .values(prepared=None, error_message=_or_nothing(attempts.c.error_message)),
        update(events).where(events.c.task_id.in_(ids)).values(detail=None),
    ):
        connection.execute(statement)
    forget_handles(connection, ids)
    drop_uses(connection, ids)


def forget_keys(connection: Connection, account_id: int) -> None:
    """Every idempotency key of an account, and what its upstreams call things that no task has made."""
    handle = tables.handles.c
    connection.execute(delete(tables.handles).where(handle.account_id == account_id, handle.task_id.is_(None)))
    connection.execute(delete(tables.idempotency).where(tables.idempotency.c.account_id == account_id))


def give_up(connection: Connection, outputs: Iterable[tuple[int, int]]) -> None:
    """Note of `outputs` that their files are about to go: nobody begins to use one."""
    connection.execute(_GIVE_UP, [{"b_task": task_id, "b_index": index} for task_id, index in sorted(outputs)])


def lose(connection: Connection, outputs: Iterable[tuple[int, int]]) -> None:
    """Note of `outputs`, by task and index, that their files are gone."""
    connection.execute(_LOSE, [{"b_task": task_id, "b_index": index} for task_id, index in sorted(outputs)])


def drop_events(connection: Connection, keys: Sequence[tuple[int, int]]) -> int:
    """Take lines of timelines away, by task and sequence, one at least; how many."""
    table = tables.events
    return drop(connection, table=table, columns=(table.c.task_id, table.c.sequence), keys=keys)


def drop_keys(connection: Connection, keys: Sequence[tuple[int, str]]) -> int:
    """Take idempotency keys away, by account and key, one at least; how many."""
    table = tables.idempotency
    return drop(connection, table=table, columns=(table.c.account_id, table.c.key), keys=keys)


def _no_longer_kept(message: Any) -> Any:
    """An upstream's words may repeat the prompt."""
    return case((message.is_not(None), "What was said of it is no longer kept."), else_=None)


def _or_nothing(column: object) -> object:
    """An upstream's words may repeat the prompt."""
    return func.substr(column, 1, 0)


_OUR_WORDS: Final = ("submitting", "progress")
"""Events whose detail is a channel's name or a number."""
_T = tables.tasks
_O = tables.outputs
_NO_OUTPUT: Final = {
    "state": "lost",
    "upstream_url": None,
    "upstream_id": None,
    "object_key": None,
    "poster_key": None,
    "sha256": None,
    "text": None,
    "facts": None,
}
_ERASE = (
    update(_T)
    .where(_T.c.id == bindparam("b_id"))
    .values(
        request=bindparam("b_request"),
        dialect=ANONYMOUS,
        form=None,
        facts=None,
        preview_url=None,
        external_id=None,
        fingerprint=None,
        error_message=_or_nothing(_T.c.error_message),
        version=_T.c.version + 1,  # a step that is storing an output right now must not bring it back
        blanked_at=bindparam("b_now"),
        deleted_at=func.coalesce(_T.c.deleted_at, bindparam("b_now")),
    )
)
_BLANK = (
    update(_T)
    .where(_T.c.id == bindparam("b_id"))
    .values(
        request=bindparam("b_request"),
        facts=None,
        blanked_at=bindparam("b_now"),
        error_message=_no_longer_kept(_T.c.error_message),
    )
)
_GIVE_UP = (
    update(_O).where(_O.c.task_id == bindparam("b_task"), _O.c.index == bindparam("b_index")).values(state="lost")
)
_LOSE = (
    update(_O)
    .where(_O.c.task_id == bindparam("b_task"), _O.c.index == bindparam("b_index"))
    .values(state="lost", object_key=None, poster_key=None, upstream_url=None, text=None)
)

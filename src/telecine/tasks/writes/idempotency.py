"""Which task an asked-for create already has, looked up and remembered in the transaction of the create itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Connection, and_, bindparam, delete, insert, or_, select

from telecine.nouns.errors import GatewayError
from telecine.store import tables
from telecine.store.prepared import Prepared
from telecine.tasks.idempotency import FORGIVEN, HEADER, KEPT_SECONDS, RETRY_SECONDS, Once

_PRUNED: Final = 500
"""Expired keys that one batch of creates clears away at most."""


def resolve(connection: Connection, asked: Sequence[Once]) -> list[int | GatewayError | None]:
    """For each create the id of the task that it already has, None where it has none, or why it cannot be had.

    A key and an external id stand for one request only: with another one they are a `conflict`.
    """
    keys = _by_key(connection, [one for one in asked if one.key is not None])
    names = _by_external_id(connection, [one for one in asked if one.external_id is not None])
    retried = _by_fingerprint(connection, [one for one in asked if one.retry])
    answers: list[int | GatewayError | None] = []
    for one in asked:
        if one.key is not None and (found := keys.get((one.account_id, one.key))) and found.expires_at > one.at:
            message = f"The {HEADER} has been used before with another request; use a new one for each job."
            answers.append(found.task_id if found.fingerprint == one.fingerprint else _conflict(message, HEADER))
        elif one.external_id is not None and (found := names.get((one.account_id, one.external_id))):
            message = f"The external id '{one.external_id}' has been used before; it must be unique."
            answers.append(found.id if found.fingerprint == one.fingerprint else _conflict(message, "external_id"))
        elif one.retry and (found := retried.get((one.account_id, one.fingerprint))):
            answers.append(found.id if found.created_at >= one.at - RETRY_SECONDS else None)
        else:
            answers.append(None)
    return answers


def remember(connection: Connection, made: Sequence[tuple[Once, int]]) -> None:
    """Keep the keys of tasks that have just been made. Keys that no longer count make room for them; one that another
    process has kept since it was looked for does not. Raises IntegrityError."""
    rows = [
        {
            "account_id": once.account_id,
            "key": once.key,
            "fingerprint": once.fingerprint,
            "task_id": task_id,
            "created_at": once.at,
            "expires_at": once.at + KEPT_SECONDS,
        }
        for once, task_id in made
        if once.key is not None
    ]
    if not rows:
        return
    rows.sort(key=lambda row: (row["account_id"], row["key"]))
    mine = {f"b_{one}s": {row[one] for row in rows} for one in ("account_id", "key")}
    connection.execute(_CLEAR, {"b_now": max(once.at for once, _ in made), **mine})
    _REMEMBER.run(connection, rows)


def _conflict(message: str, param: str) -> GatewayError:
    """A name stands for another request."""
    return GatewayError("conflict", message, param=param, may_retry=False)


def _by_key(connection: Connection, asked: Sequence[Once]) -> dict[tuple[int, bytes], Any]:
    """The keys that still count: not those of tasks that were refused for want of credit, room or credentials."""
    if not asked:
        return {}
    task = tables.tasks.c
    rows = connection.execute(
        select(_KEYS.c.account_id, _KEYS.c.key, _KEYS.c.fingerprint, _KEYS.c.task_id, _KEYS.c.expires_at)
        .outerjoin(tables.tasks, task.id == _KEYS.c.task_id)
        .where(_KEYS.c.account_id.in_({one.account_id for one in asked}), _KEYS.c.key.in_({one.key for one in asked}))
        .where(or_(task.id.is_(None), ~_forgiven()))
    )
    return {(row.account_id, row.key): row for row in rows.all()}


def _by_external_id(connection: Connection, asked: Sequence[Once]) -> dict[tuple[int, str], Any]:
    if not asked:
        return {}
    task = tables.tasks.c
    rows = connection.execute(
        select(task.id, task.account_id, task.external_id, task.fingerprint).where(
            task.account_id.in_({one.account_id for one in asked}),
            task.external_id.in_({one.external_id for one in asked}),
        )
    )
    return {(row.account_id, row.external_id): row for row in rows.all()}


def _by_fingerprint(connection: Connection, asked: Sequence[Once]) -> dict[tuple[int, bytes], Any]:
    """The newest task of each."""
    if not asked:
        return {}
    task = tables.tasks.c
    rows = connection.execute(
        select(task.id, task.account_id, task.fingerprint, task.created_at)
        .where(
            task.account_id.in_({one.account_id for one in asked}),
            task.fingerprint.in_({one.fingerprint for one in asked}),
            task.created_at >= min(one.at for one in asked) - RETRY_SECONDS,
            task.deleted_at.is_(None),
            ~_forgiven(),
        )
        .order_by(task.created_at, task.id)
    )
    return {(row.account_id, row.fingerprint): row for row in rows.all()}


def _forgiven() -> Any:
    """The condition that surely no job was ever made, for a reason that may have passed."""
    task, attempt = tables.tasks.c, tables.attempts.c
    doubtful = select(attempt.id).where(attempt.task_id == task.id, attempt.state == "unknown").exists()
    return and_(task.state == "failed", task.expires_at.is_(None), task.error_code.in_(FORGIVEN), ~doubtful)


_KEYS = tables.idempotency
_REMEMBER = Prepared(insert(_KEYS))
_SPENT = _KEYS.c.expires_at <= bindparam("b_now")
_MINE = and_(
    _KEYS.c.account_id.in_(bindparam("b_account_ids", expanding=True)),
    _KEYS.c.key.in_(bindparam("b_keys", expanding=True)),
    or_(_SPENT, select(tables.tasks.c.id).where(tables.tasks.c.id == _KEYS.c.task_id, _forgiven()).exists()),
)
_OLDEST = (
    select(_KEYS.c.task_id).where(_SPENT).order_by(_KEYS.c.expires_at).limit(_PRUNED).with_for_update(skip_locked=True)
)
_CLEAR = delete(_KEYS).where(or_(_MINE, and_(_SPENT, _KEYS.c.task_id.in_(_OLDEST))))

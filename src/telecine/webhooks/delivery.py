"""One outbound webhook, and the statements that write it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

import msgspec
from sqlalchemy import ColumnElement, Connection, FromClause, and_, insert, tuple_, update

from telecine.net.urls import origin_of
from telecine.store import tables
from telecine.store.locks import in_order
from telecine.store.prepared import Prepared

PROGRESS: Final = "task.progress"
EVENTS: Final = (
    "task.draft",
    "task.queued",
    "task.running",
    PROGRESS,
    "task.succeeded",
    "task.failed",
    "task.cancelled",
)
"""What an endpoint may subscribe to."""
TEST: Final = "webhook.test"


class Tidings(msgspec.Struct, frozen=True):
    """What has happened to a task: one of `EVENTS`, and when, in seconds since the Unix epoch."""

    type: str
    at: float


class Message(msgspec.Struct, frozen=True):
    """What a receiver is sent: a body in JSON, and headers of the protocol beside those that sign every webhook."""

    body: bytes
    headers: Mapping[str, str] = {}


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """A webhook that is to be sent. `sequence` rises with the task's steps; the body never changes."""

    id: int
    task_id: int
    """0 for a test that somebody asked for."""
    account_id: int
    endpoint_id: int = 0
    """0 for a URL that the request itself named."""
    sequence: int
    type: str
    url: str
    body: bytes
    headers: bytes | None = None
    """The protocol's own, sealed (`Endpoints.sealed`); None for a message without any."""
    redelivery_of: int | None = None
    """The delivery that is sent again; it stands outside the task's order."""
    created_at: float


def add_deliveries(connection: Connection, deliveries: Iterable[Delivery]) -> None:
    """Insert `deliveries`, due at once, in the caller's transaction. Progress takes the place of older progress."""
    rows = [
        {
            **msgspec.structs.asdict(one),
            "line": line_of(one.account_id, one.endpoint_id, one.url),
            "state": "pending",
            "due": one.created_at,
            "tries": 0,
        }
        for one in deliveries
    ]
    newer = [
        (row["task_id"], row["endpoint_id"]) for row in rows if row["type"] == PROGRESS and row["redelivery_of"] is None
    ]
    if newer:
        older = and_(
            tuple_(_D.c.task_id, _D.c.endpoint_id).in_(newer),
            _D.c.type == PROGRESS,
            _D.c.state == "pending",
            _D.c.redelivery_of.is_(None),
        )
        connection.execute(update(_D).where(_D.c.id.in_(in_order(_D.c.id, older))).values(state="superseded", due=None))
    _DELIVER.run(connection, rows)


def of_line(other: FromClause) -> ColumnElement[bool]:
    """Whether `other`, an alias of deliveries, still waits in the same order of news, in which nothing overtakes."""
    same = and_(other.c.task_id == _D.c.task_id, other.c.endpoint_id == _D.c.endpoint_id)
    return and_(same, other.c.state == "pending", other.c.redelivery_of.is_(None))


def asked_for(kind: str, redelivery_of: int | None, tries: int) -> bool:
    """A person has just asked for it, and looks for what comes of it: it is sent past a pause, and may end it."""
    return tries == 0 and (kind == TEST or redelivery_of is not None)


def line_of(account_id: int, endpoint_id: int, url: str) -> str:
    """What shares a limit and a circuit: one endpoint, or an account's URLs at one origin."""
    if endpoint_id:
        return f"{account_id}:{endpoint_id}"
    return f"{account_id}:{origin_of(url)}"


_D = tables.deliveries
_DELIVER: Final = Prepared(insert(_D))

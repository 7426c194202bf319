"""What came of each try to deliver, and the record of it."""

from __future__ import annotations

from typing import Final

import msgspec
from sqlalchemy import Connection, insert, select, update

from telecine.store import tables

GONE: Final = "the receiver says that it is gone (410)"

_D = tables.deliveries
_T = tables.delivery_tries


class Try(msgspec.Struct, frozen=True):
    """One try, begun `at` that time (seconds since the Unix epoch)."""

    at: float
    latency_ms: int
    status: int | None = None
    reason: str | None = None
    answer: bytes | None = None
    """The first KiB of what the receiver said."""
    retry_after: float = 0.0

    @property
    def well(self) -> bool:
        """The receiver has taken it."""
        return self.status is not None and 200 <= self.status < 300

    @property
    def gone(self) -> bool:
        """The receiver wants nothing more, which Standard Webhooks says in this way."""
        return self.status == 410

    @property
    def failure(self) -> str:
        """Why it did not go well, in words."""
        return self.reason or f"the receiver answered {self.status}"


class Tried(msgspec.Struct, frozen=True):
    """One try as the log keeps it; `answer` goes with the bodies."""

    number: int
    at: float
    status: int | None
    latency_ms: int
    reason: str | None
    answer: bytes | None


def record(connection: Connection, delivery_id: int, one: Try, *, state: str, due: float | None) -> None:
    """Write `one` down, and what it makes of its delivery: what was superseded or given up meanwhile stays so.

    A delivery that was erased meanwhile has no tries any more.
    """
    query = select(_D.c.state, _D.c.tries).where(_D.c.id == delivery_id).with_for_update()
    found = connection.execute(query).first()
    if found is None:
        return
    number = found.tries + 1
    said = {"status": one.status, "latency_ms": one.latency_ms, "reason": one.reason, "answer": one.answer}
    connection.execute(insert(_T).values(delivery_id=delivery_id, number=number, at=one.at, **said))
    changed = update(_D).where(_D.c.id == delivery_id).values(tries=number)
    if found.state == "pending" or one.well:
        delivered_at = one.at + one.latency_ms / 1000 if one.well else None
        changed = changed.values(**said, state=state, due=due, delivered_at=delivered_at)
    connection.execute(changed)


def tries_of(connection: Connection, delivery_id: int) -> list[Tried]:
    """The tries of a delivery, in order."""
    columns = (_T.c[name] for name in Tried.__struct_fields__)
    rows = connection.execute(select(*columns).where(_T.c.delivery_id == delivery_id).order_by(_T.c.number))
    return [Tried(*row) for row in rows.all()]

"""What came of each try to deliver, and the record of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, bindparam, exists, insert, select, update

from telecine.store import tables
from telecine.store.prepared import Prepared
from telecine.webhooks.delivery import of_line

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


class Outcome(msgspec.Struct, frozen=True):
    """What became of a delivery: its try, None where its endpoint is gone; its state now; and when it is due again."""

    delivery_id: int
    tried: Try | None
    state: str
    due: float | None = None


def record(connection: Connection, outcomes: Sequence[Outcome]) -> list[bool]:
    """Write down tries, and what they make of their deliveries: what was superseded or given up meanwhile stays so.

    A delivery that was erased meanwhile has no tries any more. Of each: whether newer news of its task wait for it.
    """
    found = connection.execute(_FOUND, {"b_ids": [one.delivery_id for one in outcomes]}).mappings()
    rows, tries, changed = {row["id"]: row for row in found}, [], []
    for one in outcomes:
        if (row := rows.get(one.delivery_id)) is None:
            continue
        values, tried, said = {name: row[name] for name in _CHANGED}, one.tried, _GONE
        if tried is not None:
            values["tries"] += 1
            said = {name: getattr(tried, name) for name in ("status", "latency_ms", "reason", "answer")}
            tries.append({"delivery_id": row["id"], "number": values["tries"], "at": tried.at, **said})
        well = tried is not None and tried.well
        if row["state"] == "pending" or well:
            delivered_at = tried.at + tried.latency_ms / 1000 if tried is not None and well else None
            values |= {**said, "state": one.state, "due": one.due, "delivered_at": delivered_at}
        changed.append({"b_id": row["id"]} | {f"b_{name}": value for name, value in values.items()})
    _TRY.run(connection, tries)
    _CHANGE.run(connection, changed)
    return [one.delivery_id in rows and rows[one.delivery_id]["awaited"] for one in outcomes]


_GONE: Final[Mapping[str, Any]] = {"reason": "the webhook was deleted"}
_CHANGED: Final = ("state", "due", "tries", "status", "latency_ms", "reason", "answer", "delivered_at")
_NEWER: Final = _D.alias()
_AWAITED: Final = exists().where(of_line(_NEWER), _NEWER.c.sequence > _D.c.sequence)
_FOUND: Final = (
    select(_D.c.id, *(_D.c[name] for name in _CHANGED), _AWAITED.label("awaited"))
    .where(_D.c.id.in_(bindparam("b_ids", expanding=True)))
    .order_by(_D.c.id)
    .with_for_update(of=_D)
)
_TRY: Final = Prepared(insert(_T))
_CHANGE: Final = Prepared(
    update(_D).where(_D.c.id == bindparam("b_id")).values({name: bindparam(f"b_{name}") for name in _CHANGED})
)


def tries_of(connection: Connection, delivery_id: int) -> list[Tried]:
    """The tries of a delivery, in order."""
    columns = (_T.c[name] for name in Tried.__struct_fields__)
    rows = connection.execute(select(*columns).where(_T.c.delivery_id == delivery_id).order_by(_T.c.number))
    return [Tried(*row) for row in rows.all()]

"""The log of deliveries: what was sent to whom, and what came back. Each account sees its own."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final, Literal

import msgspec
from sqlalchemy import and_, case, func, select
from sqlalchemy.exc import IntegrityError

from telecine.clock import Clock
from telecine.nouns.errors import GatewayError
from telecine.nouns.ids import IdSource
from telecine.store import tables
from telecine.store.database import Database
from telecine.store.inserts import DRAWS
from telecine.webhooks.delivery import TEST, Delivery, add_deliveries, asked_for, of_line
from telecine.webhooks.endpoints import Endpoint
from telecine.webhooks.tries import Tried, tries_of

DeliveryState = Literal["pending", "delivered", "failed", "superseded"]

_D = tables.deliveries


class Logged(msgspec.Struct, frozen=True, kw_only=True):
    """One delivery and its last try. Times are seconds since the Unix epoch."""

    id: int
    task_id: int
    endpoint_id: int
    account_id: int
    line: str
    sequence: int
    type: str
    url: str
    body: bytes
    headers: bytes | None
    """Sealed; what it is sent again with."""
    state: DeliveryState
    due: float | None
    """When its next try is due: no earlier than those of older news that it must not overtake."""
    tries: int
    status: int | None
    reason: str | None
    latency_ms: int | None
    answer: bytes | None
    """The first KiB."""
    redelivery_of: int | None
    created_at: float
    delivered_at: float | None

    @property
    def asked(self) -> bool:
        """It does not wait for the end of a pause."""
        return asked_for(self.type, self.redelivery_of, self.tries)


class DeliveryLog:
    """Reads of deliveries, and the two ways in which an owner makes one."""

    def __init__(self, database: Database, clock: Clock, ids: IdSource) -> None:
        self._database = database
        self._clock = clock
        self._ids = ids

    async def list(
        self,
        account_id: int,
        *,
        limit: int,
        task_id: int | None = None,
        endpoint_id: int | None = None,
        state: str | None = None,
        after: int | None = None,
    ) -> tuple[list[Logged], bool]:
        """The account's deliveries, newest first, and whether there are more."""
        wanted = {"task_id": task_id, "endpoint_id": endpoint_id, "state": state}
        narrowed = [_D.c[name] == one for name, one in wanted.items() if one is not None]
        query = select(*_COLUMNS).where(_D.c.account_id == account_id, *narrowed)
        if after is not None:
            query = query.where(_D.c.id < after)
        query = query.order_by(_D.c.id.desc()).limit(limit + 1)
        rows = await self._database.snapshot(lambda connection: connection.execute(query).all())
        found = [_logged(row) for row in rows]
        return found[:limit], len(found) > limit

    async def get(self, account_id: int, delivery_id: int) -> Logged:
        """One delivery. Raises GatewayError (`not_found`)."""
        query = select(*_COLUMNS).where(_D.c.id == delivery_id, _D.c.account_id == account_id)
        for row in await self._database.rows(query):
            return _logged(row)
        raise GatewayError("not_found", "There is no such delivery, or it is not yours.", param="id")

    async def tries(self, delivery_id: int) -> Sequence[Tried]:
        """Every try of a delivery, the first one first."""
        return await self._database.read(lambda connection: tries_of(connection, delivery_id))

    async def redeliver(self, old: Logged, endpoint: Endpoint | None) -> Logged:
        """Send `old` once more, as it was: the receiver knows it by its `webhook-id`.

        `endpoint`: its endpoint as it is now, whose URL may have changed; None for a request's own URL. Raises
        GatewayError (`conflict`) where the body is no longer kept.
        """
        if not old.body:
            raise GatewayError("conflict", "What this webhook said is no longer kept.", param="id")
        return await self._add(
            Delivery(
                id=self._ids.next(self._clock.now()),
                task_id=old.task_id,
                account_id=old.account_id,
                endpoint_id=old.endpoint_id,
                sequence=old.sequence,
                type=old.type,
                url=endpoint.url if endpoint is not None and endpoint.url else old.url,
                body=old.body,
                headers=old.headers,
                redelivery_of=old.redelivery_of or old.id,
                created_at=self._clock.now(),
            )
        )

    async def test(self, endpoint: Endpoint, data: dict[str, str]) -> Logged:
        """Send an event of the type `webhook.test` to `endpoint`."""
        now = self._clock.now()
        moment = datetime.fromtimestamp(now, UTC).isoformat()
        return await self._add(
            Delivery(
                id=self._ids.next(now),
                task_id=0,
                account_id=endpoint.account_id,
                endpoint_id=endpoint.id,
                sequence=0,
                type=TEST,
                url=endpoint.url or "",
                body=msgspec.json.encode({"type": TEST, "timestamp": moment, "data": data}),
                created_at=now,
            )
        )

    async def _add(self, delivery: Delivery) -> Logged:
        for _ in range(DRAWS):
            try:
                await self._database.change(partial(add_deliveries, deliveries=[delivery]))
                break
            except IntegrityError:  # another process has drawn the same id
                delivery = msgspec.structs.replace(delivery, id=self._ids.next(delivery.created_at))
        return await self.get(delivery.account_id, delivery.id)


_OLDER = _D.alias()
_OLDER_DUE: Final = (
    select(func.max(_OLDER.c.due)).where(of_line(_OLDER), _OLDER.c.sequence < _D.c.sequence).scalar_subquery()
)
_DUE: Final = case(
    (and_(_D.c.redelivery_of.is_(None), _D.c.due < _OLDER_DUE), _OLDER_DUE),
    else_=_D.c.due,
)
_COLUMNS: Final = tuple(_DUE if name == "due" else _D.c[name] for name in Logged.__struct_fields__)


def _logged(row: Any) -> Logged:
    return Logged(**dict(zip(Logged.__struct_fields__, row, strict=True)))

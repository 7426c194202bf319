"""What is no longer kept, taken away in small steps: bodies, events, webhooks, files, and objects that no row names.

Guarantees: at most 500 rows a transaction (a webhook counts together with its tries) and a pause after each; a kill at
any moment leaves nothing that the next round does not finish; the ledger is never touched. Files go before the rows
that name them, so that none is forgotten.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any, Final

import msgspec
import structlog
from sqlalchemy import Connection, func, or_, select, update

from telecine.assets.outputs import shared
from telecine.assets.purge import Purge
from telecine.clock import Clock
from telecine.config import RetentionConfig
from telecine.loops import Loop
from telecine.media.sheets import sheet_key
from telecine.media.storage import Storage
from telecine.nouns.ids import EPOCH_MS, RANDOM_BITS
from telecine.nouns.request import GenerationRequest
from telecine.store import tables
from telecine.store.database import Database
from telecine.store.locks import in_order
from telecine.store.pruning import drop
from telecine.tasks.writes import forgetting
from telecine.upkeep.erase import ForgetJobs

_log = structlog.get_logger(__name__)

BATCH: Final = 500
_PAUSE: Final = 0.1
_ROUND_SECONDS: Final = 3600.0
_FIRST_SECONDS: Final = 60.0
_DAY: Final = 86400.0
REPORTS_KEPT: Final = 30 * _DAY
"""How long what upstreams say of their accounts is kept, in seconds."""
_TRIES: Final = tables.delivery_tries
_decode: Final = msgspec.json.Decoder(GenerationRequest).decode


def first_id(moment: float) -> int:
    """The smallest id that can have been made at `moment` (seconds since the Unix epoch) or later."""
    return max(0, int(moment * 1000) - EPOCH_MS) << RANDOM_BITS


class Retention:
    """Rounds of pruning. `config` says how long things are kept, as it is now; `sweep` looks for lost objects,
    `forget_jobs` deletes what is kept here of the jobs of tasks."""

    def __init__(
        self,
        database: Database,
        storage: Storage,
        clock: Clock,
        config: Callable[[], RetentionConfig],
        sweep: Callable[[], Awaitable[int]],
        *,
        forget_jobs: ForgetJobs,
        libraries: Purge | None = None,
    ) -> None:
        """`libraries`: what goes of those; None where somebody else sees to it."""
        self._database = database
        self._storage = storage
        self._clock = clock
        self._config = config
        self._sweep = sweep
        self._forget_jobs = forget_jobs
        self._libraries = libraries
        self.loop = Loop("retention", self._round, clock, every=_ROUND_SECONDS, first=_FIRST_SECONDS)
        self._blanked = 0
        """The last delivery whose body has gone: those before it need no second look."""

    async def _round(self) -> None:
        gone = await self.prune()
        gone["objects"] = await self._sweep()
        if any(gone.values()):
            _log.info("pruned", **gone)

    async def prune(self) -> dict[str, int]:
        """One round; how many rows of each kind went."""
        kept, now = self._config(), self._clock.now()
        rounds: list[tuple[str, int, Callable[[float], Awaitable[int]]]] = [
            ("bodies", kept.bodies_days, self._blank_tasks),
            ("delivery_bodies", kept.bodies_days, self._blank_deliveries),
            ("events", kept.events_days, self._drop_events),
            ("deliveries", kept.deliveries_days, self._drop_deliveries),
            ("outputs", kept.outputs_days, self._drop_outputs),
        ]
        gone = {name: await self._all(step, now - days * _DAY) for name, days, step in rounds if days}
        gone["idempotency"] = await self._all(self._drop_idempotency, now)
        gone["reports"] = await self._all(self._drop_reports, now - REPORTS_KEPT)
        if self._libraries is not None:
            days = kept.assets_days
            gone["assets"] = await self._libraries.run(first_id(now - days * _DAY) if days else 0)
        return gone

    async def _all(self, step: Callable[[float], Awaitable[int]], before: float) -> int:
        gone = 0
        while count := await step(before):
            gone += count
            await self._clock.sleep(_PAUSE)
        return gone

    async def _blank_tasks(self, before: float) -> int:
        """Prompts, vendor fields and inputs of tasks that ended long ago; what was billed by stays."""
        table = tables.tasks.c
        old = select(table.id, table.request).where(table.blanked_at.is_(None), table.ended_at < before)
        requests = {task_id: _decode(body) for task_id, body in await self._find(old)}
        for request in requests.values():
            await self._forget(request.own_keys)
        if requests:
            await self._forget_jobs(list(requests))
            now = self._clock.now()
            await self._database.change(lambda connection: forgetting.blank(connection, requests, now))
        return len(requests)

    async def _blank_deliveries(self, before: float) -> int:
        table = tables.deliveries
        old = select(table.c.id).where(
            table.c.id > self._blanked,
            table.c.id < first_id(before),
            table.c.state != "pending",
            func.length(table.c.body) > 0,
        )
        ids = await self._find(old.order_by(table.c.id))
        self._blanked = ids[-1] if ids else self._blanked
        if not ids:
            return 0

        def blank(connection: Connection) -> int:
            mine = list(connection.execute(in_order(table.c.id, table.c.id.in_(ids), skip=True)).scalars())
            connection.execute(update(_TRIES).where(_TRIES.c.delivery_id.in_(mine)).values(answer=None))
            connection.execute(update(table).where(table.c.id.in_(mine)).values(body=b"", headers=None, answer=None))
            return len(mine)

        return await self._database.change(blank)

    async def _drop_deliveries(self, before: float) -> int:
        table = tables.deliveries
        ids = await self._find(select(table.c.id).where(table.c.id < first_id(before), table.c.state != "pending"))
        return await self._drop(partial(drop, table=table, columns=(table.c.id,)), ids)

    async def _drop_events(self, before: float) -> int:
        """Only of tasks made before that time: the primary key finds them, and no younger one has older events."""
        table = tables.events.c
        old = select(table.task_id, table.sequence).where(table.task_id < first_id(before), table.at < before)
        return await self._drop(forgetting.drop_events, await self._find(old))

    async def _drop_idempotency(self, before: float) -> int:
        table = tables.idempotency.c
        keys = await self._find(select(table.account_id, table.key).where(table.expires_at < before))
        return await self._drop(forgetting.drop_keys, keys)

    async def _drop_reports(self, before: float) -> int:
        table = tables.channel_reports
        columns = (table.c.channel, table.c.at, table.c.pack)
        keys = await self._find(select(*columns).where(table.c.at < before))
        return await self._drop(partial(drop, table=table, columns=columns), keys)

    async def _drop_outputs(self, before: float) -> int:
        output, task = tables.outputs.c, tables.tasks.c
        rows = await self._find(
            select(output.task_id, output.index, output.object_key, output.poster_key)
            .join(tables.tasks, task.id == output.task_id)
            .where(
                output.task_id < first_id(before),
                or_(output.object_key.is_not(None), output.text.is_not(None)),
                task.ended_at < before,
            )
        )
        lost = [(task_id, index) for task_id, index, _, _ in rows]
        if not lost:
            return 0
        both = await self._database.change(lambda connection: _given_up(connection, lost))
        for _, _, file, poster in rows:
            await self._forget([file, sheet_key(file), poster] if file is not None and file not in both else [])
        await self._database.change(lambda connection: forgetting.lose(connection, lost))
        return len(rows)

    async def _forget(self, keys: Sequence[str | None]) -> None:
        for key in keys:
            if key is not None:
                await self._storage.delete(key)

    async def _find(self, query: Any) -> list[Any]:
        """Looked for outside the transaction that writes: a search may take its time, a lock may not."""
        rows = await self._database.snapshot(lambda connection: connection.execute(query.limit(BATCH)).all())
        return [row[0] if len(row) == 1 else tuple(row) for row in rows]

    async def _drop(self, step: Callable[..., int], keys: list[Any]) -> int:
        """Delete what has these `keys`; how many rows."""
        if not keys:
            return 0
        return await self._database.change(partial(step, keys=keys))


def _given_up(connection: Connection, outputs: Sequence[tuple[int, int]]) -> frozenset[str]:
    """Where those of their files lie that a library has too, and so stay; from here on none takes one of the others."""
    forgetting.give_up(connection, outputs)
    return shared(connection, {task_id for task_id, _ in outputs})

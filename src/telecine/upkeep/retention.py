"""What is no longer kept, taken away in small steps: bodies, events, webhooks, files, and objects that no row names.

Guarantees: at most 500 rows a transaction (a webhook counts together with its tries) and a pause after each; a kill at
any moment leaves nothing that the next round does not finish; the ledger is never touched. Files go before the rows
that name them, so that none is forgotten.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

import msgspec
import structlog
from sqlalchemy import Column, bindparam, case, delete, func, select, tuple_, update

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
from telecine.upkeep.erase import sandbox_handles

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
    `forget_jobs` deletes jobs of the sandbox by their handles."""

    def __init__(
        self,
        database: Database,
        storage: Storage,
        clock: Clock,
        config: Callable[[], RetentionConfig],
        sweep: Callable[[], Awaitable[int]],
        *,
        forget_jobs: Callable[[Sequence[str]], Awaitable[None]],
    ) -> None:
        self._database = database
        self._storage = storage
        self._clock = clock
        self._config = config
        self._sweep = sweep
        self._forget_jobs = forget_jobs
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
        async with self._database.reading() as connection:
            found = await connection.execute(
                select(table.id, table.request).where(table.blanked_at.is_(None), table.ended_at < before).limit(BATCH)
            )
            requests = {task_id: _decode(body) for task_id, body in found.all()}
        for request in requests.values():
            await self._forget([one.object_key for one in request.inputs])
        if requests:
            await self._forget_jobs(await sandbox_handles(self._database, list(requests)))
        await blank(self._database, requests, self._clock.now())
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
        async with self._database.writing() as connection:
            mine = list((await connection.execute(in_order(table.c.id, table.c.id.in_(ids), skip=True))).scalars())
            await connection.execute(update(_TRIES).where(_TRIES.c.delivery_id.in_(mine)).values(answer=None))
            await connection.execute(update(table).where(table.c.id.in_(mine)).values(body=b"", answer=None))
        return len(mine)

    async def _drop_deliveries(self, before: float) -> int:
        table = tables.deliveries
        ids = await self._find(select(table.c.id).where(table.c.id < first_id(before), table.c.state != "pending"))
        return await self._execute(delete(table), (table.c.id,), ids)

    async def _drop_events(self, before: float) -> int:
        """Only of tasks made before that time: the primary key finds them, and no younger one has older events."""
        table = tables.events
        old = select(table.c.task_id, table.c.sequence).where(table.c.task_id < first_id(before), table.c.at < before)
        keys = await self._find(old)
        return await self._execute(delete(table), (table.c.task_id, table.c.sequence), keys)

    async def _drop_idempotency(self, before: float) -> int:
        table = tables.idempotency
        keys = await self._find(select(table.c.account_id, table.c.key).where(table.c.expires_at < before))
        return await self._execute(delete(table), (table.c.account_id, table.c.key), keys)

    async def _drop_reports(self, before: float) -> int:
        table = tables.channel_reports
        keys = await self._find(select(table.c.channel, table.c.at, table.c.pack).where(table.c.at < before))
        return await self._execute(delete(table), (table.c.channel, table.c.at, table.c.pack), keys)

    async def _drop_outputs(self, before: float) -> int:
        output, task = tables.outputs.c, tables.tasks.c
        async with self._database.reading() as connection:
            found = await connection.execute(
                select(output.task_id, output.index, output.object_key, output.poster_key)
                .join(tables.tasks, task.id == output.task_id)
                .where(output.task_id < first_id(before), output.object_key.is_not(None), task.ended_at < before)
                .limit(BATCH)
            )
            rows = found.all()
        for _, _, file, poster in rows:
            await self._forget([file, sheet_key(file), poster])
        if rows:
            await self._lose([{"b_task": task_id, "b_index": index} for task_id, index, _, _ in rows])
        return len(rows)

    async def _lose(self, outputs: list[dict[str, int]]) -> None:
        async with self._database.writing() as connection:
            await connection.execute(_LOSE, sorted(outputs, key=lambda row: (row["b_task"], row["b_index"])))

    async def _forget(self, keys: list[str | None]) -> None:
        for key in keys:
            if key is not None:
                await self._storage.delete(key)

    async def _find(self, query: Any) -> list[Any]:
        """Looked for outside the transaction that writes: a search may take its time, a lock may not."""
        async with self._database.reading() as connection:
            rows = (await connection.execute(query.limit(BATCH))).all()
        return [row[0] if len(row) == 1 else tuple(row) for row in rows]

    async def _execute(self, statement: Any, columns: tuple[Column[Any], ...], keys: list[Any]) -> int:
        """Apply `statement` to the rows with these `keys`, but for those that another process has in hand just now; to
        how many."""
        if not keys:
            return 0
        key: Any = columns[0] if len(columns) == 1 else tuple_(*columns)
        mine = select(*columns).where(key.in_(keys)).order_by(*columns).with_for_update(skip_locked=True)
        async with self._database.writing() as connection:
            return (await connection.execute(statement.where(key.in_(mine)))).rowcount


async def blank(database: Database, requests: dict[int, GenerationRequest], now: float) -> None:
    """Take away what the `requests` of ended tasks (by id) asked for, what was prepared of it, and the words of others
    that may repeat it; error codes stay."""
    if not requests:
        return
    rows = [
        {"b_id": task_id, "b_request": msgspec.json.encode(request.blank()), "b_now": now}
        for task_id, request in sorted(requests.items())
    ]
    async with database.writing() as connection:
        await connection.execute(_BLANK, rows)
        attempts, events, ids = tables.attempts, tables.events, sorted(requests)
        await connection.execute(
            update(attempts)
            .where(attempts.c.task_id.in_(ids))
            .values(prepared=None, error_message=_no_longer_kept(attempts.c.error_message))
        )
        await connection.execute(
            update(events)
            .where(events.c.task_id.in_(ids), events.c.type.not_in(_OUR_WORDS), events.c.detail.is_not(None))
            .values(detail=None)
        )


def _no_longer_kept(message: Any) -> Any:
    """An upstream's words may repeat the prompt."""
    return case((message.is_not(None), "What was said of it is no longer kept."), else_=None)


_OUR_WORDS: Final = ("submitting", "progress")
"""Events whose detail is a channel's name or a number."""
_BLANK = (
    update(tables.tasks)
    .where(tables.tasks.c.id == bindparam("b_id"))
    .values(
        request=bindparam("b_request"),
        blanked_at=bindparam("b_now"),
        error_message=_no_longer_kept(tables.tasks.c.error_message),
    )
)
_LOSE = (
    update(tables.outputs)
    .where(tables.outputs.c.task_id == bindparam("b_task"), tables.outputs.c.index == bindparam("b_index"))
    .values(state="lost", object_key=None, poster_key=None, upstream_url=None)
)

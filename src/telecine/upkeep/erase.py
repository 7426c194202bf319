"""Erasure: what an account asked for and got goes, what it paid stays under a pseudonym.

Guarantees: from the first transaction on, the account's keys and its name are gone; whatever stops the work, asking
again (or the next start) goes on with it; `ledger_entries`, the account's sums and the figures of its tasks (model,
times, price, charge) are never touched. Not guaranteed: that an upstream forgets the job.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Final

import msgspec
from sqlalchemy import ColumnElement, Connection, Delete, delete, func, insert, select, update

from telecine.accounts.holders import DEFAULT_ACCOUNT
from telecine.accounts.keys import Keys
from telecine.assets.purge import erase as erase_assets
from telecine.clock import Clock
from telecine.nouns.errors import GatewayError
from telecine.nouns.names import ERASED
from telecine.nouns.request import GenerationRequest
from telecine.store import tables
from telecine.store.database import Database
from telecine.store.locks import in_order
from telecine.tasks.writes import forgetting

_BATCH: Final = 200
_PAUSE: Final = 0.05
_SETTLED: Final = 3600.0
"""Requests that were let in before the keys went have ended by then, and what they made is swept away too."""
_ENDED: Final = ("succeeded", "failed", "cancelled")

Forget = Callable[[Sequence[str]], Awaitable[None]]
ForgetJobs = Callable[[Sequence[int]], Awaitable[None]]
Find = Callable[[str], AsyncIterator[Sequence[str]]]
Cancel = Callable[[int], Awaitable[None]]


class Erased(msgspec.Struct, frozen=True):
    """How far an erasure is. `running`: tasks that an upstream still works on; their content goes when they end."""

    pseudonym: str
    tasks: int
    running: int
    logged: bool = False
    """The database could not empty its log yet, where old content may still be read."""

    @property
    def done(self) -> bool:
        return self.running == 0 and not self.logged


class Erasure:
    """Erases accounts. `forget` deletes stored files, `find` lists those under a prefix, `cancel` cancels a task;
    `forget_jobs` deletes what is kept here of the jobs of tasks."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        keys: Keys,
        *,
        forget: Forget,
        find: Find,
        cancel: Cancel,
        forget_jobs: ForgetJobs,
    ) -> None:
        self._database = database
        self._clock = clock
        self._keys = keys
        self._forget = forget
        self._find = find
        self._cancel = cancel
        self._forget_jobs = forget_jobs

    async def erase(self, name: str, *, force: bool = False) -> Erased:
        """Erase the account called `name`, or go on with it. Raises GatewayError (`not_found`, `conflict`).

        `force` cancels tasks that have not ended; without it they are a reason to refuse.
        """
        account_id = await self._begun(name)
        if account_id is None:
            account_id = await self._begin(name, force=force)
            self._keys.check_anew()
        return await self._go_on(account_id)

    async def resume(self) -> None:
        """Go on with every erasure that is not over. Called now and then."""
        table = tables.erasures.c
        for row in await self._database.rows(select(table.account_id).where(table.done_at.is_(None))):
            await self._go_on(row.account_id)

    async def _begun(self, name: str) -> int | None:
        table = tables.erasures.c
        found = await self._database.rows(select(table.account_id).where(table.name == name))
        return found[0].account_id if found else None

    async def _begin(self, name: str, *, force: bool) -> int:
        """In one transaction: the pseudonym, and an end to every key."""
        account, now = tables.accounts, self._clock.now()

        def begin(connection: Connection) -> int:
            found = connection.execute(select(account.c.id).where(account.c.name == name).with_for_update())
            account_id: int | None = found.scalar_one_or_none()
            if account_id is None or name.startswith(ERASED):
                raise GatewayError("not_found", f"There is no account '{name}'.", param="name")
            _check(connection, name, account_id, force=force)
            pseudonym = f"{ERASED}{secrets.token_hex(8)}"
            connection.execute(update(account).where(account.c.id == account_id).values(name=pseudonym))
            connection.execute(delete(tables.keys).where(tables.keys.c.account_id == account_id))
            connection.execute(insert(tables.erasures).values(account_id=account_id, name=name, begun_at=now))
            return account_id

        return await self._database.change(begin)

    async def _go_on(self, account_id: int) -> Erased:
        await self._drop_webhooks(account_id)  # before the end of tasks makes news
        await self._cancel_tasks(account_id)
        erased = 0
        while batch := await self._next(account_id):
            await self._erase_tasks(batch)
            erased += len(batch)
            await self._clock.sleep(_PAUSE)
        await self._drop_webhooks(account_id)
        running = await self._database.read(lambda connection: _unended(connection, account_id))
        now = self._clock.now()
        await self._database.change(lambda connection: erase_assets(connection, account_id, now=now, gone=False))
        if not running:
            async for keys in self._find(f"a{account_id}/"):
                await self._forget(keys)
            await self._database.change(lambda connection: erase_assets(connection, account_id, now=now, gone=True))
        emptied = await self._database.forget_log()
        name = await self._note(account_id, ended=not running and emptied)
        await self._database.forget_log()  # once more, for the old name
        return Erased(name, erased, running, logged=not emptied)

    async def _cancel_tasks(self, account_id: int) -> None:
        table = tables.tasks.c
        living = (table.account_id == account_id, table.ended_at.is_(None), table.deleted_at.is_(None))
        for row in await self._database.rows(select(table.id).where(*living)):
            await self._cancel(row.id)

    async def _next(self, account_id: int) -> dict[int, GenerationRequest]:
        """Ended tasks that are not erased yet."""
        table = tables.tasks.c
        left = (table.account_id == account_id, table.state.in_(_ENDED), table.dialect != forgetting.ANONYMOUS)
        found = await self._database.rows(select(table.id, table.request).where(*left).limit(_BATCH))
        return {task_id: msgspec.json.decode(body, type=GenerationRequest) for task_id, body in found}

    async def _erase_tasks(self, requests: dict[int, GenerationRequest]) -> None:
        """The files first: were it the rows, a kill between the two would leave files that nobody knows."""
        ids, now, output = list(requests), self._clock.now(), tables.outputs.c
        found = await self._database.rows(select(output.object_key, output.poster_key).where(output.task_id.in_(ids)))
        keys = [key for row in found for key in row if key]
        keys += [key for request in requests.values() for key in request.own_keys]
        await self._forget(keys)
        await self._forget_jobs(ids)

        def erase(connection: Connection) -> None:
            forgetting.erase(connection, requests, now)
            connection.execute(_without_deliveries(tables.deliveries.c.task_id.in_(ids)))

        await self._database.change(erase)

    async def _drop_webhooks(self, account_id: int) -> None:
        """Endpoints keep a tombstone without content: other processes learn of their end from it."""
        endpoint, now = tables.webhook_endpoints, self._clock.now()
        mine = update(endpoint).where(endpoint.c.account_id == account_id)
        gone = {"active": False, "secret": b"", "old_secrets": "[]", "deleted_at": now, "changed_at": now}

        def drop(connection: Connection) -> None:
            connection.execute(mine.where(endpoint.c.deleted_at.is_(None)).values(gone))
            connection.execute(mine.where(endpoint.c.url.is_not(None)).values(url="", events="[]"))
            connection.execute(_without_deliveries(tables.deliveries.c.account_id == account_id))
            forgetting.forget_keys(connection, account_id)
            connection.execute(delete(tables.keys).where(tables.keys.c.account_id == account_id))

        await self._database.change(drop)

    async def _note(self, account_id: int, *, ended: bool) -> str:
        """The pseudonym. Where all is gone, so is the old name; later, the erasure is over."""
        table, account, now = tables.erasures, tables.accounts.c, self._clock.now()
        mine = update(table).where(table.c.account_id == account_id)

        def note(connection: Connection) -> str:
            if ended:
                connection.execute(mine.values(name=None))
                connection.execute(mine.where(table.c.begun_at < now - _SETTLED).values(done_at=now))
            name: str = connection.execute(select(account.name).where(account.id == account_id)).scalar_one()
            return name

        return await self._database.change(note)


def _without_deliveries(condition: ColumnElement[bool]) -> Delete:
    table = tables.deliveries
    return delete(table).where(table.c.id.in_(in_order(table.c.id, condition)))


def _check(connection: Connection, name: str, account_id: int, *, force: bool) -> None:
    key = tables.keys.c
    admins = connection.execute(
        select(key.id).where(key.account_id == account_id, key.admin, key.revoked_at.is_(None)).limit(1)
    )
    if name == DEFAULT_ACCOUNT or admins.first() is not None:
        raise GatewayError(
            "conflict", f"The account '{name}' is the operator's own, with admin keys; it cannot be erased."
        )
    running = _unended(connection, account_id)
    if running and not force:
        raise GatewayError(
            "conflict",
            f"The account '{name}' has {running} task(s) that have not ended. Wait for them, or cancel them with "
            '--force ("force": true).',
        )


def _unended(connection: Connection, account_id: int) -> int:
    table = tables.tasks.c
    found = connection.execute(select(func.count()).where(table.account_id == account_id, table.ended_at.is_(None)))
    return found.scalar_one()

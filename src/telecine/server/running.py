"""The admin API of running it: configuration, accounts, and what is wrong. `/admin/v1/{config,accounts,doctor}`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from sqlalchemy import func, select
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from telecine.accounts.erase import Erasure
from telecine.accounts.principal import Principal
from telecine.config import ConfigError
from telecine.nouns.errors import GatewayError, invalid
from telecine.nouns.money import amount_of
from telecine.server.doctor import findings
from telecine.server.figures import Figures
from telecine.server.reload import Reload, Revision, masked
from telecine.store import tables
from telecine.store.database import Database


class WantedErasure(msgspec.Struct, forbid_unknown_fields=True):
    """`POST /admin/v1/accounts/{name}/erase`. `force` cancels tasks that have not ended."""

    force: bool = False


class AccountInfo(msgspec.Struct, frozen=True):
    """An account. Amounts are decimal strings in the currency; `balance` is None where it needs none."""

    name: str
    created_at: float
    balance: str | None
    held: str
    spent: str
    keys: int
    tasks: int
    running: int


class Operations:
    """The handlers. `mask` is the key of the digests that stand for secrets."""

    def __init__(
        self,
        database: Database,
        reload: Reload,
        erasure: Erasure,
        measure: Callable[[], Awaitable[Figures]],
        mask: bytes,
    ) -> None:
        self._database = database
        self._reload = reload
        self._erasure = erasure
        self._measure = measure
        self._mask = mask

    @property
    def routes(self) -> list[Route]:
        """Every route."""
        handlers: list[tuple[str, str, Callable[[Request], Awaitable[Response]]]] = [
            ("GET", "/admin/v1/config", self.running_config),
            ("POST", "/admin/v1/config/reload", self.reload),
            ("GET", "/admin/v1/config/revisions", self.revisions),
            ("GET", "/admin/v1/accounts", self.list_accounts),
            ("GET", "/admin/v1/accounts/{name}", self.show_account),
            ("POST", "/admin/v1/accounts/{name}/erase", self.erase),
            ("GET", "/admin/v1/doctor", self.doctor),
        ]
        return [Route(path, handler, methods=[method]) for method, path, handler in handlers]

    async def running_config(self, _: Request) -> Response:
        """What runs, with a keyed digest in place of each secret."""
        return _json(masked(self._reload.running, self._mask))

    async def reload(self, request: Request) -> Response:
        """Read the configuration file again. 400 where it is not right; nothing has changed then."""
        principal: Principal = request.scope["principal"]
        try:
            made = await self._reload.reload(principal.name)
        except ConfigError as error:
            raise invalid(str(error)) from None
        return _json({"object": "config.reload", "revision": _told(made) if made else None})

    async def revisions(self, _: Request) -> Response:
        """The newest revisions first."""
        return _json({"object": "list", "data": [_told(one) for one in await self._reload.revisions()]})

    async def list_accounts(self, _: Request) -> Response:
        """Every account, by name."""
        return _json({"object": "list", "data": await self._accounts()})

    async def show_account(self, request: Request) -> Response:
        """One account."""
        name = request.path_params["name"]
        found = await self._accounts(name)
        if not found:
            raise GatewayError("not_found", f"There is no account '{name}'.", param="name")
        return _json(found[0])

    async def erase(self, request: Request) -> Response:
        """Erase an account, or go on with that."""
        body = await request.body()
        try:
            wanted = msgspec.json.decode(body, type=WantedErasure) if body else WantedErasure()
        except msgspec.DecodeError as error:
            raise invalid(f"The body is not valid: {error}") from None
        done = await self._erasure.erase(request.path_params["name"], force=wanted.force)
        return _json({"object": "account.erasure", "done": done.done, **msgspec.structs.asdict(done)})

    async def doctor(self, _: Request) -> Response:
        """What was looked at and what was found."""
        found = findings(await self._measure())
        return _json({"object": "list", "ok": not any(one.wrong for one in found), "data": found})

    async def _accounts(self, name: str | None = None) -> list[AccountInfo]:
        account, task, key = tables.accounts.c, tables.tasks.c, tables.keys.c
        tasks = select(func.count()).where(task.account_id == account.id)
        query = select(
            account.name,
            account.created_at,
            account.limited,
            account.balance,
            account.held,
            account.spent,
            select(func.count()).where(key.account_id == account.id, key.revoked_at.is_(None)).scalar_subquery(),
            tasks.scalar_subquery(),
            tasks.where(task.ended_at.is_(None)).scalar_subquery(),
        ).order_by(account.name)
        if name is not None:
            query = query.where(account.name == name)
        async with self._database.reading() as connection:
            rows = await connection.execute(query)
            return [_account(*row) for row in rows.all()]


def _account(  # noqa: PLR0917  a row
    name: str, made: float, limited: bool, balance: int, held: int, spent: int, keys: int, tasks: int, running: int
) -> AccountInfo:
    said = amount_of(balance) if limited else None
    return AccountInfo(name, made, said, amount_of(held), amount_of(spent), keys, tasks, running)


def _told(revision: Revision) -> dict[str, Any]:
    lines = [str(change) for change in revision.changes]
    return {"object": "config.revision", **msgspec.structs.asdict(revision), "lines": lines}


def _json(value: object, status: int = 200) -> Response:
    return Response(msgspec.json.encode(value), status, media_type="application/json")

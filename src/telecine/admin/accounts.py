"""The admin API of accounts: `/admin/v1/accounts`."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from sqlalchemy import func, select
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from telecine.accounts.holders import NewAccount
from telecine.accounts.keys import Keys
from telecine.accounts.terms import AccountChanges, Terms
from telecine.admin.keys import asked
from telecine.dialects.bodies import json_response
from telecine.nouns.errors import GatewayError
from telecine.nouns.money import amount_of
from telecine.store import tables
from telecine.store.database import Database
from telecine.upkeep.erase import Erasure


class WantedErasure(msgspec.Struct, forbid_unknown_fields=True):
    """`POST /admin/v1/accounts/{name}/erase`. `force` cancels tasks that have not ended."""

    force: bool = False


class AccountInfo(Terms, frozen=True, kw_only=True):
    """An account. Amounts are decimal strings in the currency; `balance` is None where it needs none.

    `source` says where it gets its bounds from: `file`, or `admin`, where they can be changed here.
    """

    name: str
    source: str
    created_at: float
    balance: str | None
    unlimited: bool
    """It was said that it needs none."""
    assets: int | None
    asset_bytes: int | None
    """What its library may hold, files and bytes; None as the configuration says."""
    held: str
    spent: str
    keys: int
    tasks: int
    running: int


class Accounts:
    """The handlers."""

    def __init__(self, database: Database, erasure: Erasure, keys: Keys) -> None:
        self._database = database
        self._erasure = erasure
        self._keys = keys

    @property
    def routes(self) -> list[Route]:
        """Every route."""
        return [
            Route("/admin/v1/accounts", self.list_accounts, methods=["GET"]),
            Route("/admin/v1/accounts", self.create_account, methods=["POST"]),
            Route("/admin/v1/accounts/{name}", self.show_account, methods=["GET"]),
            Route("/admin/v1/accounts/{name}", self.change_account, methods=["PATCH"]),
            Route("/admin/v1/accounts/{name}/erase", self.erase, methods=["POST"]),
        ]

    async def list_accounts(self, _: Request) -> Response:
        """Every account, by name."""
        return json_response({"object": "list", "data": await self._accounts()})

    async def show_account(self, request: Request) -> Response:
        """One account."""
        name = request.path_params["name"]
        found = await self._accounts(name)
        if not found:
            raise GatewayError("not_found", f"There is no account '{name}'.", param="name")
        return json_response(found[0])

    async def create_account(self, request: Request) -> Response:
        """Make an account. Where the installation has prices it can spend nothing until it has been granted some."""
        wanted = asked(await request.body(), NewAccount)
        await self._keys.create_account(wanted)
        return json_response((await self._accounts(wanted.name))[0], 201)

    async def change_account(self, request: Request) -> Response:
        """Change what bounds an account, from the next request of its keys on."""
        await self._keys.change_account(request.path_params["name"], asked(await request.body(), AccountChanges))
        return await self.show_account(request)

    async def erase(self, request: Request) -> Response:
        """Erase an account, or go on with that."""
        wanted = asked(await request.body() or b"{}", WantedErasure)
        done = await self._erasure.erase(request.path_params["name"], force=wanted.force)
        return json_response({"object": "account.erasure", "done": done.done, **msgspec.structs.asdict(done)})

    async def _accounts(self, name: str | None = None) -> list[AccountInfo]:
        account, task, key = tables.accounts.c, tables.tasks.c, tables.keys.c
        tasks = select(func.count()).where(task.account_id == account.id)
        keys = select(func.count()).where(key.account_id == account.id, key.revoked_at.is_(None))
        query = select(
            tables.accounts,
            keys.scalar_subquery().label("keys"),
            tasks.scalar_subquery().label("tasks"),
            tasks.where(task.ended_at.is_(None)).scalar_subquery().label("running"),
        ).order_by(account.name)
        if name is not None:
            query = query.where(account.name == name)
        rows = await self._database.snapshot(lambda connection: connection.execute(query).mappings().all())
        return [_account(row) for row in rows]


_PLAIN: Final = (
    "name", "created_at", "unlimited", "assets", "asset_bytes", "keys", "tasks", "running", "source",
)  # fmt: skip


def _account(row: Any) -> AccountInfo:
    return AccountInfo(
        **msgspec.structs.asdict(Terms.kept(row)),
        **{name: row[name] for name in _PLAIN},
        balance=amount_of(row["balance"]) if row["limited"] else None,
        held=amount_of(row["held"]),
        spent=amount_of(row["spent"]),
    )

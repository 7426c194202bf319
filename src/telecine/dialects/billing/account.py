"""`GET /v1/account` and `/v1/account/entries`: our own form."""

from __future__ import annotations

from typing import Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from telecine.dialects.base import Dialect, edge_of, principal_of
from telecine.dialects.bodies import json_response
from telecine.dialects.lookup import whole
from telecine.dialects.tasks.render import render_error
from telecine.nouns.money import amount_of


class AccountObject(msgspec.Struct, frozen=True):
    """The caller's account. Amounts are decimal strings in `currency`.

    `held` is set aside for jobs under way. `balance` is null where the account needs none; `available` is what new jobs
    may cost, by the balance without what is held and by the account's budgets, and null where nothing bounds it.
    `overdraft` is by how much charges above their holds, or what was taken away, exceed the balance.
    """

    name: str
    balance: str | None
    held: str
    spent: str
    available: str | None
    overdraft: str
    currency: str
    object: str = "account"


async def account(request: Request) -> Response:
    """`GET /v1/account`."""
    accounts = edge_of(request).accounts
    found = await accounts.balance(principal_of(request))
    return json_response(
        AccountObject(
            name=found.name,
            balance=_amount(found.balance),
            held=amount_of(found.held),
            spent=amount_of(found.spent),
            available=_amount(found.available),
            overdraft=amount_of(found.overdraft),
            currency=accounts.currency,
        )
    )


async def entries(request: Request) -> Response:
    """`GET /v1/account/entries?limit=&after=`, newest first."""
    page = await edge_of(request).accounts.entries(
        account_id=principal_of(request).account_id,
        limit=whole(request, "limit", 20, 100),
        after=request.query_params.get("after") or None,
    )
    return json_response(page)


def _amount(micros: int | None) -> str | None:
    return None if micros is None else amount_of(micros)


ACCOUNT: Final = Dialect(
    name="account",
    prefixes=("/v1/account",),
    routes=(
        Route("/v1/account", account, methods=["GET"]),
        Route("/v1/account/entries", entries, methods=["GET"]),
    ),
    render_error=render_error,
)

"""`GET /v1/account` and `/v1/account/entries`: our own form."""

from __future__ import annotations

from typing import Final

import msgspec

from telecine.accounts.statement import EntryPage
from telecine.dialects.call import Call
from telecine.dialects.dialect import Claim, Dialect
from telecine.dialects.document import Query
from telecine.dialects.document import whole as whole_number
from telecine.dialects.lookup import whole
from telecine.dialects.rows import Plain
from telecine.dialects.tasks.render import ERRORS
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


async def account(call: Call) -> AccountObject:
    """`GET /v1/account`."""
    accounts = call.edge.accounts
    found = await accounts.balance(call.principal)
    return AccountObject(
        name=found.name,
        balance=_amount(found.balance),
        held=amount_of(found.held),
        spent=amount_of(found.spent),
        available=_amount(found.available),
        overdraft=amount_of(found.overdraft),
        currency=accounts.currency,
    )


async def entries(call: Call) -> EntryPage:
    """`GET /v1/account/entries?limit=&after=`, newest first."""
    return await call.edge.accounts.entries(
        account_id=call.principal.account_id,
        limit=whole(call.request, "limit", 20, 100),
        after=call.query("after"),
    )


def _amount(micros: int | None) -> str | None:
    return None if micros is None else amount_of(micros)


_PAGE: Final = (whole_number("limit", "How many.", 20, 100), Query("after", "The id after which the page begins."))

ACCOUNT: Final = Dialect(
    name="account",
    title="Account",
    about="What the key's account has and spent, exactly.",
    claimed=(Claim("/v1/account"),),
    rows=(
        Plain("/v1/account", "Read the account of the key", answer=AccountObject, handle=account),
        Plain(
            "/v1/account/entries",
            "List the account's ledger, newest first",
            answer=EntryPage,
            query=_PAGE,
            handle=entries,
        ),
    ),
    errors=ERRORS,
    strict=True,
)

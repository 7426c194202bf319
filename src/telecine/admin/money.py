"""The admin API of money: the ledger and its check, deposits, the price book, margins."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from telecine.accounts.audit import RULES, Problem
from telecine.accounts.balances import Balances
from telecine.accounts.statement import Margin, Statement
from telecine.config import PriceConfig
from telecine.dialects.bodies import json_response
from telecine.dialects.lookup import moment, whole
from telecine.nouns.errors import invalid
from telecine.nouns.money import MOST_MICROS, amount_of, micros_of


class NewDeposit(msgspec.Struct, forbid_unknown_fields=True):
    """`POST /admin/v1/accounts/{name}/deposit`. `amount` is a decimal string; a negative one takes away.

    `ref` names the payment: the same deposit sent again moves nothing.
    """

    amount: str
    ref: str | None = None


class Deposited(msgspec.Struct, frozen=True):
    """The account after a deposit. Decimal strings in `currency`."""

    name: str
    balance: str
    held: str
    spent: str
    available: str
    currency: str
    object: str = "account"


class RuleCount(msgspec.Struct, frozen=True):
    """One thing that must hold of the books, and how often it does not."""

    rule: str
    about: str
    problems: int


class LedgerCheck(msgspec.Struct, frozen=True):
    """What the check found; `ok` where that is nothing."""

    ok: bool
    rules: list[RuleCount]
    problems: list[Problem]
    object: str = "ledger.check"


class PriceInfo(msgspec.Struct, frozen=True):
    """A line of the price book. `price` is a decimal string for one `unit`. Where they are set, `hold` units are held,
    and `most` are charged at the most."""

    model: str
    unit: str
    price: str
    when: dict[str, str | int | float | bool]
    hold: str | None
    most: str | None


class PriceList(msgspec.Struct, frozen=True):
    """The price book, by model."""

    currency: str
    data: list[PriceInfo]
    object: str = "list"


class MarginList(msgspec.Struct, frozen=True):
    """By model, what tasks earned that ended since `since` (seconds since the Unix epoch)."""

    since: float
    currency: str
    data: list[Margin]
    object: str = "list"


class Money:
    """The handlers. `lines` is the price book as the configuration has it now."""

    def __init__(self, balances: Balances, statement: Statement, lines: Callable[[], Sequence[PriceConfig]]) -> None:
        self._balances = balances
        self._statement = statement
        self._lines = lines

    @property
    def routes(self) -> list[Route]:
        """Every route."""
        return [
            Route("/admin/v1/ledger/check", self.check, methods=["GET"]),
            Route("/admin/v1/ledger/entries", self.entries, methods=["GET"]),
            Route("/admin/v1/accounts/{name}/deposit", self.deposit, methods=["POST"]),
            Route("/admin/v1/prices", self.prices, methods=["GET"]),
            Route("/admin/v1/margins", self.margins, methods=["GET"]),
        ]

    async def check(self, _: Request) -> Response:
        """Check the books as they stand at this moment; work goes on meanwhile."""
        found = await self._statement.check()
        problems = [one for problems in found.values() for one in problems]
        rules = [RuleCount(rule, about, len(found[rule])) for rule, about in RULES.items()]
        return json_response(LedgerCheck(not problems, rules, problems))

    async def entries(self, request: Request) -> Response:
        """The entries of one account, or of all, newest first."""
        name = request.query_params.get("account")
        return json_response(
            await self._statement.entries(
                account_id=await self._statement.account_id(name) if name else None,
                limit=whole(request, "limit", 20, 1000),
                after=request.query_params.get("after") or None,
            )
        )

    async def deposit(self, request: Request) -> Response:
        """Top up an account by hand, once for each `ref`."""
        try:
            wanted = msgspec.json.decode(await request.body(), type=NewDeposit)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise invalid(f"The body is not valid: {error}") from None
        if wanted.ref is not None and not (1 <= len(wanted.ref) <= 200 and wanted.ref.isprintable()):
            raise invalid("ref: must have 1 to 200 printable characters.", "ref")
        name = request.path_params["name"]
        await self._statement.account_id(name)  # a slip of the pen makes no account
        after = await self._balances.deposit(name, _micros(wanted.amount), wanted.ref)
        return json_response(
            Deposited(
                name=after.name,
                balance=amount_of(after.balance or 0),
                held=amount_of(after.held),
                spent=amount_of(after.spent),
                available=amount_of(after.available or 0),
                currency=self._statement.currency,
            )
        )

    async def prices(self, _: Request) -> Response:
        """The price book."""
        data = [
            PriceInfo(
                model=line.model,
                unit=line.unit,
                price=amount_of(micros_of(line.price)),
                when=line.when,
                hold=None if line.hold is None else str(line.hold),
                most=None if line.most is None else str(line.most),
            )
            for line in self._lines()
        ]
        return json_response(PriceList(self._statement.currency, data))

    async def margins(self, request: Request) -> Response:
        """What models earned, since a time or ever."""
        since = moment(request, "since") or 0.0
        return json_response(MarginList(since, self._statement.currency, await self._statement.margins(since)))


def _micros(text: str) -> int:
    """Raises GatewayError (`invalid_request`)."""
    try:
        micros = micros_of(text) if len(text) <= 40 else 0
    except ValueError as error:
        raise invalid(f"amount: {error}.", "amount") from None
    if not 0 < abs(micros) <= MOST_MICROS:
        raise invalid("amount: must not be nothing, and at most a thousand million.", "amount")
    return micros

"""`telecine ledger`, `telecine prices`, and what `telecine accounts` does with money."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated
from urllib.parse import quote

import msgspec
import typer

from telecine.cli import printing
from telecine.cli.accounts import Account, Name
from telecine.cli.accounts import app as accounts_app
from telecine.cli.connection import connect, decode
from telecine.cli.failure import FAILED
from telecine.cli.listing import answered, listing, query
from telecine.cli.options import Json, Target, command
from telecine.cli.texts import text
from telecine.cli.wire import Page

ledger = typer.Typer(help="Check the books, and read them.", no_args_is_help=True)
prices = typer.Typer(help="Look at the price book.", no_args_is_help=True)


class Rule(msgspec.Struct, frozen=True):
    """One thing that must hold, and how often it does not."""

    rule: str
    about: str
    problems: int


class Problem(msgspec.Struct, frozen=True):
    """One thing that is wrong."""

    rule: str
    subject: str
    detail: str


class Check(msgspec.Struct, frozen=True):
    """The outcome of a check."""

    ok: bool
    rules: list[Rule]
    problems: list[Problem]


class Entry(msgspec.Struct, frozen=True):
    """A line of the ledger."""

    id: str
    account: str
    kind: str
    task: str | None
    amount: str
    held: str
    at: float
    overdraft: str


class Balance(msgspec.Struct, frozen=True):
    """An account after a deposit."""

    name: str
    balance: str
    available: str
    currency: str


class Price(msgspec.Struct, frozen=True):
    """A line of the price book."""

    model: str
    unit: str
    price: str
    when: dict[str, str | int | float | bool]
    hold: str | None


@command(ledger, "check")
def check(*, target: Target, json: Json = False) -> None:
    """Check that no money went astray. Exit code 1 where some did."""
    with connect(target) as connection:
        content = connection.call("GET", "/admin/v1/ledger/check")
    found = decode(Check, content)
    if json:
        printing.raw(content)
    else:
        rows = [[one.rule, str(one.problems), one.about] for one in found.rules]
        printing.table(["RULE", "PROBLEMS", "WHAT MUST HOLD"], rows)
        for one in found.problems:
            typer.echo(f"{one.rule}: {one.subject}: {one.detail}")
    if not found.ok:
        raise typer.Exit(FAILED)


@command(ledger, "entries")
def entries(
    *,
    account: Annotated[str | None, typer.Option(help="Only of this account.")] = None,
    limit: Annotated[int, typer.Option(help="How many.", min=1, max=1000)] = 20,
    after: Annotated[str | None, typer.Option(help="The id after which the page begins.")] = None,
    target: Target,
    json: Json = False,
) -> None:
    """List the ledger, newest first."""
    path = query("/admin/v1/ledger/entries", account=account, limit=limit, after=after)
    headings = ["ID", "AT", "ACCOUNT", "KIND", "BALANCE", "HELD", "OVERDRAFT"]
    listing(target, path, Page[Entry], headings, _entry, json=json)


@command(prices, "list")
def list_prices(*, target: Target, json: Json = False) -> None:
    """List the lines of the price book."""
    headings = ["MODEL", "UNIT", "PRICE", "WHEN"]
    listing(target, "/admin/v1/prices", Page[Price], headings, _price, json=json)


@command(accounts_app, "balances")
def balances(*, target: Target, json: Json = False) -> None:
    """List what the accounts have; nothing stands for no limit."""
    headings = ["NAME", "BALANCE", "HELD", "SPENT", "AVAILABLE"]
    listing(target, "/admin/v1/accounts", Page[Account], headings, _balance, json=json)


@command(accounts_app, "deposit", context_settings={"ignore_unknown_options": True})
def deposit(
    *,
    name: Name,
    amount: Annotated[str, typer.Argument(help="In the currency, such as 12.5; -12.5 takes it away.")],
    ref: Annotated[str | None, typer.Option(help="The payment's own name; the same one twice moves nothing.")] = None,
    target: Target,
    json: Json = False,
) -> None:
    """Top up an account. From its first deposit on it spends only what it has."""
    path, wanted = f"/admin/v1/accounts/{quote(name, safe='')}/deposit", {"amount": amount, "ref": ref}
    after = answered(target, Balance, "POST", path, wanted, json=json)
    if after is None:
        return
    typer.echo(
        text("deposited", name=after.name, balance=after.balance, available=after.available, currency=after.currency)
    )


def _entry(one: Entry) -> list[str]:
    return [one.id, printing.moment(one.at), one.account, one.kind, one.amount, one.held, one.overdraft]


def _price(one: Price) -> list[str]:
    return [one.model, one.unit, one.price, ", ".join(f"{name}={value}" for name, value in one.when.items())]


def _balance(one: Account) -> list[str]:
    available = "" if one.balance is None else str(Decimal(one.balance) - Decimal(one.held))
    return [one.name, one.balance or "", one.held, one.spent, available]

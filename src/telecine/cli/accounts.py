"""`telecine accounts`."""

from __future__ import annotations

import time
from typing import Annotated, Final
from urllib.parse import quote

import msgspec
import typer

from telecine.cli import limits, printing
from telecine.cli.connection import Connection, connect, decode
from telecine.cli.failure import FAILED, USAGE, Failure
from telecine.cli.listing import answered, listing
from telecine.cli.options import Json, Target, command
from telecine.cli.texts import text
from telecine.cli.wire import Page, Terms

app = typer.Typer(help="Make accounts, look at them, bound them, top them up, and erase them.", no_args_is_help=True)

_LOOK_AGAIN: Final = 1.0
Name = Annotated[str, typer.Argument(help="The account's name.")]


class Account(Terms, frozen=True, kw_only=True):
    """An account. Amounts are decimal strings in the currency; without a balance it may spend without limit, which
    somebody has said where it is `unlimited`."""

    name: str
    created_at: float
    balance: str | None
    unlimited: bool = False
    held: str
    spent: str
    keys: int
    tasks: int
    running: int


class Erased(msgspec.Struct, frozen=True):
    """How far an erasure is."""

    pseudonym: str
    tasks: int
    running: int
    done: bool


@command(app, "list")
def list_accounts(*, target: Target, json: Json = False) -> None:
    """List the accounts."""
    headings = ["NAME", "BALANCE", "HELD", "SPENT", "KEYS", "TASKS", "RUNNING"]
    listing(target, "/admin/v1/accounts", Page[Account], headings, _row, json=json)


@command(app, "show")
def show(*, name: Name, target: Target, json: Json = False) -> None:
    """Show one account."""
    found = answered(target, Account, "GET", f"/admin/v1/accounts/{quote(name, safe='')}", json=json)
    if found is None:
        return
    printing.facts(
        [
            ("name", found.name),
            ("made", printing.moment(found.created_at)),
            ("balance", found.balance or ("unlimited" if found.unlimited else None)),
            ("held", found.held),
            ("spent", found.spent),
            ("keys", str(found.keys)),
            ("tasks", str(found.tasks)),
            ("running", str(found.running)),
            *limits.facts(found),
        ]
    )


@command(app, "create")
def create(
    *,
    name: Name,
    balance: Annotated[str | None, typer.Option(help="What it has to begin with, in the currency.")] = None,
    unlimited: Annotated[bool, typer.Option("--unlimited", help="It spends without having a balance.")] = False,
    bounds: limits.Bounds,
    target: Target,
    json: Json = False,
) -> None:
    """Make an account. Where there are prices, it has nothing to spend unless that is said here."""
    if unlimited and balance is not None:
        raise Failure(text("unlimited_and_balance"), USAGE)
    wanted = limits.asked(bounds)
    wanted |= {"name": name, "balance": balance, "unlimited": unlimited}
    made = answered(target, Account, "POST", "/admin/v1/accounts", wanted, json=json)
    if made is None:
        return
    has = "account_made_unlimited" if made.balance is None else "account_made"
    typer.echo(text(has, name=made.name, balance=made.balance))


@command(app, "update")
def update(
    *,
    name: Name,
    unlimited: Annotated[
        bool | None,
        typer.Option("--unlimited/--limited", help="Whether it spends without having a balance.", show_default=False),
    ] = None,
    bounds: limits.Bounds,
    unset: limits.Unset = None,
    target: Target,
    json: Json = False,
) -> None:
    """Change what bounds all keys of an account together, from the next request on. What is left out stays."""
    wanted = limits.asked(bounds, unset)
    if unlimited is not None:
        wanted["unlimited"] = unlimited
    changed = answered(target, Account, "PATCH", f"/admin/v1/accounts/{quote(name, safe='')}", wanted, json=json)
    if changed is None:
        return
    typer.echo(text("account_changed", name=changed.name))
    printing.facts(limits.facts(changed))


@command(app, "erase")
def erase(
    *,
    name: Name,
    force: Annotated[bool, typer.Option("--force", help="Cancel tasks that have not ended.")] = False,
    wait: Annotated[bool, typer.Option("--wait", help="Return only when nothing runs any more.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    target: Target,
    json: Json = False,
) -> None:
    """Erase an account: prompts, files, bodies, webhooks and keys go; the ledger stays, under a pseudonym.

    It cannot be undone. When it is stopped in the middle, run it again.
    """
    if not yes and not typer.confirm(text("erase_really", name=name), err=True):
        raise Failure(text("erase_not"))
    with connect(target, work=wait) as connection:
        content = _erase(connection, name, force=force)
        while wait and not decode(Erased, content).done:
            time.sleep(_LOOK_AGAIN)
            content = _erase(connection, name, force=force)
    done = decode(Erased, content)
    if json:
        printing.raw(content)
    elif done.done:
        typer.echo(text("erased", name=name, pseudonym=done.pseudonym))
    else:
        typer.echo(text("erase_waits", name=name, number=done.running, pseudonym=done.pseudonym))
    if not done.done:
        raise typer.Exit(FAILED)


def _row(one: Account) -> list[str]:
    return [one.name, one.balance or "", one.held, one.spent, str(one.keys), str(one.tasks), str(one.running)]


def _erase(connection: Connection, name: str, *, force: bool) -> bytes:
    return connection.call("POST", f"/admin/v1/accounts/{quote(name, safe='')}/erase", {"force": force})

"""`telecine keys`."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import quote

import typer

from telecine.cli import limits, printing
from telecine.cli.connection import connect, decode
from telecine.cli.listing import listing
from telecine.cli.options import Config, Data, Json, Server, Target
from telecine.cli.options import Key as KeyOption
from telecine.cli.texts import text
from telecine.cli.wire import Key, Page

app = typer.Typer(help="Make, list, change and revoke API keys.", no_args_is_help=True)

Which = Annotated[str, typer.Argument(metavar="ID|NAME", help="The key's id, or its name where that is unique.")]


@app.command("create")
def create(
    *,
    name: Annotated[str, typer.Argument(help="What the key is for.")],
    admin: Annotated[bool, typer.Option("--admin", help="The key may also administer the server.")] = False,
    account: Annotated[
        str | None, typer.Option(help="The account that it spends from.", show_default="default")
    ] = None,
    new_account: Annotated[bool, typer.Option("--new-account", help="Make the account where it is new.")] = False,
    model: limits.Models = None,
    expires: limits.Expires = None,
    rate_limit: limits.RateLimit = None,
    token_limit: limits.TokenLimit = None,
    max_tasks: limits.MaxTasks = None,
    ip: limits.Ips = None,
    budget: limits.Budget = None,
    monthly_budget: limits.MonthlyBudget = None,
    json: Json = False,
    data: Data = None,
    config: Config = None,
    server: Server = None,
    key: KeyOption = None,
) -> None:
    """Make a key. It goes to stdout, this once; nothing will ever show it again."""
    terms = limits.asked(
        model=model,
        expires=expires,
        rate_limit=rate_limit,
        token_limit=token_limit,
        max_tasks=max_tasks,
        ip=ip,
        budget=budget,
        monthly_budget=monthly_budget,
    )
    wanted: dict[str, object] = {"name": name, "admin": admin, **terms}
    if account is not None:
        wanted |= {"account": account, "new_account": new_account}
    with connect(Target(data, config, server, key)) as connection:
        content = connection.call("POST", "/admin/v1/keys", wanted)
    if json:
        printing.raw(content)
        return
    made = decode(Key, content)
    typer.echo(text("key_made", name=made.name, id=made.id), err=True)
    typer.echo(made.key)


@app.command("list")
def list_keys(
    *, json: Json = False, data: Data = None, config: Config = None, server: Server = None, key: KeyOption = None
) -> None:
    """List every key, without its text."""
    headings = ["ID", "NAME", "ACCOUNT", "KIND", "FROM", "MODELS", "MADE", "EXPIRES", "REVOKED"]
    listing(Target(data, config, server, key), "/admin/v1/keys", Page[Key], headings, _row, json=json)


@app.command("update")
def update(
    *,
    which: Which,
    model: limits.Models = None,
    expires: limits.Expires = None,
    rate_limit: limits.RateLimit = None,
    token_limit: limits.TokenLimit = None,
    max_tasks: limits.MaxTasks = None,
    ip: limits.Ips = None,
    budget: limits.Budget = None,
    monthly_budget: limits.MonthlyBudget = None,
    unset: limits.Unset = None,
    json: Json = False,
    data: Data = None,
    config: Config = None,
    server: Server = None,
    key: KeyOption = None,
) -> None:
    """Change what bounds a key that was made here, from its next request on. What is left out stays."""
    wanted = limits.asked(
        unset,
        model=model,
        expires=expires,
        rate_limit=rate_limit,
        token_limit=token_limit,
        max_tasks=max_tasks,
        ip=ip,
        budget=budget,
        monthly_budget=monthly_budget,
    )
    with connect(Target(data, config, server, key)) as connection:
        content = connection.call("PATCH", f"/admin/v1/keys/{quote(which, safe='')}", wanted)
    if json:
        printing.raw(content)
        return
    changed = decode(Key, content)
    typer.echo(text("key_changed", name=changed.name, id=changed.id))
    printing.facts(limits.facts(changed))


@app.command("revoke")
def revoke(
    *,
    which: Which,
    json: Json = False,
    data: Data = None,
    config: Config = None,
    server: Server = None,
    key: KeyOption = None,
) -> None:
    """Revoke a key: it stops working within a second."""
    with connect(Target(data, config, server, key)) as connection:
        content = connection.call("DELETE", f"/admin/v1/keys/{quote(which, safe='')}")
    if json:
        printing.raw(content)
        return
    gone = decode(Key, content)
    typer.echo(text("key_revoked", name=gone.name, id=gone.id))


def _row(key: Key) -> list[str]:
    return [
        key.id,
        key.name,
        key.account,
        "admin" if key.admin else "api",
        key.source,
        ", ".join(key.models) if key.models is not None else "*",
        printing.moment(key.created_at),
        printing.moment(key.expires_at),
        printing.moment(key.revoked_at),
    ]

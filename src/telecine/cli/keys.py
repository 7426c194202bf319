"""`telecine keys`."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import quote

import typer

from telecine.cli import limits, printing
from telecine.cli.listing import answered, listing
from telecine.cli.options import Json, Target, command
from telecine.cli.texts import text
from telecine.cli.wire import Key, Page

app = typer.Typer(help="Make, list, change and revoke API keys.", no_args_is_help=True)

Which = Annotated[str, typer.Argument(metavar="ID|NAME", help="The key's id, or its name where that is unique.")]


@command(app, "create")
def create(
    *,
    name: Annotated[str, typer.Argument(help="What the key is for.")],
    admin: Annotated[bool, typer.Option("--admin", help="The key may also administer the server.")] = False,
    account: Annotated[
        str | None, typer.Option(help="The account that it spends from.", show_default="default")
    ] = None,
    new_account: Annotated[bool, typer.Option("--new-account", help="Make the account where it is new.")] = False,
    jwt: Annotated[bool, typer.Option("--jwt", help="With a pair to sign tokens with, as Kling's clients do.")] = False,
    video_format: Annotated[
        str | None, typer.Option(help="How /v1/videos answers: official or relay.", show_default="official")
    ] = None,
    dialect: Annotated[
        str | None, typer.Option(help="Whose its requests are at paths that several dialects have: ima.")
    ] = None,
    bounds: limits.Bounds,
    target: Target,
    json: Json = False,
) -> None:
    """Make a key. It goes to stdout, this once; nothing will ever show it again.

    With --jwt its access key and its secret key follow, a line each.
    """
    terms = limits.asked(bounds)
    wanted: dict[str, object] = {"name": name, "admin": admin, **terms}
    if jwt:
        wanted["jwt"] = True
    if video_format is not None:
        wanted["video_format"] = video_format
    if dialect is not None:
        wanted["dialect"] = dialect
    if account is not None:
        wanted |= {"account": account, "new_account": new_account}
    made = answered(target, Key, "POST", "/admin/v1/keys", wanted, json=json)
    if made is None:
        return
    typer.echo(text("key_made", name=made.name, id=made.id), err=True)
    for one in (made.key, made.access_key, made.secret_key):
        if one is not None:
            typer.echo(one)


@command(app, "list")
def list_keys(*, target: Target, json: Json = False) -> None:
    """List every key, without its text."""
    headings = ["ID", "NAME", "ACCOUNT", "KIND", "FROM", "MODELS", "MADE", "EXPIRES", "REVOKED"]
    listing(target, "/admin/v1/keys", Page[Key], headings, _row, json=json)


@command(app, "update")
def update(
    *,
    which: Which,
    bounds: limits.Bounds,
    unset: limits.Unset = None,
    target: Target,
    json: Json = False,
) -> None:
    """Change what bounds a key that was made here, from its next request on. What is left out stays."""
    wanted = limits.asked(bounds, unset)
    changed = answered(target, Key, "PATCH", f"/admin/v1/keys/{quote(which, safe='')}", wanted, json=json)
    if changed is None:
        return
    typer.echo(text("key_changed", name=changed.name, id=changed.id))
    printing.facts(limits.facts(changed))


@command(app, "revoke")
def revoke(
    *,
    which: Which,
    target: Target,
    json: Json = False,
) -> None:
    """Revoke a key: it stops working within a second."""
    gone = answered(target, Key, "DELETE", f"/admin/v1/keys/{quote(which, safe='')}", json=json)
    if gone is None:
        return
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

"""`telecine keys`."""

from __future__ import annotations

import re
import time
from typing import Annotated, Final
from urllib.parse import quote

import typer

from telecine.cli import printing
from telecine.cli.connection import connect, decode
from telecine.cli.listing import listing
from telecine.cli.options import Config, Data, Json, Server, Target
from telecine.cli.options import Key as KeyOption
from telecine.cli.texts import text
from telecine.cli.wire import Key, Page

app = typer.Typer(help="Make, list and revoke API keys.", no_args_is_help=True)

_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}


def _seconds(given: str) -> float:
    found = re.fullmatch(r"([0-9]{1,9})([smhdw])", given)
    if found is None:
        raise typer.BadParameter("write a number and a unit: 90s, 15m, 12h, 30d or 8w.")
    return float(found[1]) * _UNITS[found[2]]


@app.command("create")
def create(
    *,
    name: Annotated[str, typer.Argument(help="What the key is for.")],
    model: Annotated[
        list[str] | None, typer.Option(help="A model that the key may use; may be repeated. All where left out.")
    ] = None,
    expires: Annotated[
        float | None, typer.Option(parser=_seconds, metavar="TIME", help="How long it is valid: 12h, 30d, 8w …")
    ] = None,
    admin: Annotated[bool, typer.Option("--admin", help="The key may also administer the server.")] = False,
    account: Annotated[str | None, typer.Option(help="The account that it spends from; made where it is new.")] = None,
    json: Json = False,
    data: Data = None,
    config: Config = None,
    server: Server = None,
    key: KeyOption = None,
) -> None:
    """Make a key. It goes to stdout, this once; nothing will ever show it again."""
    wanted: dict[str, object] = {"name": name, "admin": admin, "models": model or None}
    if account is not None:
        wanted["account"] = account
    if expires is not None:
        wanted["expires_at"] = time.time() + expires
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


@app.command("revoke")
def revoke(
    *,
    which: Annotated[str, typer.Argument(metavar="ID|NAME", help="The key's id, or its name where that is unique.")],
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

"""`telecine config`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from telecine.cli import printing
from telecine.cli.connection import check_installed, connect, decode
from telecine.cli.failure import FAILED, USAGE, Failure
from telecine.cli.listing import listing
from telecine.cli.options import Config, Data, Json, Key, Server, Target
from telecine.cli.texts import text
from telecine.cli.wire import Page

if TYPE_CHECKING:
    from telecine.config import Settings
    from telecine.server.reload import Change

app = typer.Typer(help="Check and reload the configuration, and rotate the secret key.", no_args_is_help=True)


class Revision(msgspec.Struct, frozen=True):
    """A configuration that ran. `lines`: how it differed from the one before."""

    number: int
    at: float
    actor: str
    sha256: str
    lines: list[str]


class Reloaded(msgspec.Struct, frozen=True):
    """What a reload came to; without a revision, nothing had changed."""

    revision: Revision | None


@app.command("reload")
def reload(
    *, json: Json = False, data: Data = None, config: Config = None, server: Server = None, key: Key = None
) -> None:
    """Let the running server read its configuration file again. A file that is not right changes nothing."""
    with connect(Target(data, config, server, key)) as connection:
        if connection.inside:
            raise Failure(text("no_server"))
        content = connection.call("POST", "/admin/v1/config/reload")
    if json:
        printing.raw(content)
        return
    made = decode(Reloaded, content).revision
    for line in made.lines if made else ():
        typer.echo(line)
    typer.echo(text("config_reloaded", number=made.number) if made else text("config_same"), err=True)


@app.command("check")
def check(
    *,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The configuration file to check.", dir_okay=False)],
    json: Json = False,
    data: Data = None,
) -> None:
    """Validate a configuration file, and print how it differs from what the server on this machine runs."""
    from telecine.config import ConfigError, load
    from telecine.server.rules import check_config

    try:
        settings = load(data, file)
        check_config(settings.config)
        changes = _compared(settings)
    except ConfigError as error:
        raise Failure(str(error)) from None
    if json:
        printing.raw(msgspec.json.encode({"valid": True, "changes": changes}))
        return
    for change in changes or ():
        typer.echo(str(change))
    if changes is None:
        typer.echo(text("config_valid"), err=True)
    else:
        typer.echo(text("config_differs", number=len(changes)) if changes else text("config_same"), err=True)


@app.command("revisions")
def revisions(
    *, json: Json = False, data: Data = None, config: Config = None, server: Server = None, key: Key = None
) -> None:
    """List the configurations that ran, and what each of them changed."""
    headings = ["NUMBER", "AT", "BY", "SHA-256", "CHANGES"]
    listing(Target(data, config, server, key), "/admin/v1/config/revisions", Page[Revision], headings, _row, json=json)


@app.command("rotate-secret")
def rotate_secret(*, data: Data = None, config: Config = None) -> None:
    """Put a new secret key before the old ones, which stay good: links and sealed secrets of theirs still work.

    The server must be stopped. Its next start seals everything anew; delete the old lines of `secret.key` once the last
    link that they signed has expired.
    """
    from telecine.accounts.secret import rotate
    from telecine.config import ConfigError, load
    from telecine.server.lock import LockedError, hold

    if os.environ.get("TELECINE_SECRET_KEY"):
        raise Failure(text("secret_in_environment"), USAGE)
    try:
        # Whatever else the environment and the file say: an operator whose secret is out must not be kept waiting.
        kept = {name: os.environ.get(name, "") for name in ("TELECINE_DATA", "TELECINE_DATABASE_URL")}
        settings = load(data, None, kept)
        check_installed(settings)
        with hold(settings.data, "command"):
            number = rotate(settings.data)
    except ConfigError as error:
        raise Failure(str(error), USAGE) from None
    except LockedError as error:
        raise Failure(str(error), FAILED) from None
    typer.echo(text("secret_rotated", number=number))


def _row(one: Revision) -> list[str]:
    return [str(one.number), printing.moment(one.at), one.actor, one.sha256[:12], "; ".join(one.lines)]


def _compared(settings: Settings) -> list[Change] | None:
    """How the configuration differs from what runs; None where nothing does. Raises ConfigError."""
    from telecine.accounts.secret import load_secret
    from telecine.config import Config as Configuration
    from telecine.server.lock import read
    from telecine.server.metering import check_currency
    from telecine.server.reload import check_providers, difference, masked, providers_of
    from telecine.server.upkeep import MASK

    holder = read(settings.data)
    if holder is None or holder.role != "serve":
        return None
    with connect(Target(settings.data)) as connection:
        running = connection.ask(Configuration, "GET", "/admin/v1/config")
    check_currency(running.currency, settings.config.currency)
    check_providers(providers_of(running), settings.config)
    key = load_secret(settings.data, settings.secret_key, make=False).derive(MASK)
    return difference(running, masked(settings.config, key))

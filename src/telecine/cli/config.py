"""`telecine config`."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from telecine.cli import printing
from telecine.cli.connection import check_installed, connect, decode
from telecine.cli.failure import FAILED, USAGE, Failure
from telecine.cli.listing import listing
from telecine.cli.options import Config, Data, Json, Target, command
from telecine.cli.texts import text
from telecine.cli.wire import Page

if TYPE_CHECKING:
    from telecine.config import Settings
    from telecine.upkeep.reload import Change

app = typer.Typer(help="Check and reload the configuration, and rotate the secret key.", no_args_is_help=True)


class Revision(msgspec.Struct, frozen=True):
    """A configuration that ran. `lines`: how it differed from the one before."""

    number: int
    at: float
    actor: str
    sha256: str
    lines: list[str]


class Reloaded(msgspec.Struct, frozen=True):
    """What a reload came to; without a revision, nothing had changed. `warnings`: what nothing is refused for."""

    revision: Revision | None
    warnings: list[str] = []


@command(app, "reload")
def reload(*, target: Target, json: Json = False) -> None:
    """Let the running server read its configuration file again. A file that is not right changes nothing."""
    with connect(target) as connection:
        if connection.inside:
            raise Failure(text("no_server"))
        content = connection.call("POST", "/admin/v1/config/reload")
    if json:
        printing.raw(content)
        return
    answer = decode(Reloaded, content)
    made = answer.revision
    for line in made.lines if made else ():
        typer.echo(line)
    for line in answer.warnings:
        typer.echo(f"{text('warning')}: {line}", err=True)
    typer.echo(text("config_reloaded", number=made.number) if made else text("config_same"), err=True)


@command(app, "check")
def check(
    *,
    file: Annotated[
        Path | None,
        typer.Argument(metavar="FILE", help="The file to check.", show_default="that of --config", dir_okay=False),
    ] = None,
    host: Annotated[str, typer.Option(help="Where `serve` is going to listen.")] = "127.0.0.1",
    offline: Annotated[bool, typer.Option("--offline", help="Do not try to reach the channels' addresses.")] = False,
    json: Json = False,
    data: Data = None,
    config: Config = None,
) -> None:
    """Tell whether a start or a reload would take a configuration file, and what it warns of.

    Prints how the file differs from what the server on this machine runs. Exit codes: 0 it would be taken, whatever
    the warnings; 2 it would be refused, or cannot be read.
    """
    from telecine.accounts.secret import load_secret
    from telecine.config import ConfigError, catalogue_of, load, located
    from telecine.upkeep.reach import unreachable
    from telecine.upkeep.rules import advice, check_rules

    path = file or config
    if path is None:
        raise Failure(text("no_file"), USAGE)
    try:
        settings = load(data, path)
        check_rules(settings, settings.config, catalogue_of(settings.config), exposed=_exposed(host))
        if settings.secret_key is not None:
            load_secret(settings.data, settings.secret_key, make=False)
        changes = _compared(settings)
    except ConfigError as error:
        raise Failure(str(located(error, path)), USAGE) from None
    found = advice(settings.config, catalogue_of(settings.config))
    found += [] if offline else unreachable(settings.config)
    if json:
        printing.raw(msgspec.json.encode({"valid": True, "changes": changes, "warnings": found}))
        return
    for change in changes or ():
        typer.echo(str(change))
    for one in found:
        typer.echo(f"{text('warning' if one.level == 'warning' else 'note')}: {one}", err=True)
    if changes is None:
        typer.echo(text("config_valid"), err=True)
    else:
        typer.echo(text("config_differs", number=len(changes)) if changes else text("config_same"), err=True)


@command(app, "revisions")
def revisions(*, target: Target, json: Json = False) -> None:
    """List the configurations that ran, and what each of them changed."""
    headings = ["NUMBER", "AT", "BY", "SHA-256", "CHANGES"]
    listing(target, "/admin/v1/config/revisions", Page[Revision], headings, _row, json=json)


@command(app, "rotate-secret")
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


def _exposed(host: str) -> bool:
    from telecine.server.run import ListenError, bind
    from telecine.upkeep.metering import is_exposed

    try:
        with bind(host, 0) as listener:
            return is_exposed(listener)
    except ListenError as error:
        raise Failure(str(error), USAGE) from None


def _compared(settings: Settings) -> list[Change] | None:
    """How the configuration differs from what runs; None where nothing does. Raises ConfigError."""
    from telecine.accounts.secret import load_secret
    from telecine.config import Config as Configuration
    from telecine.server.lock import read
    from telecine.upkeep.metering import check_currency
    from telecine.upkeep.reload import check_providers, difference, masked, providers_of
    from telecine.upkeep.upkeep import MASK

    holder = read(settings.data)
    if holder is None or holder.role != "serve":
        _check_books(settings)
        return None
    with connect(Target(settings.data)) as connection:
        running = connection.ask(Configuration, "GET", "/admin/v1/config")
    check_currency(running.currency, settings.config.currency)
    check_providers(providers_of(running), settings.config)
    key = load_secret(settings.data, settings.secret_key, make=False).derive(MASK)
    return difference(running, masked(settings.config, key))


def _check_books(settings: Settings) -> None:
    """What a start finds wrong by the records, where there are some and nobody has them open. Raises ConfigError."""
    import asyncio

    from sqlalchemy.exc import SQLAlchemyError

    from telecine.server.installation import is_installed
    from telecine.upkeep.metering import check_currency, known_currency

    with contextlib.suppress(SQLAlchemyError, OSError):  # whether they can be opened is not asked here
        if is_installed(settings) and (settled := asyncio.run(known_currency(settings))) is not None:
            check_currency(settled, settings.config.currency)

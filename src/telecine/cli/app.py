"""The command's tree, and how it ends."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from pkgutil import resolve_name
from typing import Annotated, Final

import typer

from telecine import __version__
from telecine.cli.failure import FAILED, INTERRUPTED, Failure
from telecine.cli.options import command
from telecine.cli.texts import text

_PARTS: Final = {
    **{name: f"{name}:{name}" for name in ("serve", "generate", "doctor")},
    **{name: f"{name}:app" for name in ("tasks", "assets", "keys", "channels", "models", "workflows")},
    "accounts": "money:accounts_app",  # which has what accounts do with money, too
    **{name: f"money:{name}" for name in ("ledger", "prices")},
    "config": "config:app",
}


def tree(first: str = "") -> typer.Typer:
    """Every command, or what `first`, the first word of a command line, names: all would be a tenth of a start."""
    app = typer.Typer(
        name="telecine",
        help="A self-hosted gateway for AI media generation.",
        epilog="Exit codes: 0 done, 1 failed, 2 wrong usage, 3 server not reached, 4 refused, 5 no Telecine there, "
        "124 timed out.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
        callback=_root,
    )
    for name, where in _PARTS.items():
        if first == name or first not in _PARTS:
            part = resolve_name(f"telecine.cli.{where}")
            app.add_typer(part, name=name) if isinstance(part, typer.Typer) else command(app, name)(part)
    return app


def main() -> None:
    """The entry point of `telecine`."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal without Chinese letters is no reason to fail
    try:
        tree(*sys.argv[1:2])()
    except Failure as failure:
        stopped = failure.code == INTERRUPTED  # which is no error
        typer.echo(str(failure) if stopped else f"{text('error')}: {failure}", err=True)
        sys.exit(failure.code)
    except BrokenPipeError:  # the reader of our output has had enough
        with contextlib.suppress(OSError):
            sys.stdout.close()
        sys.exit(FAILED)
    except Exception as error:
        if os.environ.get("TELECINE_DEBUG"):
            raise
        typer.echo(f"{text('error')}: {text('bug', what=f'{type(error).__name__}: {error}')}", err=True)
        sys.exit(FAILED)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"telecine {__version__}")
        raise typer.Exit


def _root(
    _version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """A self-hosted gateway for AI media generation: any client dialect in, any provider out, every job durable.

    Start a server with `telecine serve`; then make something with `telecine generate "a paper boat"`.
    """

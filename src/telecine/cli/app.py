"""The command's tree, and how it ends."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from typing import Annotated

import typer

from telecine import __version__
from telecine.cli import accounts, channels, config, keys, money, tasks, workflows
from telecine.cli.doctor import doctor
from telecine.cli.failure import FAILED, INTERRUPTED, Failure
from telecine.cli.generate import generate
from telecine.cli.options import command
from telecine.cli.serve import serve
from telecine.cli.texts import text

app = typer.Typer(
    name="telecine",
    help="A self-hosted gateway for AI media generation.",
    epilog="Exit codes: 0 done, 1 failed, 2 wrong usage, 3 server not reached, 4 refused, 5 no Telecine there, "
    "124 timed out.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
command(app, "serve")(serve)
command(app, "generate")(generate)
command(app, "doctor")(doctor)
app.add_typer(tasks.app, name="tasks")
app.add_typer(keys.app, name="keys")
app.add_typer(channels.app, name="channels")
app.add_typer(workflows.app, name="workflows")
app.add_typer(accounts.app, name="accounts")
app.add_typer(money.ledger, name="ledger")
app.add_typer(money.prices, name="prices")
app.add_typer(config.app, name="config")


def main() -> None:
    """The entry point of `telecine`."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal without Chinese letters is no reason to fail
    try:
        app()
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


@app.callback()
def _root(
    _version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """A self-hosted gateway for AI media generation: any client dialect in, any provider out, every job durable.

    Start a server with `telecine serve`; then make something with `telecine generate "a paper boat"`.
    """

"""`telecine serve`."""

from __future__ import annotations

import gc
import os
import shlex
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from telecine.cli.failure import USAGE, Failure, why_unopened
from telecine.cli.options import Config, Data, Target
from telecine.cli.texts import first_run_lines, text

if TYPE_CHECKING:
    from telecine.server.run import Ready

_PORT: Final = 8024  # telecine.config.DEFAULT_PORT, which --help must not wait for
_GARBAGE: Final = (20_000, 50, 100)
"""How many new objects, and younger collections, come before a collection of each generation. To look through all of
them again and again cost a fifth of the CPU of a create."""
_PROMPT: Final = "A paper boat on a night sea"


def serve(
    *,
    host: Annotated[str, typer.Option(help="The address to listen at.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="The port to listen at; 0 takes a free one.", min=0, max=65535)] = _PORT,
    data: Data = None,
    config: Config = None,
) -> None:
    """Start the server.

    The first start makes an admin key and an API key and prints them once. SIGTERM and Ctrl-C let requests and steps
    under way finish and leave the rest to the next start; a second signal ends the process at once.
    """
    gc.set_threshold(*_GARBAGE)
    gc.disable()
    sys.modules["rich"] = None  # type: ignore[assignment]
    import structlog  # noqa: F401  it would load rich, for tracebacks that `logs` does not draw: a fifteenth of a start

    del sys.modules["rich"]
    from sqlalchemy.exc import SQLAlchemyError

    from telecine.config import ConfigError, load, located
    from telecine.server import logs
    from telecine.server.lock import LockedError
    from telecine.server.run import BrokenError, ListenError
    from telecine.server.run import serve as run
    from telecine.server.trouble import trouble_of

    gc.freeze()  # what has been loaded need not be looked through
    gc.enable()
    logs.configure("info", json=not sys.stderr.isatty())
    try:
        settings = load(data, config)
    except ConfigError as error:
        raise Failure(str(error), USAGE) from None
    try:
        run(settings, host, port, lambda ready: _announce(ready, settings.data, Target(data, config)))
    except ConfigError as error:
        raise Failure(str(located(error, settings.file)), USAGE) from None
    except (LockedError, ListenError, BrokenError) as error:
        raise Failure(str(error)) from None
    except Exception as error:
        if trouble_of(error) is None and not isinstance(error, SQLAlchemyError | OSError | ImportError):
            raise
        raise Failure(text("unopened", data=settings.data, reason=why_unopened(error))) from None


def _announce(ready: Ready, data: Path, target: Target) -> None:
    """What the person who started it needs to know. Plain text: a terminal wraps it, and pasting it still works."""
    for name, number in sorted(ready.stranded.items()):
        typer.echo(text("stranded", name=name, number=number), err=True)
    lines = first_run_lines(ready.first_run)
    key = ready.first_run.api_key
    model = _video_model(ready.models)
    if key and model:
        lines += [text("try_curl"), "", curl_line(ready.address, key, model), ""]
        lines += [text("try_generate"), "", _generate_line(model, target), ""]
    typer.echo("\n".join([*lines, text("serving", address=ready.address, data=data)]))


def _video_model(served: list[str]) -> str | None:
    """A served model that makes a video of a prompt alone."""
    from telecine.nouns.catalogue import load

    able = [name for name in served if (known := load().find(name)) and "text_to_video" in known.operations]
    return "sora-2" if "sora-2" in able else next(iter(able), None)


def curl_line(address: str, key: str, model: str) -> str:
    """One line for a shell: create a video, wait until it has ended, save it. Needs curl, sed and grep only."""
    return (
        f"(A='Authorization: Bearer {key}' U={address}/v1/videos; "
        f"I=$(curl -sS -H \"$A\" -F model={shlex.quote(model)} -F prompt='{_PROMPT}' $U"
        ' | sed -n \'s/.*"id":"\\(video_[^"]*\\)".*/\\1/p\'); '
        'until [ ! "$I" ] || curl -sS -H "$A" $U/$I | grep -Eq \'"status":"(completed|failed)"\'; do sleep 1; done; '
        'curl -fsS -H "$A" -o paper-boat.mp4 $U/$I/content && echo paper-boat.mp4)'
    )


def _generate_line(model: str, target: Target) -> str:
    return f'{_command()} generate "{_PROMPT}" --model {shlex.quote(model)} -o paper-boat.mp4{target.arguments}'


def _command() -> str:
    """How this command can be called from where it was started: `make run` has it in `.venv/bin` only."""
    here = shutil.which("telecine")
    started = Path(sys.argv[0])
    if here is not None or started.name != "telecine":
        return "telecine"
    return shlex.quote(os.path.relpath(started))

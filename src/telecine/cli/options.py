"""The options that commands have in common."""

from __future__ import annotations

import functools
import inspect
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_type_hints

import msgspec
import typer

_WHERE = "Where"
CommandT = TypeVar("CommandT", bound=Callable[..., None])

Data = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR",
        envvar="TELECINE_DATA",
        help="The data directory.",
        show_default="data",
        file_okay=False,
        rich_help_panel=_WHERE,
    ),
]
Config = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE", envvar="TELECINE_CONFIG", help="The configuration file.", dir_okay=False, rich_help_panel=_WHERE
    ),
]
Server = Annotated[
    str | None,
    typer.Option(
        metavar="URL",
        envvar="TELECINE_URL",
        help="Speak to this server instead of the one on this machine.",
        rich_help_panel=_WHERE,
    ),
]
Key = Annotated[
    str | None,
    typer.Option(metavar="KEY", envvar="TELECINE_API_KEY", help="The API key for --server.", rich_help_panel=_WHERE),
]
Json = Annotated[bool, typer.Option("--json", help="Print exactly what the API answers.")]


class Group(msgspec.Struct, frozen=True):
    """Options that go together: a command with a parameter of this kind has each of its fields as an option."""


class Target(Group, frozen=True):
    """Which server a command is for: the remote one at `server`, else the one that owns `data`."""

    data: Data = None
    config: Config = None
    server: Server = None
    key: Key = None

    @property
    def arguments(self) -> str:
        """What to add to a command line so that it speaks to the same server."""
        if self.server:
            return f" --server {shlex.quote(self.server)}"
        return f" --data {shlex.quote(str(self.data))}" if self.data else ""


def command(app: typer.Typer, name: str, **settings: Any) -> Callable[[CommandT], CommandT]:
    """Make a function the command `name` of `app`; its groups stand for their options."""

    def register(function: CommandT) -> CommandT:
        signature = inspect.signature(function, eval_str=True)
        groups = {one.name: one.annotation for one in signature.parameters.values() if _is_group(one.annotation)}

        @functools.wraps(function)
        def run(**given: Any) -> None:
            made = {name: kind(*map(given.pop, kind.__struct_fields__)) for name, kind in groups.items()}
            function(**given, **made)

        parameters = [option for one in signature.parameters.values() for option in _options(one)]
        run.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
        app.command(name, **settings)(run)
        return function

    return register


def _options(parameter: inspect.Parameter) -> Iterator[inspect.Parameter]:
    if not _is_group(parameter.annotation):
        yield parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)
        return
    for name, annotation in get_type_hints(parameter.annotation, include_extras=True).items():
        yield inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)


def _is_group(annotation: object) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, Group)

"""The options that every command takes."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import msgspec
import typer

_WHERE = "Where"

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


class Target(msgspec.Struct, frozen=True):
    """Which server a command is for: the remote one at `server`, else the one that owns `data`."""

    data: Path | None = None
    config: Path | None = None
    server: str | None = None
    key: str | None = None

    @property
    def arguments(self) -> str:
        """What to add to a command line so that it speaks to the same server."""
        if self.server:
            return f" --server {shlex.quote(self.server)}"
        return f" --data {shlex.quote(str(self.data))}" if self.data else ""

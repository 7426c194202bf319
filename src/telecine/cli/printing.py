"""Tables and facts for people. Where nobody looks on (a pipe, a file), nothing is cut to a terminal's width."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Final

import typer

from telecine.cli.wire import File

_PIPE_WIDTH: Final = 400
_STYLES: Final = {
    "succeeded": "green",
    "ready": "green",
    "failed": "red",
    "running": "cyan",
    "cancelled": "dim",
    "queued": "yellow",
}


def raw(content: bytes) -> None:
    """The API's JSON, as it came."""
    typer.echo(content.decode("utf-8", "replace"))


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Rows under headings; the first column is never cut."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    grid = Table(box=None, pad_edge=False, header_style="bold")
    for number, heading in enumerate(headings):
        grid.add_column(heading, no_wrap=number == 0, overflow="fold")
    for row in rows:
        grid.add_row(*(Text(cell, style=_STYLES.get(cell, "")) for cell in row))
    Console(width=None if sys.stdout.isatty() else _PIPE_WIDTH).print(grid)


def facts(pairs: Iterable[tuple[str, str | None]]) -> None:
    """`name: value` lines, without those that have no value."""
    for name, value in pairs:
        if value:
            typer.echo(f"{name + ':':<13} {value}")


def moment(seconds: float | None) -> str:
    """A time (seconds since the Unix epoch) in the local zone."""
    return datetime.fromtimestamp(seconds, UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S") if seconds else ""


def describe(file: File) -> str:
    """What is known of a file: `5 s, 1280x720, 1.2 MB`."""
    parts = [
        f"{file.duration:.3g} s" if file.duration else "",
        f"{file.width}x{file.height}" if file.width else "",
        size(file.bytes) if file.bytes else "",
    ]
    return ", ".join(part for part in parts if part)


def size(count: float) -> str:
    """A number of bytes, to read."""
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} GB"

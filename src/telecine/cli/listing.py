"""What every `list` command does: ask, and print a table, or the API's own JSON."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from urllib.parse import urlencode

import typer

from telecine.cli import printing
from telecine.cli.connection import connect, decode
from telecine.cli.options import Target
from telecine.cli.wire import Item, Page


def listing(
    target: Target,
    path: str,
    page: type[Page[Item]],
    headings: Sequence[str],
    row: Callable[[Item], Sequence[str]],
    *,
    json: bool,
    nothing: str | None = None,
) -> None:
    """The list at `path`, a row for each item; `nothing` is said on stderr in the place of an empty table.

    Raises Unreachable and Failure.
    """
    with connect(target) as connection:
        content = connection.call("GET", path)
    if json:
        printing.raw(content)
        return
    found = decode(page, content).data
    if not found and nothing is not None:
        typer.echo(nothing, err=True)
        return
    printing.table(headings, map(row, found))


def query(path: str, **values: object) -> str:
    """`path` with those of `values` that are set."""
    given = {name: value for name, value in values.items() if value is not None}
    return f"{path}?{urlencode(given)}" if given else path

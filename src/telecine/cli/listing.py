"""What most commands do: ask, and print what came of it, or the API's own JSON."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from urllib.parse import urlencode

import typer

from telecine.cli import printing
from telecine.cli.connection import Answer, connect, decode
from telecine.cli.options import Target
from telecine.cli.wire import Item, Page


def answered(
    target: Target, answer: type[Answer], method: str, path: str, body: object = None, *, json: bool
) -> Answer | None:
    """What the server answers; None where its own `json` was wanted, and has been printed. Raises Unreachable and
    Failure."""
    with connect(target) as connection:
        content = connection.call(method, path, body)
    if json:
        printing.raw(content)
        return None
    return decode(answer, content)


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
    found = answered(target, page, "GET", path, json=json)
    if found is None:
        return
    if not found.data and nothing is not None:
        typer.echo(nothing, err=True)
        return
    printing.table(headings, map(row, found.data))


def query(path: str, **values: object) -> str:
    """`path` with those of `values` that are set."""
    given = {name: value for name, value in values.items() if value is not None}
    return f"{path}?{urlencode(given)}" if given else path

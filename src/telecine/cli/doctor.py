"""`telecine doctor`."""

from __future__ import annotations

import msgspec
import typer

from telecine.cli import printing
from telecine.cli.connection import connect, decode
from telecine.cli.failure import FAILED
from telecine.cli.options import Json, Target


class Finding(msgspec.Struct, frozen=True):
    """One thing that was looked at."""

    name: str
    level: str
    what: str
    do: str = ""


class Findings(msgspec.Struct, frozen=True):
    """All of them; `ok` where nothing is wrong."""

    ok: bool
    data: list[Finding]


def doctor(*, target: Target, json: Json = False) -> None:
    """Look for what costs money when nobody looks at it. Exit code 1 where something is wrong."""
    with connect(target) as connection:
        content = connection.call("GET", "/admin/v1/doctor")
    found = decode(Findings, content)
    if json:
        printing.raw(content)
    else:
        printing.table(
            ["LOOKED AT", "STATE", "FOUND", "TO DO"], [[one.name, one.level, one.what, one.do] for one in found.data]
        )
    if not found.ok:
        raise typer.Exit(FAILED)

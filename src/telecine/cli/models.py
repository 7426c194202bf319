"""`telecine models`."""

from __future__ import annotations

from typing import Annotated, Any, Final
from urllib.parse import quote

import msgspec
import typer

from telecine.cli import printing
from telecine.cli.listing import answered, listing
from telecine.cli.options import Json, Target, command
from telecine.cli.texts import text
from telecine.cli.wire import Page

app = typer.Typer(help="Look at the models: what they can do, and which channels serve them.", no_args_is_help=True)
_PATH: Final = "/admin/v1/models"


class Shown(msgspec.Struct, frozen=True):
    """A model, as the admin API has it."""

    name: str
    vendor: str | None
    aliases: list[str]
    abilities: list[dict[str, Any]]
    channels: list[str]
    priced: bool
    source: str

    @property
    def operations(self) -> str:
        """All that it is known to do."""
        return ", ".join(name for one in self.abilities for name in one["operations"])


class Found(msgspec.Struct, frozen=True):
    """A name that an upstream has."""

    name: str
    served: bool
    known: bool


@command(app, "list")
def list_models(
    *,
    target: Target,
    served: Annotated[bool, typer.Option("--served", help="Only those that a channel serves.")] = False,
    json: Json = False,
) -> None:
    """List the models that the catalogue knows or a channel serves."""
    headings = ["NAME", "VENDOR", "OPERATIONS", "CHANNELS", "PRICED", "SOURCE"]
    if json or not served:
        listing(target, _PATH, Page[Shown], headings, _row, json=json)
    elif (found := answered(target, Page[Shown], "GET", _PATH, json=False)) is not None:
        printing.table(headings, [_row(one) for one in found.data if one.channels])


@command(app, "show")
def show(
    *,
    name: Annotated[str, typer.Argument(help="Its public name, or another name of it.")],
    target: Target,
    json: Json = False,
) -> None:
    """Show a model: what it can do, by operation, and who serves it."""
    found = answered(target, Shown, "GET", f"{_PATH}/{quote(name, safe='')}", json=json)
    if found is None:
        return
    printing.facts(
        [
            ("name", found.name),
            ("vendor", found.vendor),
            ("aliases", ", ".join(found.aliases)),
            ("channels", ", ".join(found.channels)),
            ("priced", _yes(found.priced)),
            ("source", found.source),
        ]
    )
    for ability in found.abilities:
        facts = [("operations", ", ".join(ability["operations"]))]
        facts += [(field, _said(value)) for field, value in ability.items() if field != "operations" and value]
        typer.echo()
        printing.facts(facts)


@command(app, "discover")
def discover(
    *,
    channel: Annotated[str, typer.Argument(help="The name of the channel.")],
    target: Target,
    json: Json = False,
) -> None:
    """Ask the upstream of a channel which models it has, and tell which of them the channel serves."""
    found = answered(target, Page[Found], "POST", f"/admin/v1/channels/{quote(channel, safe='')}/discover", json=json)
    if found is None:
        return
    printing.table(["NAME", "SERVED", "KNOWN"], [[one.name, _yes(one.served), _yes(one.known)] for one in found.data])
    new = [one.name for one in found.data if not one.served]
    if new:
        typer.echo(text("models_unserved", number=len(new), channel=channel), err=True)


def _row(one: Shown) -> list[str]:
    return [one.name, one.vendor or "", one.operations, ", ".join(one.channels), _yes(one.priced), one.source]


def _yes(said: bool) -> str:
    return text("yes" if said else "no")


def _said(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} = {one}" for name, one in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)

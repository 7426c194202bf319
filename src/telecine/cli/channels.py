"""`telecine channels`."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import quote

import msgspec
import typer

from telecine.cli import printing
from telecine.cli.connection import connect, decode
from telecine.cli.failure import FAILED
from telecine.cli.listing import listing
from telecine.cli.options import Json, Target, command
from telecine.cli.wire import Channel, ChannelProbe, ChannelTest, Page

app = typer.Typer(help="Look at the channels to providers, and test them.", no_args_is_help=True)


@command(app, "list")
def list_channels(*, target: Target, json: Json = False) -> None:
    """List the channels."""
    headings = ["NAME", "PROVIDER", "MODELS", "PRIORITY", "WEIGHT", "SLOTS", "ADDRESS", "CIRCUIT"]
    listing(target, "/admin/v1/channels", Page[Channel], headings, _row, json=json)


@command(app, "test")
def check(
    *,
    name: Annotated[str | None, typer.Argument(help="One channel; all of them where left out.")] = None,
    target: Target,
    json: Json = False,
) -> None:
    """Ask the upstream of a channel something that costs nothing. Exit code 1 where one does not answer well."""
    contents = _ask_each(target, name, "test")
    tests = [decode(ChannelTest, content) for content in contents]
    if json:
        printing.raw(contents[0] if name else msgspec.json.encode({"object": "list", "data": tests}))
    else:
        rows = [[one.name, "ok" if one.ok else "failed", f"{one.ms:.0f} ms", one.message] for one in tests]
        printing.table(["NAME", "RESULT", "TIME", "MESSAGE"], rows)
    if not all(one.ok for one in tests):
        raise typer.Exit(FAILED)


@command(app, "probe")
def probe(
    *,
    name: Annotated[str | None, typer.Argument(help="One channel; all of them where left out.")] = None,
    target: Target,
    json: Json = False,
) -> None:
    """Ask the upstream of a channel in which forms it may be spoken to (the provider relay knows several)."""
    contents = _ask_each(target, name, "probe")
    probes = [decode(ChannelProbe, content) for content in contents]
    if json:
        printing.raw(contents[0] if name else msgspec.json.encode({"object": "list", "data": probes}))
        return
    rows = [[one.name, one.form or "", _how(one), ", ".join(one.serves), one.message] for one in probes]
    printing.table(["NAME", "FORM", "FROM", "SERVES", "MESSAGE"], rows)


def _ask_each(target: Target, name: str | None, verb: str) -> list[bytes]:
    """What the server answers when it asks the upstream of one channel, or of each."""
    with connect(target) as connection:
        listed = (
            [name] if name else [one.name for one in connection.ask(Page[Channel], "GET", "/admin/v1/channels").data]
        )
        return [connection.call("POST", f"/admin/v1/channels/{quote(one, safe='')}/{verb}") for one in listed]


def _how(found: ChannelProbe) -> str:
    if found.form is None:
        return ""
    return "the configuration" if found.said else "its answers"


def _row(channel: Channel) -> list[str]:
    slots = "" if channel.max_in_flight is None else str(channel.max_in_flight)
    return [
        channel.name,
        channel.provider,
        ", ".join(channel.models),
        str(channel.priority),
        str(channel.weight),
        f"{slots} ({channel.pool})" if channel.pool else slots,
        channel.base_url,
        _health(channel),
    ]


def _health(channel: Channel) -> str:
    health = f"open, {channel.paused_for:.0f} s" if channel.circuit == "open" else channel.circuit.replace("_", "-")
    return f"{health} (draining)" if channel.draining else health

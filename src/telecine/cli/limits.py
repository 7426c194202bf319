"""The options that bound a key or an account, and what the server is sent for them."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from typing import Annotated, Any, Final

import msgspec
import typer

from telecine.cli import printing
from telecine.cli.failure import USAGE, Failure
from telecine.cli.options import Group
from telecine.cli.texts import text
from telecine.cli.wire import Terms

_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
_PANEL: Final = "Limits"
_WINDOW: Final = re.compile(r"([0-9]{1,9})([smhdw])")


def _seconds(given: str) -> float:
    found = _WINDOW.fullmatch(given)
    if found is None:
        raise typer.BadParameter("write a number and a unit: 90s, 15m, 12h, 30d or 8w.")
    return float(found[1]) * _UNITS[found[2]]


def _option(*names: str, **settings: Any) -> Any:
    return typer.Option(*names, rich_help_panel=_PANEL, **settings)


class Bounds(Group, frozen=True):
    """What bounds a key or an account; what is left out stays."""

    model: Annotated[list[str] | None, _option("--model", help="A model that may be used; may be repeated.")] = None
    expires: Annotated[
        float | None, _option(parser=_seconds, metavar="TIME", help="How long from now: 12h, 30d, 8w …")
    ] = None
    rate_limit: Annotated[str | None, _option(help="Requests in so much time: 600/minute.")] = None
    token_limit: Annotated[str | None, _option(help="Tokens in so much time: 100000/minute.")] = None
    max_tasks: Annotated[int | None, _option(min=1, help="Tasks that have not ended.")] = None
    ip: Annotated[
        list[str] | None, _option("--ip", metavar="NETWORK", help="A network to come from; may be repeated.")
    ] = None
    budget: Annotated[str | None, _option(help="What may be spent in all, in the currency.")] = None
    monthly_budget: Annotated[str | None, _option(help="The same for one calendar month (UTC).")] = None


Unset = Annotated[
    list[str] | None, _option(metavar="NAME", help="A bound to take away: budget, ip, …; may be repeated.")
]


_PLACES: Final = {
    "model": "models",
    "expires": "expires_at",
    "rate-limit": "rate_limit",
    "token-limit": "token_limit",
    "max-tasks": "max_tasks_in_flight",
    "ip": "ips",
    "budget": "budget",
    "monthly-budget": "monthly_budget",
}
"""By option, what the API calls it."""


def asked(bounds: Bounds, unset: Sequence[str] | None = None) -> dict[str, Any]:
    """`models`, `expires_at` and `limits` of a request. Raises Failure."""
    options = msgspec.structs.asdict(bounds)
    given = {name.replace("_", "-"): value for name, value in options.items() if value is not None and value != []}
    if "expires" in given:
        given["expires"] += time.time()
    for name in unset or ():
        if name not in _PLACES:
            raise Failure(text("unset_unknown", name=name, names=", ".join(_PLACES)), USAGE)
        if name in given:
            raise Failure(text("unset_and_set", name=name), USAGE)
        given[name] = None
    body: dict[str, Any] = {"limits": {}}
    for name, value in given.items():
        place = _PLACES[name]
        (body if place in ("models", "expires_at") else body["limits"])[place] = value
    return body


def facts(terms: Terms) -> list[tuple[str, str | None]]:
    """What bounds it, to be printed."""
    rows = [
        ("models", ", ".join(terms.models) if terms.models is not None else None),
        ("expires", printing.moment(terms.expires_at) or None),
    ]
    for name, value in terms.limits.items():
        if value is not None:
            rows.append((name, ", ".join(value) if isinstance(value, list) else str(value)))
    return rows

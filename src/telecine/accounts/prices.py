"""The price book: what a model costs, by unit, under conditions.

The most specific line wins, and stands alone, unless it is a token line: those of the five token units add up. A line
is the more specific the closer its `model` is to the name that was asked for: that very name, then the model that it is
an alias of, then a glob, the more of the name it spells out, `*` last; and after that, the more conditions it has.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Final

import msgspec
from msgspec.structs import replace

from telecine.accounts.metering import counted, pictures, seconds
from telecine.accounts.priced import Priced
from telecine.config import PriceConfig
from telecine.nouns.billed import Billed, spelled
from telecine.nouns.catalogue import Catalogue
from telecine.nouns.errors import GatewayError
from telecine.nouns.globs import is_glob, matches, specificity
from telecine.nouns.money import MOST_MICROS, TOKEN_UNITS, Price, Unit, exact, micros_of, total
from telecine.nouns.operations import counts
from telecine.nouns.request import GenerationRequest
from telecine.nouns.task import Output, Usage

_DURATION: Final = 5.0
"""Seconds of a video whose model nobody knows and whose client said nothing."""
_NOTHING: Final[Mapping[str, str]] = {}
TOKENS_HELD: Final = Decimal("0.01")
"""Millions of tokens that a token line without a `hold` of its own holds: nobody knows beforehand how many there will
be."""
_MOST: Final[dict[Unit, Decimal]] = {
    "second": Decimal(60),  # of each file
    "compute_second": Decimal(3600),
    **dict.fromkeys(TOKEN_UNITS, Decimal(1)),
}
"""What a line without a `most` of its own charges at most, where nobody knows beforehand how many units there will be.
Of every other unit a job is charged what was held, or less."""


class Quote(msgspec.Struct, frozen=True):
    """What a request is expected to cost: the lines that apply, and micro-units."""

    prices: tuple[Price, ...]
    hold: int
    """What to set aside."""
    most: int
    """What may be charged in the end, whatever the upstream says."""


class PriceBook:
    """The lines of the configuration. Where there is none at all, everything is free."""

    def __init__(self, lines: Iterable[PriceConfig], catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._lines: dict[str, list[PriceConfig]] = {}
        for line in lines:
            self._lines.setdefault(line.model, []).append(line)
        self._globs = sorted(filter(is_glob, self._lines), key=specificity, reverse=True)

    def __bool__(self) -> bool:
        return bool(self._lines)

    @property
    def lines(self) -> list[PriceConfig]:
        """Every line, by model."""
        return [line for name in sorted(self._lines) for line in self._lines[name]]

    def of(self, model: str) -> list[PriceConfig]:
        """The lines that can count for the public name `model`, the closest to that name first."""
        known = self._catalogue.find(model)
        names = [model] if known is None or known.name == model else [model, known.name]
        globs = (glob for glob in self._globs if glob != model and any(matches(glob, name) for name in names))
        return [line for name in (*names, *globs) for line in self._lines.get(name, ())]

    def quote(self, priced: Priced, routes: Iterable[Billed], named: Mapping[str, str] = _NOTHING) -> Quote | None:
        """The lines that apply to what is `priced`, and what to hold; None where the model has no line.

        `routes`: what it comes to on each channel that could run it. The dearest counts, because any of them may.
        `named`: values, by what prices can depend on, that a line has to name itself for it to apply.
        Raises GatewayError (`permission`) where the model has prices, but none for this.
        """
        if not self.of(priced.model) and not named:
            return None
        quotes = [quote for billed in set(routes) if (quote := self._quote(priced, billed, named)) is not None]
        if not quotes and named:
            name, value = next(iter(named.items()))
            message = f"'{priced.model}' has no price that names {name} = {value}, so this account may not have it."
            raise GatewayError("permission", message, param="model")
        if not quotes:
            raise GatewayError("permission", f"'{priced.model}' has no price for a job like this one.", param="model")
        return max(quotes, key=lambda quote: (quote.hold, quote.prices[0].micros))

    def _quote(self, priced: Priced, billed: Billed, named: Collection[str]) -> Quote | None:
        ability = self._catalogue.ability(priced.model, priced.facts.get("operation", ""))
        default = float(ability.default_duration) if ability else _DURATION
        told = replace(billed, duration=billed.duration or priced.duration)
        priced = priced if billed.count is None else priced.making(billed.count)
        supposed = replace(told, duration=told.duration or default)
        lines = [line for line in self.of(priced.model) if self._is_for(line, priced)]
        fitting = [line for line in lines if _applies(line, priced, supposed)]
        fitting = [line for line in fitting if priced.makes is None or counts(line.unit, priced.makes)] or fitting
        lines = deciding([line for line in fitting if all(_names(line, name) for name in named)], priced.model)
        if not lines:
            return None
        prices = tuple(Price(line.unit, micros_of(line.price)) for line in lines)
        held, most = zip(*(_bounds(line, priced, told, supposed) for line in lines), strict=True)
        most_micros = min(total(zip(prices, most, strict=True)), MOST_MICROS)
        return Quote(prices, total(zip(prices, held, strict=True)), most_micros)

    def _is_for(self, line: PriceConfig, priced: Priced) -> bool:
        """Whether the line can price such a thing. One by a unit of which it has none would make it free, so where the
        model makes something else that has some, the line is for that; and one for a pattern of names, unless it says
        that they are free, is for those of them that have some."""
        if priced.makes is None or counts(line.unit, priced.makes):
            return True
        if is_glob(line.model) and line.price:
            return False
        model = self._catalogue.find(priced.model)
        if model is None:
            return True
        return not any(counts(line.unit, kind) for kind in model.kinds)


def deciding(fitting: Sequence[PriceConfig], model: str) -> list[PriceConfig]:
    """Of the lines of `model` that all apply, those that count, the token lines in the order of their units.

    The most specific one decides, the first among equals. Where that is a token line, the most specific line of every
    token unit counts.
    """
    if not fitting:
        return []
    ordered = sorted(fitting, key=lambda line: (*_distance(line.model, model), -len(line.when)))
    if ordered[0].unit not in TOKEN_UNITS:
        return ordered[:1]
    firsts = (next((line for line in ordered if line.unit == unit), None) for unit in TOKEN_UNITS)
    return [line for line in firsts if line is not None]


def _distance(pattern: str, model: str) -> tuple[int, int, int]:
    """How far the `model` of a line that counts for a name is from that name."""
    if not is_glob(pattern) or pattern == model:
        return (0 if pattern == model else 1), 0, 0
    spelled_out, counted = specificity(pattern)
    return 2, -spelled_out, -counted


def used(
    prices: Sequence[Price],
    usage: Usage,
    outputs: Sequence[Output],
    request: GenerationRequest,
    held: int,
    *,
    asked: float | None = None,
    count: int | None = None,
) -> int:
    """What a finished task costs by what was really produced, in micro-units; `telecine.accounts.metering` says what
    counts. `asked`: the seconds that each file was to have, where the request does not tell; `count`: how many results
    were ordered, where that is not what the request says.

    What nobody can tell (the upstream reported no tokens, no compute seconds), or what has no picture and is priced by
    the picture, costs what was held.
    """
    parts = []
    for price in prices:
        quantity = _quantity(price.unit, usage, outputs, request, asked=asked, count=count or request.count)
        if quantity is None:
            return held
        parts.append((price, quantity))
    return total(parts)


def _quantity(
    unit: Unit,
    usage: Usage,
    outputs: Sequence[Output],
    request: GenerationRequest,
    *,
    asked: float | None,
    count: int,
) -> Decimal | None:
    """How many units were used; None where nobody knows."""
    match unit:
        case "second":
            length = seconds(usage, outputs, count, asked or request.duration)
            return exact(length) if length is not None else None
        case "image" | "track":
            made = pictures(usage, outputs, count) if unit == "image" else len(counted(outputs, count, "audio"))
            # A button that nobody here knows may make a video of a picture.
            other = unit == "image" and not made and any(one.main and one.state != "lost" for one in outputs)
            return None if other else Decimal(made)
        case "character":
            return None if request.blanked else Decimal(len(request.prompt))
        case "compute_second":
            return exact(usage.compute_seconds) if usage.compute_seconds is not None else None
        case "call":
            return None  # as many as were held
        case _:
            tokens = getattr(usage.tokens, TOKEN_UNITS[unit], None)
            return Decimal(tokens).scaleb(-6) if tokens is not None else None


def _bounds(line: PriceConfig, priced: Priced, told: Billed, supposed: Billed) -> tuple[Decimal, Decimal]:
    """How many units of a line are held, and how many may be charged.

    A unit of which it is known beforehand how many there will be is held for all of them; a `hold` may raise that.
    """
    known = _known(line.unit, priced, told)
    if known is None:
        guess = line.hold if line.hold is not None else _guess(line.unit, priced, supposed)
        files = priced.files if line.unit == "second" else 1
        most = line.most if line.most is not None else max(_MOST.get(line.unit, guess) * files, guess)
        return min(guess, most), most
    held = max(known, line.hold or Decimal(0))
    held = held if line.most is None else min(held, line.most)
    return held, held


def _known(unit: Unit, priced: Priced, billed: Billed) -> Decimal | None:
    """How many units are asked for; None where that is not known before the end."""
    if unit == "second":
        return exact(billed.duration) * priced.files if billed.duration is not None else None
    return priced.quantities.get(unit)


def _guess(unit: Unit, priced: Priced, supposed: Billed) -> Decimal:
    """How many units there may be, where nobody knows."""
    if unit == "second":
        return exact(supposed.duration or _DURATION) * priced.files
    return TOKENS_HELD if unit in TOKEN_UNITS else Decimal(1)


def _applies(line: PriceConfig, priced: Priced, billed: Billed) -> bool:
    return all(_fact(name, priced, billed) == spelled(name, wanted) for name, wanted in line.when.items())


def _names(line: PriceConfig, name: str) -> bool:
    """Whether the line says what a value of `name` costs that is not known here: a length costs its seconds, a size is
    told by its resolution too."""
    ways = {"duration": ("duration",), "size": ("size", "resolution")}.get(name, (name,))
    return any(way in line.when for way in ways) or (name == "duration" and line.unit == "second")


def _fact(name: str, priced: Priced, billed: Billed) -> object:
    """What a condition of a price line is compared with; the client's own word where the upstream is told nothing."""
    told = getattr(billed, name, None)
    return told if told is not None else spelled(name, priced.facts.get(name))

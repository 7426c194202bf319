"""The price book: what a model costs, by unit, under conditions.

The most specific line wins, and stands alone, unless it is a token line: those of the five token units add up.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Final

import msgspec
from msgspec.structs import replace

from telecine.config import PriceConfig
from telecine.nouns.billed import Billed, spelled
from telecine.nouns.catalogue import Catalogue
from telecine.nouns.errors import GatewayError
from telecine.nouns.money import TOKEN_UNITS, Price, Unit, exact, micros_of, total
from telecine.nouns.request import GenerationRequest
from telecine.nouns.task import Output, Usage

_DURATION: Final = 5.0
"""Seconds of a video whose model nobody knows and whose client said nothing."""
TOKENS_HELD: Final = Decimal("0.01")
"""Millions of tokens that a token line without a `hold` of its own holds: nobody knows beforehand how many there will
be."""


class Quote(msgspec.Struct, frozen=True):
    """What a request is expected to cost: the lines that apply, and the micro-units to hold for them."""

    prices: tuple[Price, ...]
    hold: int


class PriceBook:
    """The lines of the configuration. A model without a line is free."""

    def __init__(self, lines: Iterable[PriceConfig], catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._lines: dict[str, list[PriceConfig]] = {}
        for line in lines:
            self._lines.setdefault(line.model, []).append(line)

    @property
    def lines(self) -> list[PriceConfig]:
        """Every line, by model."""
        return [line for name in sorted(self._lines) for line in self._lines[name]]

    def of(self, model: str) -> list[PriceConfig]:
        """The lines of the public name `model`, and of the model that it is an alias of."""
        known = self._catalogue.find(model)
        names = [model] + ([known.name] if known is not None and known.name != model else [])
        return [line for name in names for line in self._lines.get(name, ())]

    def quote(self, request: GenerationRequest, routes: Iterable[Billed]) -> Quote | None:
        """The lines that apply to `request`, and what to hold; None where the model is free.

        `routes`: what it comes to on each channel that could run it. The dearest counts, because any of them may.
        Raises GatewayError (`permission`) where the model has prices, but none for this.
        """
        if not self.of(request.model):
            return None
        quotes = [quote for billed in set(routes) if (quote := self._quote(request, billed)) is not None]
        if not quotes:
            raise GatewayError("permission", f"'{request.model}' has no price for a job like this one.", param="model")
        return max(quotes, key=lambda quote: (quote.hold, quote.prices[0].micros))

    def _quote(self, request: GenerationRequest, billed: Billed) -> Quote | None:
        model = self._catalogue.find(request.model)
        default = float(model.default_duration) if model else _DURATION
        billed = replace(billed, duration=billed.duration or request.duration or default)
        lines = deciding([line for line in self.of(request.model) if _applies(line, request, billed)])
        if not lines:
            return None
        parts = [(Price(line.unit, micros_of(line.price)), _expected(line, request, billed)) for line in lines]
        return Quote(tuple(price for price, _ in parts), total(parts))


def deciding(fitting: Sequence[PriceConfig]) -> list[PriceConfig]:
    """Of lines that all apply, those that count, the token lines in the order of their units.

    The most specific one decides, the first among equals; one for the very name that was asked for goes before any of
    the model that it is an alias of. Where that is a token line, the most specific line of every token unit counts.
    """
    if not fitting:
        return []
    ordered = sorted(fitting, key=lambda line: (line.model != fitting[0].model, -len(line.when)))
    if ordered[0].unit not in TOKEN_UNITS:
        return ordered[:1]
    firsts = (next((line for line in ordered if line.unit == unit), None) for unit in TOKEN_UNITS)
    return [line for line in firsts if line is not None]


def used(
    prices: Sequence[Price], usage: Usage, outputs: tuple[Output, ...], request: GenerationRequest, held: int
) -> int:
    """What a finished task costs by what was really produced, in micro-units.

    Seconds that nobody measured or reported count as they were asked for, for every output. What cannot be told either
    way (the upstream reported no tokens, no compute seconds) costs what was held.
    """
    parts = []
    for price in prices:
        quantity = _quantity(price.unit, usage, outputs, request)
        if quantity is None:
            return held
        parts.append((price, quantity))
    return total(parts)


def _quantity(unit: Unit, usage: Usage, outputs: tuple[Output, ...], request: GenerationRequest) -> Decimal | None:
    """How many units were used; None where nobody knows."""
    match unit:
        case "second":
            asked = request.duration * len(outputs) if request.duration is not None else None
            seconds = usage.seconds if usage.seconds is not None else asked
            return exact(seconds) if seconds is not None else None
        case "image" | "track":
            kind = "image" if unit == "image" else "audio"
            return Decimal(sum(1 for output in outputs if output.kind == kind))
        case "character":
            return None if request.blanked else Decimal(len(request.prompt))
        case "compute_second":
            return exact(usage.compute_seconds) if usage.compute_seconds is not None else None
        case "call":
            return None  # as many as were held
        case _:
            count = getattr(usage.tokens, TOKEN_UNITS[unit], None)
            return Decimal(count).scaleb(-6) if count is not None else None


def _expected(line: PriceConfig, request: GenerationRequest, billed: Billed) -> Decimal:
    """How many units a request is expected to use."""
    if line.hold is not None:
        return line.hold
    match line.unit:
        case "second":
            return exact(billed.duration or _DURATION) * request.count
        case "image" | "track":
            return Decimal(request.count)
        case "character":
            return Decimal(len(request.prompt))
        case "call" | "compute_second":
            return Decimal(1)
        case _:
            return TOKENS_HELD


def _applies(line: PriceConfig, request: GenerationRequest, billed: Billed) -> bool:
    return all(_fact(name, request, billed) == spelled(name, wanted) for name, wanted in line.when.items())


def _fact(name: str, request: GenerationRequest, billed: Billed) -> object:
    """What a condition of a price line is compared with; the request's own word where the upstream is told nothing."""
    told = getattr(billed, name, None)
    return told if told is not None else spelled(name, getattr(request, name, None))

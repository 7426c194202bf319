"""The price book: what a model costs, by unit, under conditions; the most specific line wins."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

import msgspec

from telecine.config import PriceConfig
from telecine.nouns.catalogue import Catalogue, Model
from telecine.nouns.money import Price, cost, exact, micros_of
from telecine.nouns.request import GenerationRequest
from telecine.nouns.task import Output, Usage


class Quote(msgspec.Struct, frozen=True):
    """What a request is expected to cost: the line that applies, and the micro-units to hold for it."""

    price: Price
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

    def quote(self, request: GenerationRequest) -> Quote | None:
        """The line that applies to `request` and what to hold; None where the model is free."""
        model = self._catalogue.find(request.model)
        fitting = [line for line in self.of(request.model) if _applies(line, request)]
        if not fitting:
            return None
        line = max(fitting, key=lambda one: len(one.when))
        price = Price(line.unit, micros_of(line.price))
        return Quote(price, cost(price, _expected(line, request, model)))


def used(price: Price, usage: Usage, outputs: tuple[Output, ...], request: GenerationRequest, held: int) -> int:
    """What a finished task costs by what was really produced, in micro-units.

    What was not measured (a file that could not be stored yet has no probed length) counts as it was asked for.
    """
    match price.unit:
        case "second":
            measured = usage.seconds if all(output.state == "stored" for output in outputs) else None
            seconds = measured if measured is not None else request.duration
            return cost(price, exact(seconds)) if seconds is not None else held
        case "image":
            return cost(price, Decimal(sum(1 for output in outputs if output.kind == "image")))
        case "track":
            return cost(price, Decimal(sum(1 for output in outputs if output.kind == "audio")))
        case _:
            return held


def _expected(line: PriceConfig, request: GenerationRequest, model: Model | None) -> Decimal:
    """How many units a request is expected to use."""
    if line.hold is not None:
        return line.hold
    match line.unit:
        case "second":
            seconds = request.duration if request.duration is not None else (model.default_duration if model else 5)
            return exact(seconds) * request.count
        case "image" | "track":
            return Decimal(request.count)
        case "character":
            return Decimal(len(request.prompt))
        case _:
            return Decimal(1)


def _applies(line: PriceConfig, request: GenerationRequest) -> bool:
    return all(_fact(name, request) == wanted for name, wanted in line.when.items())


def _fact(name: str, request: GenerationRequest) -> object:
    """What a condition of a price line is compared with; what a client leaves out has the vendors' default."""
    match name:
        case "mode":
            return getattr(request.parameters, "mode", None) or "std"
        case "audio":
            return bool(request.audio)
        case _:
            return getattr(request, name)

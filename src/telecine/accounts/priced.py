"""What the price book prices: a job, or a call that is none."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from telecine.nouns.money import Unit
from telecine.nouns.operations import Kind, known_to_make
from telecine.nouns.request import GenerationRequest

_FACTS: Final = ("audio", "operation", "resolution", "size", "aspect_ratio", "count")
"""What prices can depend on, and requests say themselves; all else (`mode`, `speed`, …) is what an upstream is
told alone."""


class Priced(msgspec.Struct, frozen=True):
    """What is to cost something, as far as that is known beforehand."""

    model: str
    """The public name."""
    quantities: Mapping[Unit, Decimal]
    """How many units it takes, of those that are known. Seconds are not among them: see `files`."""
    facts: Mapping[str, Any] = {}
    """The client's own words, by what prices can depend on; they count where the upstream is told nothing."""
    duration: float | None = None
    """Seconds of each file, where the client has said that."""
    makes: Kind | None = None
    """What it makes, where that is known."""
    files: int = 1
    """How many files are made, each of which lasts as long as the upstream is told."""

    @classmethod
    def of(cls, request: GenerationRequest) -> Priced:
        """A job for what `request` asks for."""
        priced = cls(
            model=request.model,
            quantities={"call": Decimal(1), "character": Decimal(len(request.prompt))},
            facts={name: getattr(request, name) for name in _FACTS},
            duration=request.duration,
            makes=known_to_make(request),
        )
        return priced.making(request.count)

    def making(self, count: int) -> Priced:
        """The same with so many results."""
        quantities = {**self.quantities, "image": Decimal(count), "track": Decimal(count)}
        return replace(self, quantities=quantities, files=count)

"""Ratios, resolutions and other words, which an upstream of IMA's may know where nobody here does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from msgspec.structs import replace

from telecine.dialects import scalars
from telecine.dialects.openai.frame import JUDGES, objection
from telecine.nouns.catalogue import Catalogue
from telecine.nouns.errors import invalid
from telecine.nouns.geometry import check_agreement
from telecine.nouns.request import GenerationRequest, Native, Novel
from telecine.nouns.sizes import is_size, parse_size

VENDOR: Final = "ima"


def ratio(said: str | None) -> str | None:
    """In our spelling, where it means something here."""
    if said is None or objection(scalars.aspect_ratio, said, ""):
        return said
    return scalars.aspect_ratio(said, "")


def resolution(said: str | None) -> str | None:
    """The same of a resolution."""
    return said if said is None or objection(scalars.resolution, said, "") else said.lower()


def pixels(said: str | None) -> str | None:
    """The same of a size."""
    if said is None or not is_size(said):
        return said
    width, height = parse_size(said)
    return f"{width}x{height}"


def text(fields: Mapping[str, Any], name: str) -> str | None:
    """A text in `metadata`. Raises GatewayError."""
    value = fields.get(name)
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise invalid(f"metadata.{name}: must be text.", f"metadata.{name}")
    return value


def judged(
    request: GenerationRequest, unknown: Mapping[str, Any], names: Mapping[str, str], models: Catalogue
) -> GenerationRequest:
    """`request` with what only an upstream of IMA's may judge: fields that nobody here knows, values that its model is
    not known to have, words that mean nothing here. `names` is what its body calls neutral fields.

    Raises GatewayError where its size, ratio and resolution say different things.
    """
    novel = models.strange(request)
    for name, judge in JUDGES.items():
        value = getattr(request, name)
        why = None if value is None else objection(judge, value, names.get(name, name))
        if why is not None:
            novel[name] = Novel(value, why)
    request = replace(request, native=Native(VENDOR, dict(unknown), novel) if unknown or novel else None)
    check_agreement(request, models.ability(request.model, request.operation))
    return request

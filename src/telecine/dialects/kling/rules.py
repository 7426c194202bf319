"""The rules of Kling's bodies that are about several fields at once; an operation lists those that hold for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from telecine.dialects import scalars
from telecine.nouns.catalogue import Catalogue
from telecine.nouns.errors import invalid

Rule = Callable[[Any, Catalogue], None]
"""Of a body whose empty fields are gone, and the models that are known. Raises GatewayError (`invalid_request`) naming
the field at fault."""


def said(wire: Any, path: str) -> Any:
    """What stands at a path of a body (`input.image`); None where nothing does."""
    if "." in path:
        outer, _, path = path.rpartition(".")
        wire = said(wire, outer)
    found = getattr(wire, path, None)
    return found if found or isinstance(found, int | float) else None  # false and 0 say something


def needs(*names: str, unless: str = "") -> Rule:
    """One of these at the least, unless another one says enough."""

    def check(wire: Any, _: Catalogue) -> None:
        if all(said(wire, name) is None for name in names) and not (unless and said(wire, unless)):
            what = f"one of {' and '.join(names)} is required" if len(names) > 1 else "is required"
            raise invalid(f"{names[0]}: {what}.", names[0])

    return check


def apart(*ways: tuple[str, ...]) -> Rule:
    """Ways that exclude each other, each with the fields that make it."""

    def check(wire: Any, _: Catalogue) -> None:
        used = [next(name for name in way if said(wire, name)) for way in ways if any(said(wire, one) for one in way)]
        if len(used) > 1:
            names = " and ".join(", ".join(way) for way in ways)
            raise invalid(f"{used[1]}: {names} exclude each other; send one of them.", used[1])

    return check


def together(most: int, *names: str) -> Rule:
    """So many of these at the most; what is no list counts as one."""

    def check(wire: Any, _: Catalogue) -> None:
        found = [(name, one) for name in names if (one := said(wire, name)) is not None]
        if sum(len(one) if isinstance(one, list) else 1 for _, one in found) > most:
            raise invalid(f"{found[-1][0]}: {' and '.join(names)} may hold {most} together at the most.", found[-1][0])

    return check


def only_with(name: str, other: str) -> Rule:
    """A field that says nothing without another one."""

    def check(wire: Any, _: Catalogue) -> None:
        if said(wire, name) is not None and not said(wire, other):
            raise invalid(f"{name}: needs {other}.", name)

    return check


def shots(model: str) -> Rule:
    """Several shots in one video, whose durations sum to the whole; `model` is whose a body means that names none."""

    def check(wire: Any, models: Catalogue) -> None:
        if not wire.multi_shot:
            for name in ("shot_type", "multi_prompt"):
                if said(wire, name):
                    raise invalid(f"{name}: needs multi_shot to be true.", name)
            return
        if wire.shot_type is None:
            raise invalid("shot_type: is required when multi_shot is true.", "shot_type")
        if wire.shot_type == "customize" and not wire.multi_prompt:
            raise invalid("multi_prompt: is required when shot_type is customize.", "multi_prompt")
        lengths = [
            scalars.seconds(one.duration, f"multi_prompt[{number}].duration") or 0.0
            for number, one in enumerate(wire.multi_prompt)
        ]
        total = scalars.seconds(wire.duration, "duration") or _usual(models, wire.model_name or wire.model or model)
        if lengths and abs(sum(lengths) - total) > 1e-6:
            raise invalid(
                f"multi_prompt: the durations of the shots must sum to the duration, {total:g}.", "multi_prompt"
            )

    return check


def _usual(models: Catalogue, name: str) -> float:
    """Seconds that a model makes where nothing is said."""
    model = models.find(name)
    return float(model.main.default_duration) if model is not None else 5.0

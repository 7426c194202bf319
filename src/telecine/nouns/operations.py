"""What the table of operations comes to: which one is meant, what it makes, and whether a request is of its shape."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import cache, lru_cache
from typing import Final

from telecine.nouns.errors import GatewayError, invalid
from telecine.nouns.kinds import Kind as Kind  # noqa: PLC0414  what operations make is known by them
from telecine.nouns.money import Unit
from telecine.nouns.offered import OPERATIONS as OPERATIONS  # noqa: PLC0414  the table is known by what is done with it
from telecine.nouns.operation import Operation as Operation  # noqa: PLC0414
from telecine.nouns.parameters import WorkflowParameters
from telecine.nouns.request import GenerationRequest, Role


def inferred(makes: Kind, roles: Collection[str], can: Collection[str] = ()) -> Operation:
    """The operation that makes such a thing of inputs with these `roles`, each as often as there are inputs with it,
    where nobody has named one. What the model `can` do goes first, where that is known.

    Raises LookupError where nothing makes it.
    """
    return _inferred(makes, frozenset(roles), len(roles) > len(set(roles)), tuple(can))


@lru_cache(maxsize=1024)
def _inferred(makes: Kind, roles: frozenset[str], several: bool, can: tuple[str, ...]) -> Operation:
    """Asked at each create of some dialects. `several`: a role is there more than once."""
    alike = [one for one in OPERATIONS.values() if one.makes == makes and one.inferred and not one.needs_source]
    if not alike:
        raise LookupError(f"no operation makes {makes}")
    known = sorted((one for one in alike if one.name in can), key=lambda one: one.several != several)
    for among in (known, alike):
        for near in (
            [one for one in among if one.fits(roles)],
            [one for one in among if bool(one.inputs) == bool(roles)],
        ):
            if near:
                return near[0]
    return alike[0]


_COUNTED: Final[Mapping[Unit, frozenset[Kind]]] = {
    "image": frozenset({"image"}),
    "second": frozenset({"video", "audio"}),
    "track": frozenset({"audio"}),
}
"""The units that are counted in what a job has made, and in which kinds of things there are any."""


def counts(unit: Unit, makes: Kind) -> bool:
    """Whether what makes such a thing can be priced by `unit`."""
    return makes in _COUNTED.get(unit, (makes,))


def apart(unit: Unit, other: Unit) -> bool:
    """Whether nothing can be priced by either of two units: a picture has no seconds, a video is no image."""
    return unit in _COUNTED and other in _COUNTED and _COUNTED[unit].isdisjoint(_COUNTED[other])


def known_to_make(request: GenerationRequest) -> Kind | None:
    """What the main part of the results of `request` is; None for a workflow of which nobody knows."""
    if isinstance(request.parameters, WorkflowParameters):
        return request.parameters.makes
    return OPERATIONS[request.operation].makes


def makes_of(request: GenerationRequest) -> Kind:
    """The same, where nobody knows what is likely."""
    return known_to_make(request) or OPERATIONS[request.operation].makes


@cache
def roles_for(name: str) -> frozenset[Role]:
    """The roles of inputs that the operation, or some channel for it, takes."""
    operation = OPERATIONS[name]
    return frozenset((*operation.inputs, *operation.also))


def check(request: GenerationRequest) -> None:
    """Raise GatewayError, naming the field, where `request` is not of the shape of its operation, whatever its model:
    inputs that nothing of its kind has a use for, too many or too few of them, no source, or one of which it can make
    nothing. (Some channels take a picture beside a text for a video; they judge that themselves.)"""
    operation = find(request.operation)
    if operation is None:
        raise _unsupported(f"There is no operation '{request.operation[:64]}'.", "operation")
    for role in sorted({one.role for one in request.inputs} - roles_for(operation.name)):
        raise _unsupported(f"The operation {operation.title} takes no {_words(role)}.", f"inputs.{role}")
    for role, slot in operation.inputs.items():
        count = sum(1 for _ in request.with_role(role))
        if count < slot.least:
            raise invalid(f"The operation {operation.title} needs {_one(role)}.", f"inputs.{role}")
        if slot.most is not None and count > slot.most:
            raise invalid(f"The operation {operation.title} takes {slot.most} {_words(role)}, not {count}.", "inputs")
    if operation.needs and request.source is None and not any(request.with_role(*operation.needs)):
        what = " or ".join(map(_one, (*operation.needs, *(["source"] if operation.follows else []))))
        raise invalid(f"The operation {operation.title} needs {what}.", f"inputs.{operation.needs[0]}")
    if request.source is None and operation.needs_source:
        raise invalid(f"The operation {operation.title} needs a source.", "source")
    if request.source is not None and not operation.follows:
        raise _unsupported(f"The operation {operation.title} follows up nothing.", "source")


def kept(source: GenerationRequest) -> float | None:
    """The seconds of what is made again of what `source` asked for; None where nobody here knows: how long an extension
    is with all that came before it, only its upstream does."""
    return None if source.operation == "extend" else source.duration


def check_source(name: str, source: str) -> None:
    """Raise GatewayError where the operation `name` can make nothing of what the operation `source` made."""
    operation = OPERATIONS[name]
    if source not in operation.follows:
        raise invalid(f"The operation {operation.title} cannot follow up {_words(source)}.", "source")


def _unsupported(message: str, param: str) -> GatewayError:
    return GatewayError("unsupported_parameter", message, param=param)


def _one(name: str) -> str:
    return f"{'an' if name[0] in 'aeiou' else 'a'} {_words(name)}"


def _words(name: str) -> str:
    return name.replace("_", " ")


def find(name: str) -> Operation | None:
    """The operation with this name."""
    return OPERATIONS.get(name)

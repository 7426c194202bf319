"""What can be asked for: the one table of operations.

Validation, catalogue, router, price book, sandbox, our own task API, its documents and the command line read it, so
that one more operation is one more line. What only one vendor has is named `vendor:operation`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import cache
from typing import Final, Literal

import msgspec

from telecine.nouns.errors import GatewayError, invalid
from telecine.nouns.kinds import Kind as Kind  # noqa: PLC0414  what operations make is known by them
from telecine.nouns.money import Unit
from telecine.nouns.parameters import ImageParameters, MusicParameters, VideoParameters, WorkflowParameters
from telecine.nouns.request import GenerationRequest, Role


class Slot(msgspec.Struct, frozen=True):
    """How many inputs of a role an operation takes; `most` None is no limit of the operation itself."""

    least: int = 0
    most: int | None = None


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that can be asked for, and what is true of it whatever the model and the provider."""

    name: str
    makes: Kind
    """What its main part is, where the request does not say something else: see `makes_of`."""
    unit: Unit
    """What it is priced by where nobody says otherwise."""
    inputs: Mapping[Role, Slot] = {}
    """The roles that its inputs may have."""
    parameters: type[msgspec.Struct] | None = None
    """The struct of its parameters, whose fields say whether they change the price; None where it has none."""
    follows: frozenset[str] = frozenset()
    """The operations whose tasks or outputs it may follow up."""
    needs_source: bool = False
    """It cannot be without something that it follows up."""
    slots: Literal["one", "count"] = "one"
    """How many of a pool's slots it takes: one, or as many as there are to be outputs."""
    inferred: bool = True
    """It may be meant where nobody has named an operation."""

    @property
    def title(self) -> str:
        """Its name as a person would write it."""
        return self.name.rpartition(":")[2].replace("_", " ")


_ANY: Final = Slot()
_ONE: Final = Slot(most=1)

OPERATIONS: Final[Mapping[str, Operation]] = {
    one.name: one
    for one in (
        Operation(name="text_to_image", makes="image", unit="image", parameters=ImageParameters, slots="count"),
        Operation(name="text_to_video", makes="video", unit="second", parameters=VideoParameters),
        Operation(
            name="image_to_video",
            makes="video",
            unit="second",
            inputs={"image": _ANY, "first_frame": _ONE, "last_frame": _ONE, "reference": _ANY, "mask": _ANY},
            parameters=VideoParameters,
        ),
        Operation(
            name="remix",
            makes="video",
            unit="second",
            parameters=VideoParameters,
            follows=frozenset({"text_to_video", "image_to_video", "remix"}),
            needs_source=True,
        ),
        Operation(name="music", makes="audio", unit="track", parameters=MusicParameters, follows=frozenset({"music"})),
        Operation(name="lyrics", makes="text", unit="call"),
        Operation(
            name="workflow",
            makes="image",
            unit="call",
            inputs=dict.fromkeys(("image", "first_frame", "last_frame", "reference", "mask", "video", "audio"), _ANY),
            parameters=WorkflowParameters,
            inferred=False,
        ),
    )
}


def inferred(makes: Kind, roles: Collection[str]) -> Operation:
    """The operation that makes such a thing of inputs with these `roles`, where nobody has named one.

    Raises LookupError where nothing makes it.
    """
    fitting = [one for one in OPERATIONS.values() if one.makes == makes and one.inferred and not one.needs_source]
    if not fitting:
        raise LookupError(f"no operation makes {makes}")
    return next((one for one in fitting if bool(one.inputs) == bool(roles)), fitting[0])


def makes_of(request: GenerationRequest) -> Kind:
    """What the main part of the results of `request` is."""
    told = request.parameters.makes if isinstance(request.parameters, WorkflowParameters) else None
    return told or OPERATIONS[request.operation].makes


@cache
def roles_for(name: str) -> frozenset[Role]:
    """The roles of inputs that anything which makes what the operation `name` does takes."""
    operation = OPERATIONS[name]
    alike = [one for one in OPERATIONS.values() if one.makes == operation.makes and one.inferred]
    return frozenset(role for one in (alike if operation.inferred else [operation]) for role in one.inputs)


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
            raise invalid(f"The operation {operation.title} needs a {_words(role)}.", f"inputs.{role}")
        if slot.most is not None and count > slot.most:
            raise invalid(f"The operation {operation.title} takes {slot.most} {_words(role)}, not {count}.", "inputs")
    if request.source is None and operation.needs_source:
        raise invalid(f"The operation {operation.title} needs a source.", "source")
    if request.source is not None and not operation.follows:
        raise _unsupported(f"The operation {operation.title} follows up nothing.", "source")


def check_source(name: str, source: str) -> None:
    """Raise GatewayError where the operation `name` can make nothing of what the operation `source` made."""
    operation = OPERATIONS[name]
    if source not in operation.follows:
        raise invalid(f"The operation {operation.title} cannot follow up {_words(source)}.", "source")


def _unsupported(message: str, param: str) -> GatewayError:
    return GatewayError("unsupported_parameter", message, param=param)


def _words(name: str) -> str:
    return name.replace("_", " ")


def find(name: str) -> Operation | None:
    """The operation with this name."""
    return OPERATIONS.get(name)

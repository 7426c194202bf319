"""What can be asked for: the one table of operations.

Validation, catalogue, router, price book, sandbox, our own task API, its documents and the command line read it, so
that one more operation is one more line. What only one vendor has is named `vendor:operation`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import cache, lru_cache
from typing import Final, Literal

import msgspec

from telecine.nouns.errors import GatewayError, invalid
from telecine.nouns.kinds import Kind as Kind  # noqa: PLC0414  what operations make is known by them
from telecine.nouns.money import Unit
from telecine.nouns.parameters import (
    ChangeParameters,
    CharacterParameters,
    EffectsParameters,
    ExpandParameters,
    ImageParameters,
    LipSyncParameters,
    MusicParameters,
    VideoParameters,
    WorkflowParameters,
)
from telecine.nouns.reference import ReferenceKind
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
    also: tuple[Role, ...] = ()
    """Roles that some channels take beside them; they judge that themselves."""
    needs: tuple[Role, ...] = ()
    """It cannot be without an input of one of these roles, the likeliest first; a source does as well, where it follows
    something up."""
    parameters: type[msgspec.Struct] | None = None
    """The struct of its parameters, whose fields say whether they change the price; None where it has none."""
    follows: frozenset[str] = frozenset()
    """The operations whose tasks or outputs it may follow up."""
    called: ReferenceKind | None = None
    """What a reference calls what it makes, where that is no file of its kind but a thing that lives upstream."""
    needs_source: bool = False
    """It cannot be without something that it follows up."""
    slots: Literal["one", "count"] = "one"
    """How many of a pool's slots it takes: one, or as many as there are to be outputs."""
    inferred: bool = True
    """It may be meant where nobody has named an operation."""
    several: bool = False
    """It is meant where a role has several inputs, and the model can do another operation with them as well."""

    @property
    def title(self) -> str:
        """Its name as a person would write it."""
        return self.name.rpartition(":")[2].replace("_", " ")

    def fits(self, roles: Collection[str]) -> bool:
        """Whether it can be made of inputs with exactly these roles."""
        told = set(roles)
        lacking = any(slot.least and role not in told for role, slot in self.inputs.items())
        if lacking or (self.needs and told.isdisjoint(self.needs)):
            return False
        return told <= self.inputs.keys() and bool(told) == bool(self.inputs)


_ANY: Final = Slot()
_ONE: Final = Slot(most=1)
_EXACTLY_ONE: Final = Slot(least=1, most=1)
_PICTURES: Final[Mapping[Role, Slot]] = {
    "image": _ANY,
    "first_frame": _ONE,
    "last_frame": _ONE,
    "reference": _ANY,
    "mask": _ANY,
}
_CHANGED: Final[Mapping[str, Mapping[Role, Slot]]] = {
    "upscale": {},
    "vary": {},
    "zoom": {},
    "pan": {},
    "inpaint": {"mask": _ONE},
}
"""What is done with one picture, that it is sent or that a source has made: the inputs of each beside it."""
_IMAGES: Final = frozenset(
    {"text_to_image", "image_to_image", "image_variation", "expand", "try_on", "blend", "swap_face"}
) | {"midjourney:retexture", "midjourney:action", "reroll", *_CHANGED}
"""What makes pictures, each of which another operation may go on from."""
_CLIPS: Final = frozenset(
    {"text_to_video", "image_to_video", "reference_to_video", "remix", "edit_video", "extend", "lip_sync", "avatar"}
) | {"motion_control", "kling:effects"}
"""What makes videos, each of which another operation may go on from."""

OPERATIONS: Final[Mapping[str, Operation]] = {
    one.name: one
    for one in (
        Operation(name="text_to_image", makes="image", unit="image", parameters=ImageParameters, slots="count"),
        Operation(
            name="image_to_image",
            makes="image",
            unit="image",
            inputs={"image": _ANY, "reference": _ANY, "scene": _ONE, "style": _ONE, "mask": _ONE},
            needs=("image", "reference"),
            parameters=ImageParameters,
            slots="count",
        ),
        Operation(
            name="image_variation",
            makes="image",
            unit="image",
            inputs={"image": _EXACTLY_ONE},
            parameters=ImageParameters,
            slots="count",
            inferred=False,
        ),
        Operation(
            name="expand",
            makes="image",
            unit="image",
            inputs={"image": _EXACTLY_ONE},
            parameters=ExpandParameters,
            slots="count",
            inferred=False,
        ),
        Operation(
            name="try_on",
            makes="image",
            unit="image",
            inputs={"person": _EXACTLY_ONE, "garment": Slot(least=1)},
            parameters=ImageParameters,
        ),
        Operation(
            name="blend",
            makes="image",
            unit="image",
            inputs={"image": Slot(least=2, most=5)},
            parameters=ImageParameters,
            inferred=False,
        ),
        *(
            Operation(
                name=name,
                makes="image",
                unit="image",
                inputs={"image": _ONE, **more},
                needs=("image",),
                parameters=ChangeParameters,
                follows=_IMAGES,
                inferred=False,
            )
            for name, more in _CHANGED.items()
        ),
        Operation(
            name="reroll",
            makes="image",
            unit="image",
            parameters=ChangeParameters,
            follows=_IMAGES,
            needs_source=True,
            inferred=False,
        ),
        Operation(
            name="swap_face",
            makes="image",
            unit="image",
            inputs={"person": _EXACTLY_ONE, "image": _EXACTLY_ONE},
            parameters=ChangeParameters,
            inferred=False,
        ),
        Operation(
            name="midjourney:retexture",
            makes="image",
            unit="image",
            inputs={"image": _EXACTLY_ONE},
            parameters=ImageParameters,
            inferred=False,
        ),
        Operation(
            name="midjourney:action",
            makes="image",
            unit="image",
            parameters=ChangeParameters,
            follows=_IMAGES | _CLIPS | {"describe", "shorten"},
            needs_source=True,
            inferred=False,
        ),
        Operation(
            name="describe",
            makes="text",
            unit="call",
            inputs={"image": _EXACTLY_ONE},
            parameters=ChangeParameters,
            inferred=False,
        ),
        Operation(name="shorten", makes="text", unit="call", parameters=ChangeParameters, inferred=False),
        Operation(name="text_to_video", makes="video", unit="second", also=(*_PICTURES,), parameters=VideoParameters),
        Operation(
            name="image_to_video",
            makes="video",
            unit="second",
            inputs=_PICTURES,
            parameters=VideoParameters,
            follows=_IMAGES,
        ),
        Operation(
            name="remix",
            makes="video",
            unit="second",
            also=(*_PICTURES,),
            parameters=VideoParameters,
            follows=_CLIPS,
            needs_source=True,
        ),
        Operation(
            name="edit_video",
            makes="video",
            unit="second",
            inputs={"video": _ONE, "reference": _ANY, "image": _ANY},
            needs=("video",),
            parameters=VideoParameters,
            follows=_CLIPS,
        ),
        Operation(
            name="reference_to_video",
            makes="video",
            unit="second",
            inputs={"reference": _ANY, "video": _ANY},
            also=("first_frame", "last_frame", "audio"),
            parameters=VideoParameters,
            several=True,
        ),
        Operation(
            name="extend",
            makes="video",
            unit="second",
            inputs={"video": _ONE},
            needs=("video",),
            parameters=VideoParameters,
            follows=_CLIPS,
        ),
        Operation(
            name="lip_sync",
            makes="video",
            unit="second",
            inputs={"video": _ONE, "audio": _ONE},
            needs=("video",),
            parameters=LipSyncParameters,
            follows=_CLIPS | {"kling:identify_face"},
        ),
        Operation(
            name="avatar",
            makes="video",
            unit="second",
            inputs={"image": _EXACTLY_ONE, "audio": _ONE},
            parameters=VideoParameters,
            follows=frozenset({"sound"}),
        ),
        Operation(
            name="motion_control",
            makes="video",
            unit="second",
            inputs={"image": _EXACTLY_ONE, "video": _EXACTLY_ONE},
            parameters=VideoParameters,
            inferred=False,
        ),
        Operation(
            name="kling:effects",
            makes="video",
            unit="call",
            inputs={"image": Slot(most=2)},
            needs=("image",),
            parameters=EffectsParameters,
            follows=_CLIPS | _IMAGES,
            inferred=False,
        ),
        Operation(name="music", makes="audio", unit="track", parameters=MusicParameters, follows=frozenset({"music"})),
        Operation(name="sound", makes="audio", unit="second"),
        Operation(name="lyrics", makes="text", unit="call"),
        Operation(
            name="kling:identify_face",
            makes="text",
            unit="call",
            inputs={"video": _ONE},
            needs=("video",),
            follows=_CLIPS,
            called="session",
            inferred=False,
        ),
        Operation(
            name="kling:recognize_image",
            makes="text",
            unit="call",
            inputs={"image": _EXACTLY_ONE},
            inferred=False,
        ),
        Operation(
            name="create_character",
            makes="text",
            unit="call",
            inputs={"video": _ONE},
            needs=("video",),
            parameters=CharacterParameters,
            follows=_CLIPS,
            called="character",
            inferred=False,
        ),
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

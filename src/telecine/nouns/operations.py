"""What can be asked for: the one table of operations.

Validation, catalogue, router, price book, sandbox, our own task API, its documents and the command line read it, so
that one more operation is one more line. What only one vendor has is named `vendor:operation`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

import msgspec

from telecine.nouns.money import Unit
from telecine.nouns.parameters import ImageParameters, MusicParameters, VideoParameters
from telecine.nouns.request import Role

Kind = Literal["video", "image", "audio", "text", "file"]


class Slot(msgspec.Struct, frozen=True):
    """How many inputs of a role an operation takes; `most` None is no limit of the operation itself."""

    least: int = 0
    most: int | None = None


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that can be asked for, and what is true of it whatever the model and the provider."""

    name: str
    makes: Kind
    """What its main part is."""
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
    )
}


def find(name: str) -> Operation | None:
    """The operation with this name."""
    return OPERATIONS.get(name)

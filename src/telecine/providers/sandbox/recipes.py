"""What the sandbox shows of an operation: which of its inputs, and what becomes of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

import msgspec

from telecine.nouns.request import GenerationRequest, MediaInput, Role

Draws = Literal[
    "", "pictures", "grown", "edited", "extended", "voiced", "moved", "sound",
    "larger", "varied", "again", "wider", "further", "repainted", "blended", "recoloured", "swapped",
    "joined", "faces", "objects", "character", "described", "shortened",
]  # fmt: skip
"""What a drawing is made of: the prompt or the picture that a video begins with (""); pictures side by side under the
prompt; a picture on a larger ground; a video under a band with the prompt; one that goes on; one with another sound; a
picture that moves as long as a sound or a video lasts; a sound. Then what becomes of a picture: larger, much as it was,
its prompt once more, seen from further away, further to one side, a part of it anew, several as one, in other colours,
with another face; a song with what came before it. The last five are words, the first three of them with a picture of
what they are about."""
CALLS: Final[tuple[Draws, ...]] = ("faces", "objects", "character")
WORDS: Final[tuple[Draws, ...]] = ("described", "shortened")
GROWN: Final[tuple[Draws, ...]] = ("grown", "wider", "further")
"""A picture on a larger ground."""
CHANGED: Final[tuple[Draws, ...]] = ("larger", "varied", "repainted", "blended", "recoloured", "swapped")
"""What becomes of pictures, drawn by `changes`."""
Look = Literal["image", "video", "audio"]


class Recipe(msgspec.Struct, frozen=True):
    """How an operation is drawn."""

    draws: Draws
    of: tuple[Role, ...] = ()
    """The roles of the inputs that are seen or heard, in this order; the first input among them gives the frame."""
    keeps: bool = False
    """It has the size of the picture that it is made of, where none is asked for."""


_DRAWN: Final = Recipe("")
_MASKED: Final = Recipe("repainted", ("image", "mask"))
_RECIPES: Final[Mapping[str, Recipe]] = {
    "image_to_image": Recipe("pictures", ("image", "reference", "scene", "style")),
    "image_variation": Recipe("pictures", ("image",)),
    "expand": Recipe("grown", ("image",)),
    "try_on": Recipe("pictures", ("person", "garment")),
    "reference_to_video": Recipe("pictures", ("reference", "video")),
    "edit_video": Recipe("edited", ("video", "reference", "image")),
    "extend": Recipe("extended", ("video",)),
    "lip_sync": Recipe("voiced", ("video", "audio")),
    "avatar": Recipe("moved", ("image", "audio")),
    "motion_control": Recipe("moved", ("image", "video")),
    "kling:effects": Recipe("pictures", ("image",)),
    "sound": Recipe("sound"),
    "kling:identify_face": Recipe("faces", ("video",)),
    "kling:recognize_image": Recipe("objects", ("image",)),
    "create_character": Recipe("character", ("video",)),
    "upscale": Recipe("larger", ("image",)),
    "vary": Recipe("varied", ("image",), keeps=True),
    "reroll": Recipe("again"),
    "zoom": Recipe("wider", ("image",), keeps=True),
    "pan": Recipe("further", ("image",)),
    "inpaint": Recipe("repainted", ("image", "mask"), keeps=True),
    "blend": Recipe("blended", ("image",)),
    "midjourney:retexture": Recipe("recoloured", ("image",), keeps=True),
    "swap_face": Recipe("swapped", ("image", "person"), keeps=True),
    "suno:concat": Recipe("joined"),
    "describe": Recipe("described", ("image",)),
    "shorten": Recipe("shortened"),
}
ONCE_MORE: Final[tuple[Draws, ...]] = ("again", "joined")
"""What is made of the job of its source, and not of its file."""
FOLLOWING: Final = frozenset({"edited", "extended", "voiced", "pictures", "faces", "character"}) | frozenset(
    {"larger", "varied", "wider", "further", "repainted"}
)
"""What is made of the file that its source has made, where it has one."""
MOST: Final = 12
"""Inputs that are seen."""


class Looks(msgspec.Struct, frozen=True):
    """What can truly be said of a picture."""

    colours: tuple[tuple[str, int], ...]
    """Its main colours by name, and how much of it they are, per cent, the most first."""
    light: float
    """How light it is, from 0 (black) to 1 (white)."""


class Given(msgspec.Struct, frozen=True):
    """A file that a job is drawn with, kept beside it. `width`, `height` in pixels, `seconds`; 0 of what has none."""

    role: Role
    look: Look
    sha256: str
    width: int = 0
    height: int = 0
    seconds: float = 0.0
    looks: Looks | None = None
    """What is seen in a picture that is to be described."""


def recipe_of(request: GenerationRequest) -> Recipe:
    """How what is asked for is drawn: an operation that is not in the table, of its prompt and the picture that it
    begins with; an edit of one picture under a mask, as that picture."""
    if request.operation == "image_to_image" and sorted(one.role for one in request.inputs) == ["image", "mask"]:
        return _MASKED
    return _RECIPES.get(request.operation, _DRAWN)


def shown(request: GenerationRequest) -> list[MediaInput]:
    """The inputs that are seen or heard, in the recipe's order."""
    return [item for role in recipe_of(request).of for item in request.with_role(role)][:MOST]


def look_of(role: Role) -> Look:
    """What a file with this role is."""
    if role == "video":
        return "video"
    return "audio" if role == "audio" else "image"

"""What the sandbox shows of an operation: which of its inputs, and what becomes of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

import msgspec

from telecine.nouns.request import GenerationRequest, MediaInput, Role

Draws = Literal[
    "", "pictures", "grown", "edited", "extended", "voiced", "moved", "sound", "faces", "objects", "character"
]
"""What a drawing is made of: the prompt or the picture that a video begins with (""); pictures side by side under the
prompt; a picture on a larger ground; a video under a band with the prompt; one that goes on; one with another sound; a
picture that moves as long as a sound or a video lasts; a sound. The last three are words, and a picture
of what they are about."""
CALLS: Final[tuple[Draws, ...]] = ("faces", "objects", "character")
Look = Literal["image", "video", "audio"]


class Recipe(msgspec.Struct, frozen=True):
    """How an operation is drawn."""

    draws: Draws
    of: tuple[Role, ...] = ()
    """The roles of the inputs that are seen or heard, in this order; the first input among them gives the frame."""


_DRAWN: Final = Recipe("")
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
}
FOLLOWING: Final = frozenset({"edited", "extended", "voiced", "pictures", "faces", "character"})
"""What is made of the file that its source has made, where it has one."""
MOST: Final = 12
"""Inputs that are seen."""


class Given(msgspec.Struct, frozen=True):
    """A file that a job is drawn with, kept beside it. `width`, `height` in pixels, `seconds`; 0 of what has none."""

    role: Role
    look: Look
    sha256: str
    width: int = 0
    height: int = 0
    seconds: float = 0.0


def recipe_of(operation: str) -> Recipe:
    """How the operation is drawn: what is not in the table, of its prompt and the picture that it begins with."""
    return _RECIPES.get(operation, _DRAWN)


def shown(request: GenerationRequest) -> list[MediaInput]:
    """The inputs that are seen or heard, in the recipe's order."""
    return [item for role in recipe_of(request.operation).of for item in request.with_role(role)][:MOST]


def look_of(role: Role) -> Look:
    """What a file with this role is."""
    if role == "video":
        return "video"
    return "audio" if role == "audio" else "image"

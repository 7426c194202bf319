"""The media types of `telecine.nouns.kinds`. Anything else is kept, but never shown in a browser."""

from __future__ import annotations

from typing import Final, Literal

from telecine.nouns.kinds import EXTENSIONS
from telecine.nouns.request import Role

Kind = Literal["video", "image", "audio"]
Variant = Literal["file", "poster", "spritesheet"]

_TYPES: Final = {extension: content_type for content_type, extension in EXTENSIONS.items()}
_ROLES: Final[dict[Role, Kind]] = {"video": "video", "audio": "audio"}


def extension_of(content_type: str | None) -> str:
    """How a file of this type is named; `bin` for a type that is not on the list."""
    return EXTENSIONS.get(content_type or "", "bin")


def type_of(name: str) -> str | None:
    """The type on the list that the extension of `name` stands for."""
    return _TYPES.get(name.rpartition(".")[2])


def kind_of(role: Role) -> Kind:
    """What a file in this role must be."""
    return _ROLES.get(role, "image")

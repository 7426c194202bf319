"""The media types that we know by name. Anything else is kept, but never shown in a browser."""

from __future__ import annotations

from typing import Final, Literal

from telecine.nouns.request import Role

Kind = Literal["video", "image", "audio"]
Variant = Literal["file", "poster", "spritesheet"]

EXTENSIONS: Final[dict[str, str]] = {
    "video/mp4": "mp4",
    "video/webm": "webm",
    "video/quicktime": "mov",
    "image/png": "png",
    "image/jpeg": "jpg",
    "image/webp": "webp",
    "image/gif": "gif",
    "audio/mpeg": "mp3",
    "audio/wav": "wav",
    "audio/mp4": "m4a",
    "audio/ogg": "ogg",
    "audio/flac": "flac",
}
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

"""The media that a body of Kling's names, as URLs or raw base64, and what Kling refuses of those that we keep."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from telecine.dialects.inline import Source, is_url
from telecine.nouns.errors import GatewayError, invalid
from telecine.nouns.parameters import Point
from telecine.nouns.request import MediaInput, Role
from telecine.wires.kling import MAX_SOUND

Media = Mapping[str, Role | Callable[[Any], Role]]
"""By path in the body (`image`, `input.images[]`, `dynamic_masks[].mask`), the role of what stands there; or how to
tell it by the object in which that stands."""
_MIN_SIDE: Final = 300
_MAX_RATIO: Final = 2.5
_PICTURES: Final = ("image/jpeg", "image/png")
_ANY_SHAPE: Final = ("person", "garment")
"""Kling documents no proportions for these (virtual try-on)."""


def sources(media: Media, wire: Any) -> list[Source]:
    """All that `wire` names, in the order of `media`. Raises GatewayError for a data URL, which Kling refuses."""
    return [
        _source(role if isinstance(role, str) else role(holder), param, value, holder)
        for path, role in media.items()
        for param, value, holder in _at(wire, path.split("."), "")
    ]


def _at(holder: Any, names: list[str], before: str) -> Iterator[tuple[str, str, Any]]:
    """(where it stands, text, the object in which it stands) of every text at a path."""
    name, many = names[0].removesuffix("[]"), names[0].endswith("[]")
    value = getattr(holder, name, None)
    found = list(value or ()) if many else [] if value is None else [value]
    for number, one in enumerate(found):
        param = f"{before}{name}[{number}]" if many else f"{before}{name}"
        if len(names) > 1:
            yield from _at(one, names[1:], f"{param}.")
        elif one:
            yield param, one, holder


def _source(role: Role, param: str, value: str, holder: Any) -> Source:
    points = tuple(Point(one.x, one.y) for one in getattr(holder, "trajectories", ()))
    if is_url(value):
        return Source(role, param, url=value, trajectory=points)
    if value[:5].lower() == "data:":
        raise invalid(f"{param}: send the base64 alone, without the 'data:…;base64,' before it.", param)
    return Source(role, param, data=value, trajectory=points)


def check_media(item: MediaInput, param: str) -> None:
    """Raise GatewayError for what Kling refuses: a picture's kind, smallest side and proportions, a sound's bytes."""
    if item.role == "audio":
        if (item.bytes or 0) > MAX_SOUND:
            raise GatewayError("too_large", f"{param}: the file is larger than {MAX_SOUND} bytes.", param=param)
        return
    if item.role == "video":
        return
    if item.content_type not in _PICTURES:
        raise invalid(f"{param}: only .jpg, .jpeg and .png pictures.", param)
    width, height = item.width or 0, item.height or 0
    if min(width, height) < _MIN_SIDE:
        raise invalid(f"{param}: {width}x{height} pixels; each side needs {_MIN_SIDE} at least.", param)
    if item.role not in _ANY_SHAPE and max(width, height) > _MAX_RATIO * min(width, height):
        raise invalid(f"{param}: {width}x{height} pixels; the aspect ratio must be within 1:2.5 to 2.5:1.", param)

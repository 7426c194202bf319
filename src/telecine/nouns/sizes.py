"""Sizes, ratios and resolutions as they are written, and what they mean: once, for all who judge, bill or translate."""

from __future__ import annotations

import re
from typing import Final

from telecine.nouns.errors import invalid

_SHORT_SIDES: Final = {"480p": 480, "512p": 512, "540p": 540, "720p": 720, "768p": 768, "1080p": 1080, "1440p": 1440,
                       "2160p": 2160, "1k": 1024, "2k": 1440, "4k": 2160}  # fmt: skip
"""What each name means on the shorter side, so that 1080p is 1920x1080 and 1080x1920."""
_OTHERWISE: Final = {side: name for name, side in _SHORT_SIDES.items() if name.endswith("k")}
"""How resolutions are called that vendors do not call by their number of lines."""
_ALIKE: Final = {f"{side}p": name for side, name in _OTHERWISE.items()}
_SIZE: Final = re.compile(r"([1-9]\d{0,4})[xX×*]([1-9]\d{0,4})")
_RATIO: Final = re.compile(r"([1-9]\d{0,3}):([1-9]\d{0,3})")


def is_size(text: str) -> bool:
    """Whether `parse_size` can read it."""
    return _SIZE.fullmatch(text.strip()) is not None


def parse_size(text: str) -> tuple[int, int]:
    """`1280x720` as numbers. Raises GatewayError naming `size`."""
    return _parse(_SIZE, text, "size", "WIDTHxHEIGHT in pixels, such as 1280x720")


def parse_ratio(text: str) -> tuple[int, int]:
    """`16:9` as numbers. Raises GatewayError naming `aspect_ratio`."""
    return _parse(_RATIO, text, "aspect_ratio", "W:H, such as 16:9")


def short_side(resolution: str) -> int:
    """The pixels of the shorter side of a `resolution`: 720 of `720p`. Raises GatewayError naming `resolution`."""
    side = _SHORT_SIDES.get(resolution.strip().lower())
    if side is None:
        raise invalid(f"'{resolution[:40]}' is no resolution; use one of: {', '.join(_SHORT_SIDES)}.", "resolution")
    return side


def resolution_of(side: int) -> str:
    """The name of the resolution whose shorter side has so many pixels: `720p`, `2k`."""
    return _OTHERWISE.get(side, f"{side}p")


def plain_resolution(text: str) -> str:
    """`text` by the one name that its resolution has here: `1024P` is `1k`. What is none stays as it is, in small
    letters."""
    name = text.strip().lower()
    return _ALIKE.get(name, name)


def _parse(pattern: re.Pattern[str], text: str, param: str, form: str) -> tuple[int, int]:
    found = pattern.fullmatch(text.strip())
    if found is None:
        raise invalid(f"'{text[:40]}' is no {param.replace('_', ' ')}; write it as {form}.", param)
    return int(found[1]), int(found[2])

"""How large a job of the sandbox is, and how long it lasts: as asked for, or as what it is made of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from telecine.nouns import workflow
from telecine.nouns.catalogue import Ability
from telecine.nouns.errors import invalid
from telecine.nouns.geometry import pixels
from telecine.nouns.operations import makes_of
from telecine.nouns.parameters import ChangeParameters, ExpandParameters
from telecine.nouns.request import GenerationRequest
from telecine.nouns.sizes import parse_ratio, parse_size
from telecine.providers.sandbox.recipes import Given, recipe_of

_SIDE: Final = (16, 4096)
_MOST_PIXELS: Final = 4096 * 2304
_LONGEST: Final = 120.0
_DURATION: Final = 5.0
_SONG: Final = 120.0
LONGEST_SONG: Final = 480.0
_COVER: Final = 512
_MOST_COUNT: Final = 16
_KEEPS_FRAME: Final = ("edited", "extended", "voiced")
"""What has the size of the video that it is made of."""
MEASURED: Final = ("edited", "voiced", "moved")
"""What lasts as long as what it is made of."""


def size(
    request: GenerationRequest, ability: Ability | None, picture: tuple[int, int] | None, given: Sequence[Given]
) -> tuple[int, int]:
    """(width, height) in pixels. `picture`: the size of the one that it begins with. Raises GatewayError."""
    kind, recipe = makes_of(request), recipe_of(request)
    draws = recipe.draws
    seen = picture or next(((one.width, one.height) for one in given if one.look != "audio"), None)
    if kind in ("audio", "text"):
        return _COVER, _COVER
    base = seen or parse_size(ability.default_size if ability else "1280x720")
    asked = bool(request.size or request.aspect_ratio or request.resolution)
    if draws in ("grown", "further"):
        up, down, left, right = growth(request, base)
        width, height = _within(base[0] * (1 + left + right), base[1] * (1 + up + down))
    elif draws == "larger" and not asked:
        factor = change_of(request).factor or _LARGER
        width, height = _within(base[0] * factor, base[1] * factor)
    elif recipe.keeps and not (request.size or request.resolution):
        width, height = _reframed(base, request.aspect_ratio)
    elif draws in _KEEPS_FRAME and seen and not asked:
        width, height = _within(*seen)
    else:
        width, height = pixels(request, ability, None if kind == "image" else seen)
    if not (_SIDE[0] <= min(width, height) and max(width, height) <= _SIDE[1] and width * height <= _MOST_PIXELS):
        raise invalid(f"The sandbox draws {_SIDE[0]} to {_SIDE[1]} pixels a side, not {width}x{height}.", "size")
    return width, height


def duration(request: GenerationRequest, ability: Ability | None, given: Sequence[Given]) -> float:
    """Seconds of each file, where it lasts. Raises GatewayError."""
    kind, draws = makes_of(request), recipe_of(request).draws
    sung = kind in ("audio", "text")
    usual, longest = (_SONG, LONGEST_SONG) if sung else (_DURATION, _LONGEST)
    usual = _DURATION if draws == "sound" else usual
    asked = request.duration or (float(ability.default_duration) if ability else usual)
    there = next((one.seconds for one in reversed(given) if one.seconds), 0.0)  # a sound goes before a video
    if draws == "extended":
        asked += there
    elif draws in MEASURED:
        asked = there or asked
    if kind in ("video", "audio") and not 0 < asked <= longest:
        raise invalid(f"The sandbox makes {'songs' if sung else 'videos'} of up to {longest:g} seconds.", "duration")
    return asked


def check_count(request: GenerationRequest) -> None:
    """Raise GatewayError for more results than the sandbox makes at a time."""
    most = workflow.MOST_BATCH if request.operation == workflow.OPERATION else _MOST_COUNT
    if not 1 <= request.count <= most:
        raise invalid(f"The sandbox makes 1 to {most} at a time.", "count")


def growth(request: GenerationRequest, base: tuple[int, int] = (1, 1)) -> tuple[float, float, float, float]:
    """By how much a picture grows above, below, on the left and on the right; `base` is its size. Raises
    GatewayError."""
    draws = recipe_of(request).draws
    if draws == "further":
        direction = change_of(request).direction or "right"
        if direction not in _SIDES:
            raise invalid(f"A picture goes on to one of: {', '.join(_SIDES)}.", "parameters.direction")
        up, down, left, right = (_PAN if direction == side else 0.0 for side in _SIDES)
        return up, down, left, right
    if draws == "wider":
        return _stepped_back(request, base)
    told = request.parameters if isinstance(request.parameters, ExpandParameters) else ExpandParameters()
    found = (told.up or 0.0, told.down or 0.0, told.left or 0.0, told.right or 0.0)
    for name, share in zip(_SIDES, found, strict=True):
        if not 0 <= share <= _MOST_GROWTH:
            raise invalid(f"A picture grows by 0 to {_MOST_GROWTH:g} of its size.", f"parameters.{name}")
    return found


def change_of(request: GenerationRequest) -> ChangeParameters:
    """What is asked for of a change, where it is one."""
    return request.parameters if isinstance(request.parameters, ChangeParameters) else ChangeParameters()


def _stepped_back(request: GenerationRequest, base: tuple[int, int]) -> tuple[float, float, float, float]:
    """As much on all sides as the factor says, and more on two where another shape is asked for."""
    factor = change_of(request).factor or _LARGER
    wide, high = base[0] * factor, base[1] * factor
    if request.aspect_ratio is not None:
        across, down = parse_ratio(request.aspect_ratio)
        wide, high = max(wide, high * across / down), max(high, wide * down / across)
    beside, above = (wide / base[0] - 1) / 2, (high / base[1] - 1) / 2
    return above, above, beside, beside


def _reframed(base: tuple[int, int], ratio: str | None) -> tuple[int, int]:
    """A picture of that size in another shape; its shorter side stays."""
    if ratio is None:
        return _within(*base)
    across, down = parse_ratio(ratio)
    scale = min(base) / min(across, down)
    return _within(across * scale, down * scale)


_SIDES: Final = ("up", "down", "left", "right")
_PAN: Final = 0.5
_LARGER: Final = 2.0
"""Twice each side, where nothing is said."""
_MOST_GROWTH: Final = 2.0


def _within(width: float, height: float) -> tuple[int, int]:
    """The size, even and made smaller until the sandbox draws it."""
    most = min(_SIDE[1] / max(width, height), (_MOST_PIXELS / (width * height)) ** 0.5, 1.0)
    return max(_SIDE[0], int(width * most) // 2 * 2), max(_SIDE[0], int(height * most) // 2 * 2)

"""How many pixels a request asks for, whichever of size, aspect ratio, resolution or picture it says it with."""

from __future__ import annotations

from typing import Final

from telecine.nouns.catalogue import Ability
from telecine.nouns.errors import invalid
from telecine.nouns.operations import OPERATIONS, makes_of
from telecine.nouns.parameters import VideoParameters
from telecine.nouns.request import GenerationRequest
from telecine.nouns.sizes import parse_ratio, parse_size, short_side

_DEFAULT_RESOLUTION: Final = "720p"
_DEFAULT_SIZE: Final = "1280x720"
_CLOSE: Final = 0.02
"""How far a size may be from the ratio that is named beside it: 1366x768 is 16:9 to everybody."""
_STEEPEST: Final = 3.0
"""No picture makes a video longer than this times its width: a panorama is cropped."""
_FRAME: Final = ("size", "aspect_ratio", "resolution")


def pixels(request: GenerationRequest, ability: Ability | None, picture: tuple[int, int] | None) -> tuple[int, int]:
    """(width, height) of what `request` asks a model with this `ability` for; `picture` is the size of its first frame,
    where known.

    An explicit size wins; then the aspect ratio, the first frame's or the model's own, at the resolution asked for.
    Video sizes are even, as 4:2:0 needs. Raises GatewayError (`invalid_request`) for words that mean no size, and for
    those that contradict the size.
    """
    check_agreement(request, ability)
    operation = OPERATIONS[request.operation]
    if request.size is not None:
        width, height = parse_size(request.size)
        return (width, height) if makes_of(request) == "image" else (_even_down(width), _even_down(height))
    default = parse_size(ability.default_size if ability else _DEFAULT_SIZE)
    resolution = request.resolution or _resolution_of_mode(request, ability)
    across: float
    down: float
    if request.aspect_ratio is not None:
        across, down = parse_ratio(request.aspect_ratio)
    elif picture is not None and operation.inputs:
        across, down = _moderate(*picture)
    elif resolution is None:
        return default
    else:
        across, down = default
    return _scaled(across, down, short_side(resolution or _DEFAULT_RESOLUTION))


def check_agreement(request: GenerationRequest, ability: Ability | None) -> None:
    """Raise GatewayError where the ratio, the resolution or a mode says something else than the size or each other,
    for a model with this `ability`.

    `2k` and the like are left alone: they mean one thing for pictures and another for videos.
    """
    if request.native is not None and not request.native.novel.keys().isdisjoint(_FRAME):
        return  # its vendor alone knows what they mean
    _check_mode(request, ability)
    if request.size is None:
        return
    width, height = parse_size(request.size)
    if request.aspect_ratio is not None:
        across, down = parse_ratio(request.aspect_ratio)
        if abs(width * down / (height * across) - 1) > _CLOSE:
            raise invalid(
                f"The size {width}x{height} is not of the aspect_ratio {request.aspect_ratio}.", "aspect_ratio"
            )
    named = request.resolution
    if named is not None and not named.lower().endswith("k") and short_side(named) != min(width, height):
        raise invalid(f"The size {width}x{height} is not of the resolution {named[:40]}.", "resolution")


def _resolution_of_mode(request: GenerationRequest, ability: Ability | None) -> str | None:
    """What the mode stands for, where the model is known to sell resolutions as modes."""
    mode = request.parameters.mode if isinstance(request.parameters, VideoParameters) else None
    return None if ability is None or mode is None else ability.modes.get(mode)


def _check_mode(request: GenerationRequest, ability: Ability | None) -> None:
    """Raise GatewayError where size or resolution say something else than the mode that stands for a resolution."""
    meant = _resolution_of_mode(request, ability)
    if meant is None:
        return
    said = {"resolution": request.resolution and short_side(request.resolution)}
    said["size"] = request.size and min(parse_size(request.size))
    for name, short in said.items():
        if short and short != short_side(meant):
            raise invalid(f"The {name} says something else than the mode, which is {meant}; send one of them.", name)


def _moderate(width: int, height: int) -> tuple[float, float]:
    return min(width, height * _STEEPEST), min(height, width * _STEEPEST)


def _scaled(across: float, down: float, short: int) -> tuple[int, int]:
    scale = short / min(across, down)
    return _even(across * scale), _even(down * scale)


def _even(length: float) -> int:
    return max(2, round(length / 2) * 2)


def _even_down(length: int) -> int:
    return max(2, length // 2 * 2)

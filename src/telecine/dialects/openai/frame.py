"""How the frame of a video is said: size, aspect ratio and resolution, in all their spellings at relays.

`1280x720`, `1280*720`; a ratio as the size (`16x9`, `16:9`); a resolution as the size (`720P`); `small` and `large`;
`orientation`; `tier`; each also within `metadata`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from telecine.dialects import scalars
from telecine.dialects.aliases import agreed
from telecine.nouns.errors import GatewayError, invalid
from telecine.nouns.request import GenerationRequest
from telecine.wires.openai import CreateVideo, Note

Said = dict[str, str | None]
"""By the client's name for it, what it says."""
_SMALLEST: Final = 64
"""Pixels: nothing smaller is a size, so that is a ratio."""
_NAMED_SIZES: Final = {"small": "720p", "large": "1080p"}
"""Relays' two words for a size are resolutions."""
_ORIENTATIONS: Final = {"portrait": "9:16", "landscape": "16:9", "square": "1:1"}
JUDGES: Final[dict[str, Callable[[str, str], object]]] = {
    "size": scalars.pair,
    "aspect_ratio": scalars.aspect_ratio,
    "resolution": scalars.resolution,
}
"""Each raises GatewayError for a word that means nothing here."""


def frame(wire: CreateVideo) -> tuple[str | None, Said, Said]:
    """The size, and what aspect ratio and resolution are said with. Raises GatewayError."""
    notes = wire.metadata or {}
    said = (wire.size or "").lower().replace("*", "x")
    width, height = scalars.pair(said, "size") if scalars.is_pair(said) else (0, 0)
    shape = 0 < max(width, height) < _SMALLEST
    named = _NAMED_SIZES.get(said) or (said if said and objection(scalars.resolution, said, "size") is None else None)
    size = f"{width}x{height}" if width else wire.size
    ratios = {
        "aspect_ratio": wire.aspect_ratio,
        "aspectRatio": wire.aspect_ratio_camel,
        "metadata.aspect_ratio": _text(notes.get("aspect_ratio"), "metadata.aspect_ratio"),
        "metadata.aspectRatio": _text(notes.get("aspectRatio"), "metadata.aspectRatio"),
        "orientation": _oriented(wire.orientation),
        "size": said if shape else None,
    }
    resolutions = {
        "resolution": wire.resolution,
        "metadata.resolution": _text(notes.get("resolution"), "metadata.resolution"),
        "tier": wire.tier,
        "size": named,
    }
    return None if shape or named else size, ratios, resolutions


def one(said: Said, judge: Callable[[str, str], str | None]) -> str | None:
    """What the names that were sent agree on, in our spelling where it means something here. Raises GatewayError."""
    plain = [
        (name, value if objection(judge, value, name) else judge(value, name))
        for name, value in said.items()
        if value is not None
    ]
    return agreed(*plain) if plain else None


def objection(judge: Callable[[str, str], object], value: str, param: str) -> str | None:
    """Why `judge` finds that `value` means nothing; None where it means something."""
    try:
        judge(value, param)
    except GatewayError as error:
        return error.message
    return None


def own(wire: CreateVideo, request: GenerationRequest, ratios: Said, resolutions: Said) -> dict[str, tuple[str, str]]:
    """By neutral name, the client's own field and text, as a form has them, of what OpenAI itself takes otherwise or
    not at all, and relays may take as it is."""
    seed = None if request.seed is None else str(request.seed)
    length = request.duration
    whole = length is None or length.is_integer()
    seconds = None if whole else f"{length:.6f}".rstrip("0")
    said: dict[str, Said] = {
        "aspect_ratio": ratios,
        "resolution": resolutions,
        "seed": {"seed" if wire.seed is not None else "metadata.seed": seed},
        "negative_prompt": {"negative_prompt": request.negative_prompt},
        "duration": {"seconds" if wire.seconds is not None else "duration": seconds},
    }
    written: Said = {"size": wire.size, "orientation": wire.orientation}
    found: dict[str, tuple[str, str]] = {}
    for neutral, names in said.items():
        for name, value in names.items():
            if value is not None:
                outer, _, inner = name.partition(".")
                found.setdefault(neutral, (f"{outer}[{inner}]" if inner else outer, written.get(name) or value))
    return found


def _oriented(word: str | None) -> str | None:
    if word is None:
        return None
    found = _ORIENTATIONS.get(word.lower())
    if found is None:
        raise invalid(f"orientation: must be one of {', '.join(_ORIENTATIONS)}.", "orientation")
    return found


def _text(value: Note, param: str) -> str | None:
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise invalid(f"{param}: must be text.", param)
    return value

"""Size, aspect ratio and resolution, as OpenAI says them and as the relays do."""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from telecine.nouns.billed import Billed
from telecine.nouns.errors import GatewayError, invalid
from telecine.nouns.sizes import is_size, parse_ratio, parse_size, plain_resolution
from telecine.providers.http.body import Draft
from telecine.wires.openai import DEFAULT_SIZE, SHAPES

SAYING: Final = ("size", "aspect_ratio", "resolution")
_SHORTS: Final = frozenset(short for _, short in SHAPES)


def billed(draft: Draft) -> Billed:
    """What the fields come to; a remix has the length and the frame of its source, which its request repeats.

    Where nothing is said, OpenAI's own models have a documented size; nobody knows what a relay's others make.
    """
    seconds, request = draft.body.get("seconds"), draft.request
    duration = float(seconds) if seconds is not None else request.duration
    size, ratio, resolution = request.size, request.aspect_ratio, plain_resolution(request.resolution or "") or None
    if size is None:
        fits = fitting(ratio, resolution)
        if fits is None:  # passed on as it came
            unjudged = ("resolution",) if resolution is not None and resolution not in _SHORTS else ()
            return Billed(aspect_ratio=ratio, resolution=resolution, duration=duration, unjudged=unjudged)
        size = fits or (DEFAULT_SIZE if request.model.startswith("sora") else None)
    known = Billed.sized(*parse_size(size)) if size and is_size(size) else Billed(size=size)
    return replace(known, duration=duration)


def frame(draft: Draft) -> dict[str, str]:
    """The fields that say size, aspect ratio and resolution.

    An explicit size is sent as it is, for relays make more than the four official ones. A ratio and a resolution become
    one of those, and where none fits, they go to the relay of an OpenAI client in its own words.
    """
    take = draft.take
    size, ratio, resolution = (take.field(name) or None for name in SAYING)
    words = {name for name in SAYING if take.novel(name)}
    if size and not is_size(size) and "size" in words:
        return {"size": size, **said(draft, "aspect_ratio", "resolution")}
    if size:
        width, height = parse_size(size)
        plain = f"{width}x{height}"
        agrees(plain, None if "aspect_ratio" in words else ratio, None if "resolution" in words else resolution)
        return {"size": plain, **said(draft, *sorted(words - {"size"}))}
    fits = fitting(ratio, resolution and plain_resolution(resolution))
    if fits is not None:
        return {"size": fits} if fits else {}
    found = {} if draft.request.operation == "remix" else said(draft, "aspect_ratio", "resolution")
    if not found:
        param = "aspect_ratio" if ratio not in (None, *(x_y for x_y, _ in SHAPES)) else "resolution"
        raise GatewayError(
            "unsupported_parameter",
            f"{draft.vendor.title} makes {', '.join(sorted(SHAPES.values()))}; "
            f"none of them is '{' '.join(filter(None, (ratio, resolution)))[:40]}'. Or name a size as WIDTHxHEIGHT.",
            param=param,
        )
    return found


def fitting(ratio: str | None, resolution: str | None) -> str | None:
    """The official size that both mean, nothing where neither is set, None where there is none.

    A resolution alone means the portrait, as OpenAI's own default does.
    """
    if ratio is None and resolution is None:
        return ""
    found = [shape for (x_y, lines), shape in SHAPES.items() if ratio in (None, x_y) and resolution in (None, lines)]
    return None if not found else DEFAULT_SIZE if DEFAULT_SIZE in found else found[-1]


def said(draft: Draft, *names: str) -> dict[str, str]:
    """Those of the fields `names` that an OpenAI client has set, as it said them."""
    own = (draft.take.own(name) for name in names if getattr(draft.request, name) is not None)
    return dict(one for one in own if one is not None)


def agrees(size: str, ratio: str | None, resolution: str | None) -> None:
    """Raise GatewayError where the other two ways of saying it say something else."""
    width, height = parse_size(size)
    if ratio is not None:
        across, down = parse_ratio(ratio)
        if width * down != height * across:
            raise invalid(f"The size {size} is not {ratio[:40]}.", "aspect_ratio")
    if resolution is not None and plain_resolution(resolution) != Billed.sized(width, height).resolution:
        raise invalid(f"The size {size} is not {resolution[:40]}.", "resolution")

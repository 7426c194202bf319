"""From the shared request to OpenAI's fields.

One picture begins the video, two begin and end it, references stay among themselves: that is how the relays take
several files (their Veo channels do; OpenAI itself takes one).
"""

from __future__ import annotations

from typing import Final

from telecine.nouns.billed import Billed
from telecine.nouns.errors import GatewayError, invalid
from telecine.nouns.sizes import is_size, parse_size, plain_resolution
from telecine.providers.http.body import Draft
from telecine.providers.http.facts import Field, Fields, Picture, later, whole
from telecine.wires.openai import DEFAULT_SIZE, SHAPES

_SAYING: Final = ("size", "aspect_ratio", "resolution")
_RELAYED: Final = ("seed", "negative_prompt")
_SHORTS: Final = frozenset(short for _, short in SHAPES)


def shape(draft: Draft) -> None:
    """The frame, and what OpenAI itself has no field for, and relays do."""
    draft.body |= _frame(draft)
    relayed = _said(draft, *_RELAYED)
    if relayed:
        for name in _RELAYED:
            draft.take.field(name)
    draft.body |= relayed


def pictures(draft: Draft) -> None:
    """The same, with the pictures that the video is made from."""
    shape(draft)
    frames, references = [item.role for _, _, item in draft.media], draft.take.inputs("reference")
    if references and frames:
        raise invalid("The OpenAI Videos API takes either frames or references, not both.", "inputs")
    if frames == ["last_frame"]:
        raise invalid("The OpenAI Videos API takes a last frame only after a first.", "inputs")
    if not (frames or references):
        raise invalid("A picture is needed to make a video from.", "inputs")
    for item in references:
        draft.put("input_reference", item)


def remixed(draft: Draft) -> None:
    """A remix has the frame of its source, unless it asks for another; judged once that is known."""
    for name in _SAYING:
        draft.take.field(name)
    source = draft.source.request if draft.source is not None else None
    if source is not None and any(getattr(draft.request, name) != getattr(source, name) for name in _SAYING):
        draft.body |= _frame(draft)


def billed(draft: Draft) -> Billed:
    """What the fields come to; a remix has the length and the frame of its source, which its request repeats.

    Where nothing is said, OpenAI's own models have a documented size; nobody knows what a relay's others make.
    """
    seconds, request = draft.body.get("seconds"), draft.request
    duration = float(seconds) if seconds is not None else request.duration
    size, ratio, resolution = request.size, request.aspect_ratio, plain_resolution(request.resolution or "") or None
    if size is None:
        fitting = _fitting(ratio, resolution)
        if fitting is None:  # passed on as it came
            unjudged = ("resolution",) if resolution is not None and resolution not in _SHORTS else ()
            return Billed(aspect_ratio=ratio, resolution=resolution, duration=duration, unjudged=unjudged)
        size = fitting or (DEFAULT_SIZE if request.model.startswith("sora") else None)
    return (
        Billed.sized(*parse_size(size), duration=duration)
        if size and is_size(size)
        else Billed(size=size, duration=duration)
    )


def _frame(draft: Draft) -> dict[str, str]:
    """The fields that say size, aspect ratio and resolution.

    An explicit size is sent as it is, for relays make more than the four official ones. A ratio and a resolution become
    one of those, and where none fits, they go to the relay of an OpenAI client in its own words.
    """
    take = draft.take
    size, ratio, resolution = (take.field(name) or None for name in _SAYING)
    words = {name for name in _SAYING if take.novel(name)}
    if size and not is_size(size) and "size" in words:
        return {"size": size, **_said(draft, "aspect_ratio", "resolution")}
    if size:
        width, height = parse_size(size)
        plain = f"{width}x{height}"
        _agrees(plain, None if "aspect_ratio" in words else ratio, None if "resolution" in words else resolution)
        return {"size": plain, **_said(draft, *sorted(words - {"size"}))}
    fitting = _fitting(ratio, resolution and plain_resolution(resolution))
    if fitting is not None:
        return {"size": fitting} if fitting else {}
    found = {} if draft.request.operation == "remix" else _said(draft, "aspect_ratio", "resolution")
    if not found:
        param = "aspect_ratio" if ratio not in (None, *(x_y for x_y, _ in SHAPES)) else "resolution"
        raise GatewayError(
            "unsupported_parameter",
            f"The OpenAI Videos API makes {', '.join(sorted(SHAPES.values()))}; "
            f"none of them is '{' '.join(filter(None, (ratio, resolution)))[:40]}'. Or name a size as WIDTHxHEIGHT.",
            param=param,
        )
    return found


def _fitting(ratio: str | None, resolution: str | None) -> str | None:
    """The official size that both mean, nothing where neither is set, None where there is none.

    A resolution alone means the portrait, as OpenAI's own default does.
    """
    if ratio is None and resolution is None:
        return ""
    found = [shape for (x_y, lines), shape in SHAPES.items() if ratio in (None, x_y) and resolution in (None, lines)]
    return None if not found else DEFAULT_SIZE if DEFAULT_SIZE in found else found[-1]


def _said(draft: Draft, *names: str) -> dict[str, str]:
    """Those of the fields `names` that an OpenAI client has set, as it said them."""
    said = (draft.take.own(name) for name in names if getattr(draft.request, name) is not None)
    return dict(one for one in said if one is not None)


def _agrees(size: str, ratio: str | None, resolution: str | None) -> None:
    """Raise GatewayError where the other two ways of saying it say something else."""
    width, height = parse_size(size)
    if ratio is not None:
        across, _, down = ratio.partition(":")
        if not (across.isdecimal() and down.isdecimal()) or width * int(down) != height * int(across):
            raise invalid(f"The size {size} is not {ratio[:40]}.", "aspect_ratio")
    if resolution is not None and plain_resolution(resolution) != Billed.sized(width, height).resolution:
        raise invalid(f"The size {size} is not {resolution[:40]}.", "resolution")


FIELDS: Final[Fields] = {
    "model": "model",
    "prompt": "prompt",
    "duration": Field(
        "seconds", lambda value, take: take.own_text("duration") or whole(value, "The OpenAI Videos API")
    ),
    **{name: Field("size", later) for name in _SAYING},
    "parameters.watermark": "watermark",
}
PICTURES: Final[Fields] = {
    "inputs.first_frame|image": Picture("input_reference", "first frame"),
    "inputs.last_frame": Picture("input_reference", "last frame"),
    "inputs.reference": Field("input_reference"),
}

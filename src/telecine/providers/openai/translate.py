"""From the shared request to OpenAI's fields, by take or refuse. Pure, so that a request can be checked before it is
kept.

One picture begins the video, two begin and end it, references stay among themselves: that is how the relays take
several files (their Veo channels do; OpenAI itself takes one).
"""

from __future__ import annotations

from typing import Final

import msgspec

from telecine.nouns.billed import Billed, spelled
from telecine.nouns.errors import GatewayError, invalid
from telecine.nouns.request import GenerationRequest, MediaInput
from telecine.nouns.sizes import is_size, parse_size
from telecine.providers.openai.form import pairs_of
from telecine.providers.openai.words import SPEAKS
from telecine.providers.take import Take
from telecine.wires.openai import BILLED, DEFAULT_SIZE, OURS, SHAPES

_OPERATIONS: Final = ("text_to_video", "image_to_video", "remix")
_SAYING: Final = ("size", "aspect_ratio", "resolution")
_RELAYED: Final = ("seed", "negative_prompt")
_SHORTS: Final = frozenset(short for _, short in SHAPES)


class Draft(msgspec.Struct):
    """The fields, the pictures that are still to be read, and what passes through."""

    fields: dict[str, str]
    pictures: tuple[MediaInput, ...] = ()
    passed: dict[str, msgspec.Raw] = msgspec.field(default_factory=dict)

    def encode(self) -> bytes:
        """As JSON, which is how the SDKs send a remix; what passes through comes byte for byte at its end."""
        body = msgspec.json.encode(self.fields)
        return body[:-1] + b"," + msgspec.json.encode(self.passed)[1:] if self.passed else body


def translate(request: GenerationRequest, model: str, source: GenerationRequest | None = None) -> Draft:
    """The draft of what the upstream is sent; `source` is what a remix follows up, where that is known by now.

    Raises GatewayError naming the first field that cannot be expressed.
    """
    if request.operation not in _OPERATIONS:
        raise GatewayError(
            "unsupported_parameter",
            f"The OpenAI Videos API cannot do {request.operation.replace('_', ' ')}; "
            "it does: text to video, image to video, remix.",
            param="operation",
        )
    take = Take(request)
    prompt = take.field("prompt")
    if not prompt.strip():
        raise invalid("The OpenAI Videos API needs a prompt.", "prompt")
    frame, duration = _frame(take, request, source), take.field("duration")
    if request.operation == "remix":
        take.field("source")
        # The model and the length are the source's, which the upstream knows; OpenAI takes nothing but a prompt.
        draft = Draft({"prompt": prompt, **frame}, passed=_passed(request))
    else:
        watermark = take.parameter("watermark")
        given = {
            "model": model,
            "prompt": prompt,
            **_seconds(duration, request.own("duration", "openai")),
            **frame,
            "watermark": None if watermark is None else str(watermark).lower(),
            **_relayed(take, request),
        }
        draft = Draft({name: value for name, value in given.items() if value is not None}, passed=_passed(request))
        pairs_of(draft.passed)  # refuses what a form cannot say, before anything is kept
    if request.operation == "image_to_video":
        draft.pictures = _pictures(take)
    take.refuse_rest("openai", SPEAKS)
    return draft


def billed_of(draft: Draft, request: GenerationRequest) -> Billed:
    """What the fields come to; a remix has the length and the frame of its source, which `request` repeats.

    Where nothing is said, OpenAI's own models have a documented size; nobody knows what a relay's others make.
    """
    seconds = draft.fields.get("seconds")
    duration = float(seconds) if seconds is not None else request.duration
    size, ratio, resolution = request.size, request.aspect_ratio, _named(request.resolution)
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


def _same_frame(request: GenerationRequest, source: GenerationRequest | None) -> bool:
    return source is not None and all(
        getattr(request, name) == getattr(source, name) for name in ("size", "aspect_ratio", "resolution")
    )


def _pictures(take: Take) -> tuple[MediaInput, ...]:
    first, last, references = take.inputs("first_frame", "image"), take.inputs("last_frame"), take.inputs("reference")
    for items, what in ((first, "first frame"), (last, "last frame")):
        if len(items) > 1:
            raise invalid(f"The OpenAI Videos API takes one {what}, not {len(items)}.", "inputs")
    if references and (first or last):
        raise invalid("The OpenAI Videos API takes either frames or references, not both.", "inputs")
    if last and not first:
        raise invalid("The OpenAI Videos API takes a last frame only after a first.", "inputs")
    if not (first or references):
        raise invalid("A picture is needed to make a video from.", "inputs")
    return (*first, *last, *references)


def _frame(take: Take, request: GenerationRequest, source: GenerationRequest | None) -> dict[str, str]:
    """The fields that say size, aspect ratio and resolution.

    An explicit size is sent as it is, for relays make more than the four official ones. A ratio and a resolution become
    one of those, and where none fits, they go to the relay of an OpenAI client in its own words.
    """
    size, ratio, resolution = (take.field(name) or None for name in _SAYING)
    if request.operation == "remix" and (source is None or _same_frame(request, source)):
        return {}  # its source's; or judged once that is known
    words = {name for name in _SAYING if request.novel(name, "openai")}
    if size and not is_size(size) and "size" in words:
        return {"size": size, **_said(request, "aspect_ratio", "resolution")}
    if size:
        width, height = parse_size(size)
        plain = f"{width}x{height}"
        _agrees(plain, None if "aspect_ratio" in words else ratio, None if "resolution" in words else resolution)
        return {"size": plain, **_said(request, *sorted(words - {"size"}))}
    fitting = _fitting(ratio, _named(resolution))
    if fitting is not None:
        return {"size": fitting} if fitting else {}
    found = {} if request.operation == "remix" else _said(request, "aspect_ratio", "resolution")
    if not found:
        param = "aspect_ratio" if ratio not in (None, *(x_y for x_y, _ in SHAPES)) else "resolution"
        raise GatewayError(
            "unsupported_parameter",
            f"The OpenAI Videos API makes {', '.join(sorted(SHAPES.values()))}; "
            f"none of them is '{' '.join(filter(None, (ratio, resolution)))[:40]}'. Or name a size as WIDTHxHEIGHT.",
            param=param,
        )
    return found


def _named(resolution: str | None) -> str | None:
    """As `Billed` names it."""
    return None if not resolution else str(spelled("resolution", resolution))


def _fitting(ratio: str | None, resolution: str | None) -> str | None:
    """The official size that both mean, nothing where neither is set, None where there is none.

    A resolution alone means the portrait, as OpenAI's own default does.
    """
    if ratio is None and resolution is None:
        return ""
    found = [shape for (x_y, lines), shape in SHAPES.items() if ratio in (None, x_y) and resolution in (None, lines)]
    return None if not found else DEFAULT_SIZE if DEFAULT_SIZE in found else found[-1]


def _said(request: GenerationRequest, *names: str) -> dict[str, str]:
    """Those of the fields `names` that an OpenAI client has set, as it said them."""
    said = (request.own(name, "openai") for name in names if getattr(request, name) is not None)
    return dict(one for one in said if one is not None)


def _relayed(take: Take, request: GenerationRequest) -> dict[str, str]:
    """What OpenAI itself has no field for, and relays do."""
    found = _said(request, *_RELAYED)
    if found:
        for name in _RELAYED:
            take.field(name)
    return found


def _agrees(size: str, ratio: str | None, resolution: str | None) -> None:
    """Raise GatewayError where the other two ways of saying it say something else."""
    width, height = parse_size(size)
    if ratio is not None:
        across, _, down = ratio.partition(":")
        if not (across.isdecimal() and down.isdecimal()) or width * int(down) != height * int(across):
            raise invalid(f"The size {size} is not {ratio[:40]}.", "aspect_ratio")
    if resolution is not None and _named(resolution) != Billed.sized(width, height).resolution:
        raise invalid(f"The size {size} is not {resolution[:40]}.", "resolution")


def _seconds(value: float | None, own: tuple[str, str] | None) -> dict[str, str]:
    if value is None:
        return {}
    if own is not None:
        return {"seconds": own[1]}
    if value <= 0 or not float(value).is_integer():
        raise invalid(f"The OpenAI Videos API counts whole seconds; {value:g} is none.", "duration")
    return {"seconds": str(int(value))}


def _passed(request: GenerationRequest) -> dict[str, msgspec.Raw]:
    """Fields of an OpenAI client that we do not know. `seconds[]` and `SIZE` count as what a reader may take for it."""
    if request.native is None or request.native.dialect != "openai":
        return {}
    passed: dict[str, msgspec.Raw] = {}
    for name, raw in request.native.fields.items():
        plain = name.partition("[")[0].strip().lower()
        if plain in BILLED:
            raise GatewayError("unsupported_parameter", f"'{name}' changes the price and is not passed on.", param=name)
        if plain in OURS and name != plain:
            raise GatewayError("unsupported_parameter", f"'{name}' may be taken for '{plain}'; write that.", param=name)
        if plain not in OURS:
            passed[name] = raw
    return passed

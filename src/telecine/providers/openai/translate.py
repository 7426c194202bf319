"""From the shared request to OpenAI's fields, by take or refuse. Pure, so that a request can be checked before it is
kept.

One picture begins the video, two begin and end it, references stay among themselves: that is how the relays take
several files (their Veo channels do; OpenAI itself takes one).
"""

from __future__ import annotations

from typing import Final

import msgspec

from telecine.nouns.billed import Billed
from telecine.nouns.errors import GatewayError, invalid
from telecine.nouns.geometry import is_size, parse_size
from telecine.nouns.request import GenerationRequest, MediaInput
from telecine.providers.openai.form import pairs_of
from telecine.providers.openai.wire import BILLED, DEFAULT_SIZE, OURS, SHAPES
from telecine.providers.take import Take

_OPERATIONS: Final = ("text_to_video", "image_to_video", "remix")
_ALIKE: Final = {"1024p": "1k"}


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
    size, duration = _size(take, request), take.field("duration")
    if request.operation == "remix":
        # The model and the length are the source's, which the upstream knows; OpenAI takes nothing but a prompt.
        draft = Draft({"prompt": prompt}, passed=_passed(request))
        if size is not None and not _same_frame(request, source):
            draft.fields["size"] = size
    else:
        watermark = take.parameter("watermark")
        given = {
            "model": model,
            "prompt": prompt,
            "seconds": _seconds(duration),
            "size": size,
            "watermark": None if watermark is None else str(watermark).lower(),
        }
        draft = Draft({name: value for name, value in given.items() if value is not None}, passed=_passed(request))
        pairs_of(draft.passed)  # refuses what a form cannot say, before anything is kept
    if request.operation == "image_to_video":
        draft.pictures = _pictures(take)
    take.refuse_rest("openai")
    return draft


def billed_of(draft: Draft, request: GenerationRequest) -> Billed:
    """What the fields come to; a remix has the length and the frame of its source, which `request` repeats.

    Where nothing is said, OpenAI's own models have a documented size; nobody knows what a relay's others make.
    """
    size = draft.fields.get("size") or request.size or (DEFAULT_SIZE if request.model.startswith("sora") else None)
    seconds = draft.fields.get("seconds")
    duration = float(seconds) if seconds is not None else request.duration
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


def _size(take: Take, request: GenerationRequest) -> str | None:
    """The `size` that size, aspect ratio and resolution agree on; None where none of them is set.

    An explicit one is sent as it is, for relays make more than the four official ones. A resolution alone means the
    portrait, as OpenAI's own default does.
    """
    size, ratio = take.field("size"), take.field("aspect_ratio") or None
    resolution: str | None = (take.field("resolution") or "").lower() or None
    resolution = _ALIKE.get(resolution or "", resolution)
    if size and (word := request.novel("size", "openai")) and not is_size(word):
        return word
    if size:
        width, height = parse_size(size)
        _agrees(f"{width}x{height}", ratio, resolution)
        return f"{width}x{height}"
    if ratio is None and resolution is None:
        return None
    fitting = [shape for (x_y, short), shape in SHAPES.items() if ratio in (None, x_y) and resolution in (None, short)]
    if not fitting:
        param = "aspect_ratio" if ratio not in (None, *(x_y for x_y, _ in SHAPES)) else "resolution"
        raise GatewayError(
            "unsupported_parameter",
            f"The OpenAI Videos API makes {', '.join(sorted(SHAPES.values()))}; "
            f"none of them is '{' '.join(filter(None, (ratio, resolution)))[:40]}'. Or name a size as WIDTHxHEIGHT.",
            param=param,
        )
    return DEFAULT_SIZE if DEFAULT_SIZE in fitting else fitting[-1]


def _agrees(size: str, ratio: str | None, resolution: str | None) -> None:
    """Raise GatewayError where the other two ways of saying it say something else."""
    width, height = parse_size(size)
    if ratio is not None:
        across, _, down = ratio.partition(":")
        if not (across.isdecimal() and down.isdecimal()) or width * int(down) != height * int(across):
            raise invalid(f"The size {size} is not {ratio[:40]}.", "aspect_ratio")
    short = min(width, height)
    if resolution is not None and resolution not in (f"{short}p", _ALIKE.get(f"{short}p")):
        raise invalid(f"The size {size} is not {resolution[:40]}.", "resolution")


def _seconds(value: float | None) -> str | None:
    if value is None:
        return None
    if value <= 0 or not float(value).is_integer():
        raise invalid(f"The OpenAI Videos API counts whole seconds; {value:g} is none.", "duration")
    return str(int(value))


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

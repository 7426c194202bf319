"""From a picture's body to a GenerationRequest, and to how it is to be answered."""

from __future__ import annotations

from typing import Final

from telecine.dialects import scalars
from telecine.dialects.aliases import agreed
from telecine.dialects.bodies import Body, Known, present, typed
from telecine.dialects.call import Call
from telecine.dialects.ima import words
from telecine.dialects.ima.spelling import snaked
from telecine.dialects.openai.images import Manner
from telecine.dialects.openai.pictures import medium
from telecine.dialects.rows import Parsed
from telecine.dialects.waiting import Wait
from telecine.nouns.catalogue import Catalogue
from telecine.nouns.errors import invalid
from telecine.nouns.request import GenerationRequest
from telecine.nouns.sizes import is_size
from telecine.wires.ima.images import FORMATS, SMALL, ImaImageGenerationRequest
from telecine.wires.openai import PATIENCE

_KNOWN: Final = Known.of(ImaImageGenerationRequest)
_INNER: Final = Known(("aspect_ratio", "resolution"))
NAMES: Final = {"inputs": "image", "inputs.image": "image", "resolution": "size"}
"""What a body calls neutral fields."""


def manner_of(_: Call, body: Body) -> Manner:
    """How a body wants to be answered: with the task, unless it says `async: false`. Raises GatewayError."""
    said = snaked(body, _KNOWN).fields.get
    later = scalars.flag(said("async") or None if isinstance(said("async"), str) else said("async"), "async")
    wanted = said("response_format") or FORMATS[0]
    if wanted not in FORMATS:
        raise invalid(f"response_format: must be one of {', '.join(FORMATS)}.", "response_format")
    if later is not False and said("response_format"):
        raise invalid("response_format: is of an answer with the pictures in it; send async: false.", "response_format")
    return Manner(wanted, later=later is not False)


def wait_of(call: Call) -> Wait:
    """Until the pictures are there, where the body wants them at once."""
    return Wait() if call.manner.later else Wait(PATIENCE)


def parse_image(body: Body, models: Catalogue) -> Parsed:
    """The request, and the pictures that it still lacks. Raises GatewayError naming the field."""
    body = snaked(body, _KNOWN, metadata=_INNER)
    unknown = body.unknown(_KNOWN)
    wire = typed(present(body.known(_KNOWN)), ImaImageGenerationRequest)
    if wire.model is None:
        raise invalid("model: is required.", "model")
    if not (wire.prompt or "").strip():
        raise invalid("prompt: is required.", "prompt")
    if wire.image is not None and wire.images:
        raise invalid("image: use either image or images, not both.", "image")
    name, given = ("image", [wire.image]) if wire.image is not None else ("images", wire.images or [])
    sources = [medium(one, "image", name) for one in given]
    inner = body.inner("metadata")
    notes = inner.known(_INNER) if inner is not None else {}
    unknown |= inner.unknown(_INNER) if inner is not None else {}
    sized = wire.size is not None and is_size(wire.size)
    request = GenerationRequest(
        operation="image_to_image" if sources else "text_to_image",
        model=wire.model,
        prompt=wire.prompt or "",
        size=words.pixels(wire.size) if sized else None,
        aspect_ratio=agreed(
            ("aspect_ratio", words.ratio(wire.aspect_ratio)),
            ("metadata.aspect_ratio", words.ratio(words.text(notes, "aspect_ratio"))),
        ),
        resolution=agreed(
            ("size", None if sized else _resolution(wire.size)),
            ("metadata.resolution", _resolution(words.text(notes, "resolution"))),
        ),
        callback_url=wire.callback_url,
    )
    return words.judged(request, unknown, NAMES, models), sources


def _resolution(said: str | None) -> str | None:
    """In our spelling, where it means something here."""
    return SMALL[0] if said is not None and said.lower() == SMALL[1] else words.resolution(said)

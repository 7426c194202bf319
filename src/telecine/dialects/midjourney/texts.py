"""From the bodies of `/mj/submit/…` to a GenerationRequest: what makes a text."""

from __future__ import annotations

from telecine.dialects.bodies import Body
from telecine.dialects.call import Call
from telecine.dialects.inline import Source
from telecine.dialects.midjourney.create import Asked, asked, check_words, picture, read_body
from telecine.dialects.rows import Parsed
from telecine.nouns.errors import invalid
from telecine.nouns.parameters import ChangeParameters
from telecine.nouns.request import GenerationRequest
from telecine.wires.midjourney.bodies import Describe, Shorten


def parse_describe(call: Call, body: Body) -> Parsed:
    """Four prompts that a picture may have been made with. Raises GatewayError naming the field."""
    wire, unknown = read_body(body, Describe)
    if wire.base64 is not None and wire.link is not None:
        raise invalid("base64 and link are two pictures; send one of them.", "base64")
    source = picture(wire.base64, "base64", "image") if wire.base64 is not None else None
    if wire.link is not None:
        source = Source("image", "link", url=wire.link)
    if source is None:
        raise invalid("base64: is required; a data URL.", "base64")
    return _text("describe", asked(call, wire, unknown)), [source]


def parse_shorten(call: Call, body: Body) -> Parsed:
    """What matters in a prompt, whose parameters are a part of it. Raises GatewayError naming the field."""
    wire, unknown = read_body(body, Shorten)
    if wire.prompt is None:
        raise invalid("prompt: is required.", "prompt")
    check_words(call, wire.prompt)
    return _text("shorten", asked(call, wire, unknown), wire.prompt), []


def changing(told: Asked) -> ChangeParameters | None:
    """The parameters of what is no grid."""
    found = ChangeParameters(speed=told.speed, bot=told.bot)
    return found if found != ChangeParameters() else None


def _text(operation: str, told: Asked, prompt: str = "") -> GenerationRequest:
    return GenerationRequest(
        operation=operation,
        model=told.model,
        prompt=prompt,
        parameters=changing(told),
        native=told.native,
        **told.common,
    )

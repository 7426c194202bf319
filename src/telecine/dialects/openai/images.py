"""From bodies of OpenAI's Images API, JSON or form, to a GenerationRequest, and to how it is to be answered."""

from __future__ import annotations

import json
from typing import Any, Final, Literal

import msgspec

from telecine.dialects import scalars
from telecine.dialects.aliases import agreed
from telecine.dialects.bodies import Body, Known, typed
from telecine.dialects.call import Call
from telecine.dialects.inline import Source
from telecine.dialects.openai.frame import objection
from telecine.dialects.openai.pictures import picture
from telecine.nouns.catalogue import Catalogue
from telecine.nouns.errors import GatewayError, invalid
from telecine.nouns.geometry import check_agreement
from telecine.nouns.parameters import ImageParameters
from telecine.nouns.request import GenerationRequest, Native, Novel, Role
from telecine.nouns.sizes import is_size, parse_size
from telecine.wires import openai_images as wire
from telecine.wires.openai import HOOKS
from telecine.wires.openai_images import AUTO, CreateImage

DEFAULT_MODEL: Final = "gpt-image-2"
VARIED: Final = "dall-e-2"
"""The one model that made variations."""
REPEATABLE: Final = ("image", "images", "mask")
_SMALLEST: Final = 64
"""Pixels: nothing smaller is a size, so that is a ratio."""
_KNOWN: Final = Known.of(CreateImage)
_WORDS: Final = ("quality", "style", "background", "output_format", "moderation", "input_fidelity")
"""Parameters that are words, which nobody here judges."""

Verb = Literal["generation", "edit", "variation"]


class Manner(msgspec.Struct, frozen=True):
    """How a request wants to be answered."""

    format: str
    """One of `wire.FORMATS`."""
    stream: bool = False
    later: bool = False
    """At once, with a task that is asked about."""


def manner_of(verb: Verb, call: Call, body: Body) -> Manner:
    """How a body wants to be answered. Raises GatewayError."""
    said = body.fields.get
    wanted = said("response_format") or None
    if wanted not in (None, *wire.FORMATS):
        raise invalid(f"response_format: must be one of {', '.join(wire.FORMATS)}.", "response_format")
    stream = scalars.flag(said("stream") or None, "stream") is True
    asked = scalars.flag(call.query("async"), "async") is True
    later = asked or scalars.flag(said("async") or None, "async") is True
    if stream and later:
        raise invalid("async: an answer that is streamed comes now; send one of stream and async.", "async")
    linked = str(said("model") or _default(verb)).startswith(wire.LINKED)
    return Manner(wanted or ("url" if linked else "b64_json"), stream, later)


def parse_image(verb: Verb, body: Body, models: Catalogue) -> tuple[GenerationRequest, list[Source]]:
    """The request, and the pictures that it still lacks. Raises GatewayError."""
    unknown = body.unknown(_KNOWN)
    known = body.known(_KNOWN)
    fields = typed({name: value for name, value in known.items() if value is not None and value != ""}, CreateImage)
    if verb != "variation" and not (fields.prompt or "").strip():
        raise invalid("prompt: is required.", "prompt")
    sources = _sources(fields, body)
    if verb != "generation" and not any(one.role == "image" for one in sources):
        raise invalid("image: is required.", "image")
    size, ratio, resolution, own = _frame(fields)
    request = GenerationRequest(
        operation="image_variation" if verb == "variation" else "image_to_image" if sources else "text_to_image",
        model=fields.model or _default(verb),
        prompt=fields.prompt or "",
        negative_prompt=fields.negative_prompt,
        count=scalars.integer(fields.n, "n", least=1) or 1,
        size=size,
        aspect_ratio=ratio,
        resolution=resolution,
        seed=scalars.seed(fields.seed, "seed"),
        parameters=_parameters(fields),
        callback_url=agreed(*((name, getattr(fields, name)) for name in HOOKS)),
        metadata=_notes(fields),
    )
    request = _with_native(request, unknown, own, models)
    check_agreement(request, models.ability(request.model, request.operation))
    return request, sources


def _default(verb: Verb) -> str:
    return VARIED if verb == "variation" else DEFAULT_MODEL


def _parameters(fields: CreateImage) -> ImageParameters | None:
    words: dict[str, Any] = {name: _word(getattr(fields, name)) for name in _WORDS}
    found = ImageParameters(
        **words,
        watermark=scalars.flag(fields.watermark, "watermark"),
        output_compression=scalars.integer(fields.output_compression, "output_compression", least=0, most=100),
        partial_images=scalars.integer(fields.partial_images, "partial_images", least=0, most=wire.MOST_PARTIAL)
        or None,
        user=fields.user,
        safety_identifier=fields.safety_identifier,
    )
    return None if found == ImageParameters() else found


def _word(value: str | None) -> str | None:
    """A word that says something."""
    return None if value is None or value.lower() == AUTO else value


def _notes(fields: CreateImage) -> dict[str, str] | None:
    kept = {name: value if isinstance(value, str) else json.dumps(value) for name, value in _told(fields.metadata)}
    return scalars.metadata(kept)


def _told(notes: dict[str, Any] | None) -> list[tuple[str, Any]]:
    return [(name, value) for name, value in (notes or {}).items() if value is not None]


def _frame(fields: CreateImage) -> tuple[str | None, str | None, str | None, dict[str, tuple[str, str]]]:
    """Size, aspect ratio and resolution, and how the client said the last two. Relays also write a ratio (`16:9`) or a
    resolution (`2K`) as the size."""
    said = _word(fields.size)
    ratio, resolution = _word(fields.aspect_ratio), _word(fields.resolution)
    own = {
        name: (name, value)
        for name, value in (("aspect_ratio", ratio), ("resolution", resolution))
        if value is not None
    }
    if ratio is not None:
        ratio = scalars.aspect_ratio(ratio, "aspect_ratio")
    if resolution is not None:
        resolution = scalars.resolution(resolution, "resolution")
    if said is None:
        return None, ratio, resolution, own
    if is_size(said) or scalars.is_pair(said):
        width, height = parse_size(said) if is_size(said) else scalars.pair(said, "size")
        if max(width, height) >= _SMALLEST:
            return f"{width}x{height}", ratio, resolution, own
        own.setdefault("aspect_ratio", ("size", said))
        return None, agreed(("aspect_ratio", ratio), ("size", f"{width}:{height}")), resolution, own
    if objection(scalars.resolution, said, "size") is None:
        own.setdefault("resolution", ("size", said))
        return None, ratio, agreed(("resolution", resolution), ("size", said.lower())), own
    return said, ratio, resolution, own


def _with_native(
    request: GenerationRequest, unknown: dict[str, msgspec.Raw], own: dict[str, tuple[str, str]], models: Catalogue
) -> GenerationRequest:
    """`request` with what only an upstream that speaks OpenAI's form may judge: fields that nobody here knows, values
    that its model is not known to have, a size that is none."""
    novel = models.strange(request)
    if request.size is not None and not is_size(request.size):
        novel["size"] = Novel(request.size, f"size: '{request.size[:40]}' is neither WIDTHxHEIGHT nor auto.")
    native = Native("openai", unknown, novel, own) if unknown or novel or own else None
    return msgspec.structs.replace(request, native=native)


def _sources(fields: CreateImage, body: Body) -> list[Source]:
    """The pictures that are edited, in their order, and the mask of the first."""
    if {"image", "image[]"} <= body.parts or (fields.image is not None and fields.images is not None):
        raise invalid("image: the pictures are there under two names; send one of them.", "image")
    found: list[Source] = []
    for name in REPEATABLE:
        role: Role = "mask" if name == "mask" else "image"
        found += [picture(one, name, role) for one in _listed(getattr(fields, name))]
        found += [Source(role, name, file=file) for of, file in body.files if of == name]
    for name, _ in body.files:
        if name not in REPEATABLE:
            raise GatewayError("unsupported_parameter", f"'{name[:64]}' takes no file.", param=name[:64])
    masks = sum(one.role == "mask" for one in found)
    if masks > 1:
        raise invalid(f"mask: {masks} masks; at most 1.", "mask")
    if len(found) - masks > wire.MAX_IMAGES:
        raise invalid(f"image: {len(found) - masks} pictures; at most {wire.MAX_IMAGES}.", "image")
    return found


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]

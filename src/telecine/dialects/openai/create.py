"""From OpenAI's create body, JSON or form, to a GenerationRequest."""

from __future__ import annotations

import json
from collections.abc import Collection
from functools import cache
from typing import Final, TypeVar

import msgspec

from telecine.dialects import scalars
from telecine.dialects.aliases import agreed
from telecine.dialects.bodies import Body, Known, typed
from telecine.dialects.inline import Source
from telecine.dialects.openai.frame import JUDGES, frame, objection, one, own
from telecine.dialects.openai.pictures import sources
from telecine.nouns.catalogue import Catalogue
from telecine.nouns.errors import invalid
from telecine.nouns.geometry import check_agreement
from telecine.nouns.operations import inferred
from telecine.nouns.parameters import VideoParameters
from telecine.nouns.request import GenerationRequest, Native, Novel
from telecine.wires.openai import HOOKS, CreateVideo, Note
from telecine.wires.scalars import Number

DEFAULT_MODEL: Final = "sora-2"
MAX_IMAGE: Final = 50 * 1024 * 1024
IN_METADATA: Final = ("resolution", "aspectRatio", "aspect_ratio", "seed")
"""genrelay sends these inside `metadata`; they are parameters, not notes."""
_SPAN: Final = (1, 3)
"""Seconds that the part of a video with a character in it lasts (wire table C.2)."""

T = TypeVar("T", bound=CreateVideo)


def hook_of(body: Body) -> str:
    """The name by which the client sent the URL for webhooks."""
    return next((name for name in HOOKS if body.fields.get(name)), HOOKS[0])


def parse_create(body: Body, models: Catalogue) -> tuple[GenerationRequest, list[Source]]:
    """The request, and the pictures that it still lacks. Raises GatewayError."""
    _, request, pictures = parse_fields(body, models, CreateVideo)
    return request, pictures


def parse_fields(
    body: Body, models: Catalogue, kind: type[T], others: Collection[str] = ()
) -> tuple[T, GenerationRequest, list[Source]]:
    """The fields of a body of that `kind`, what all bodies have of them as a request, and the pictures that it still
    lacks. Files in the fields `others` are no pictures. Raises GatewayError."""
    wire, native = _read(body, kind)
    model = agreed(("model", wire.model), ("model_name", wire.model_name)) or DEFAULT_MODEL
    pictures = sources(wire, body, model, others)
    known = models.find(model)
    roles = [one.role for one in pictures]
    notes = wire.metadata or {}
    size, ratios, resolutions = frame(wire)
    request = GenerationRequest(
        operation=inferred("video", roles, known.operations if known is not None else ()).name,
        model=model,
        prompt=wire.prompt or "",
        negative_prompt=wire.negative_prompt,
        count=scalars.integer(wire.n, "n", least=1) or 1,
        size=size,
        aspect_ratio=one(ratios, scalars.aspect_ratio),
        resolution=one(resolutions, scalars.resolution),
        duration=agreed(
            ("seconds", scalars.seconds(wire.seconds, "seconds")),
            ("duration", scalars.seconds(wire.duration, "duration")),
        ),
        seed=agreed(
            ("seed", scalars.seed(wire.seed, "seed")),
            ("metadata.seed", scalars.seed(_number(notes.get("seed"), "metadata.seed"), "metadata.seed")),
        ),
        parameters=_parameters(wire),
        callback_url=agreed(*((name, getattr(wire, name)) for name in HOOKS)),
        metadata=notes_of(body),
        native=native,
    )
    request = with_novel(request, own(wire, request, ratios, resolutions), models)
    check_agreement(request, models.ability(request.model, request.operation))
    return wire, request, pictures


def with_novel(request: GenerationRequest, own: dict[str, tuple[str, str]], models: Catalogue) -> GenerationRequest:
    """`request` with what the vendor alone can judge: values that its model is not known to have, and words that mean
    nothing here. `own` is how the client said what may be passed on as it came."""
    novel = models.strange(request)
    for name, judge in JUDGES.items():
        value = getattr(request, name)
        why = None if value is None else objection(judge, value, own[name][0] if name in own else name)
        if why is not None:
            novel[name] = Novel(value, why)
    fields = request.native.fields if request.native is not None else {}
    native = Native("openai", fields, novel, own) if fields or novel or own else None
    return msgspec.structs.replace(request, native=native)


def _read(body: Body, kind: type[T]) -> tuple[T, Native | None]:
    """The typed fields, and the fields of nobody's."""
    names = known_to(kind)
    unknown = body.unknown(names)
    known = body.known(names)
    wire = typed({name: value for name, value in known.items() if value is not None and value != ""}, kind)
    if wire.prompt is None or not wire.prompt.strip():
        raise invalid("prompt: is required.", "prompt")
    return wire, Native("openai", unknown) if unknown else None


@cache
def known_to(kind: type[msgspec.Struct]) -> Known:
    """The fields of a body of that `kind`."""
    return Known.of(kind)


def notes_of(body: Body) -> dict[str, str] | None:
    """What the client keeps with the task, as it wrote it."""
    kept = {
        name: value if isinstance(value, str) else json.dumps(value)
        for name, value in (body.fields.get("metadata") or {}).items()
        if name not in IN_METADATA and value is not None
    }
    return scalars.metadata(kept)


def _parameters(wire: CreateVideo) -> VideoParameters | None:
    """What only relays have. None where none of it is said. Raises GatewayError."""
    if wire.storyboard is not None:
        Body({"storyboard": wire.storyboard}).unknown(Known(()))  # whatever it is, it says no more than an unknown one
    made = VideoParameters(
        watermark=scalars.flag(wire.watermark, "watermark"),
        private=scalars.flag(wire.private, "private"),
        style=wire.style,
        style_id=wire.style_id,
        storyboard=wire.storyboard,
        character_url=wire.character_url,
        character_timestamps=timestamps(wire.character_timestamps, "character_timestamps"),
    )
    if made.character_timestamps is not None and made.character_url is None:
        raise invalid("character_timestamps: are those of a character_url.", "character_timestamps")
    return None if made == VideoParameters() else made


def timestamps(text: str | None, param: str) -> str | None:
    """`1,3`: from which second to which somebody is seen (wire table C.2). Raises GatewayError."""
    if text is None:
        return None
    start, comma, end = (part.strip() for part in text.partition(","))
    if not comma or not all(scalars.is_number(one) for one in (start, end)):
        raise invalid(f"{param}: must be two seconds, such as 1,3.", param)
    least, most = _SPAN
    if not least <= round(float(end) - float(start), 6) <= most:
        raise invalid(f"{param}: must span {least} to {most} seconds.", param)
    return f"{start},{end}"


def _number(value: Note, param: str) -> Number | None:
    if isinstance(value, bool):
        raise invalid(f"{param}: must be a number.", param)
    return None if value == "" else value

"""From OpenAI's create and remix bodies, JSON or form, to a GenerationRequest."""

from __future__ import annotations

import json
from typing import Any, Final

import msgspec

from telecine.dialects import scalars
from telecine.dialects.bodies import Body, Known, typed
from telecine.dialects.inline import Source, data_of, is_url
from telecine.dialects.scalars import Number
from telecine.nouns.errors import GatewayError, invalid
from telecine.nouns.request import GenerationRequest, Native, Role, VideoParameters

DEFAULT_MODEL: Final = "sora-2"
MAX_IMAGE: Final = 50 * 1024 * 1024
REPEATABLE: Final = ("input_reference", "images")
_MAX_IMAGES: Final = 9
# Relays: small and large are their two resolutions.
_NAMED_SIZES: Final = {"small": "720p", "large": "1080p"}
# genrelay sends these inside `metadata`; they are parameters, not notes.
_IN_METADATA: Final = {
    "resolution": "resolution",
    "aspectRatio": "aspect_ratio",
    "aspect_ratio": "aspect_ratio",
    "seed": "seed",
}


class CreateVideo(msgspec.Struct):
    """The official fields, then the relays' (wire table C.2), then those of our neutral form that have one name."""

    prompt: str | None = None
    model: str | None = None
    seconds: Number | None = None
    size: str | None = None
    input_reference: Any = None

    duration: Number | None = None
    images: Any = None
    watermark: bool | str | None = None
    aspect_ratio_camel: str | None = msgspec.field(default=None, name="aspectRatio")
    resolution: str | None = None
    webhook_url: str | None = None

    negative_prompt: str | None = None
    aspect_ratio: str | None = None
    seed: int | str | None = None
    n: int | str | None = None
    callback_url: str | None = None
    metadata: dict[str, str | int | float | bool | None] | None = None


_KNOWN: Final = Known.of(CreateVideo)


def parse_create(body: Body) -> tuple[GenerationRequest, list[Source]]:
    """The request, and the pictures that it still lacks. Raises GatewayError."""
    wire, native = _read(body)
    sources = _sources(wire, body)
    size, aspect_ratio, resolution = _frame(wire)
    duration = scalars.seconds(wire.seconds, "seconds")
    other = scalars.seconds(wire.duration, "duration")
    if duration is not None and other not in (None, duration):
        raise invalid("seconds and duration say different things; send one of them.", "seconds")
    watermark = scalars.flag(wire.watermark, "watermark")
    request = GenerationRequest(
        operation="image_to_video" if sources else "text_to_video",
        model=wire.model or DEFAULT_MODEL,
        prompt=wire.prompt or "",
        negative_prompt=wire.negative_prompt,
        count=scalars.integer(wire.n, "n", least=1) or 1,
        size=size,
        aspect_ratio=aspect_ratio,
        resolution=resolution,
        duration=duration if duration is not None else other,
        seed=scalars.integer(wire.seed, "seed"),
        parameters=None if watermark is None else VideoParameters(watermark=watermark),
        callback_url=wire.webhook_url or wire.callback_url,
        metadata=_notes(wire),
        native=native,
    )
    return request, sources


def parse_remix(body: Body, source: GenerationRequest, source_task: int) -> GenerationRequest:
    """A remix of `source`: a new prompt, and whatever else the body may change. Raises GatewayError."""
    request, sources = parse_create(body)
    for name in ("model", "seconds", "duration"):
        if body.fields.get(name):
            raise invalid(f"{name}: a remix keeps that of its source; leave it out.", name)
    if sources:
        raise invalid("input_reference: a remix takes no picture.", "input_reference")
    reframed = request.size or request.aspect_ratio or request.resolution
    frame = request if reframed else source
    return msgspec.structs.replace(
        request,
        operation="remix",
        model=source.model,
        size=frame.size,
        aspect_ratio=frame.aspect_ratio,
        resolution=frame.resolution,
        duration=source.duration,
        source_task=source_task,
    )


def _read(body: Body) -> tuple[CreateVideo, Native | None]:
    """The typed fields, with those that relays put into `metadata` in their places, and the fields of nobody's."""
    unknown = body.unknown(_KNOWN)
    fields = {name: value for name, value in body.fields.items() if value is not None and value != ""}
    notes = fields.get("metadata")
    if isinstance(notes, dict):
        for name, field in _IN_METADATA.items():
            if notes.get(name) not in (None, ""):
                fields.setdefault(field, notes[name])
    wire = typed(fields, CreateVideo)
    if wire.prompt is None or not wire.prompt.strip():
        raise invalid("prompt: is required.", "prompt")
    return wire, Native("openai", unknown) if unknown else None


def _notes(wire: CreateVideo) -> dict[str, str] | None:
    kept = {
        name: value if isinstance(value, str) else json.dumps(value)
        for name, value in (wire.metadata or {}).items()
        if name not in _IN_METADATA and value is not None
    }
    return scalars.metadata(kept)


def _frame(wire: CreateVideo) -> tuple[str | None, str | None, str | None]:
    """(size, aspect ratio, resolution). Relays also write a ratio (`16x9`) or `small` and `large` as the size."""
    aspect_ratio = scalars.aspect_ratio(wire.aspect_ratio or wire.aspect_ratio_camel, "aspect_ratio")
    resolution = scalars.resolution(wire.resolution, "resolution")
    if wire.size is None:
        return None, aspect_ratio, resolution
    named = _NAMED_SIZES.get(wire.size.lower())
    if named is not None:
        return None, aspect_ratio, resolution or named
    width, height = scalars.pair(wire.size, "size")
    if max(width, height) < 64:
        return None, aspect_ratio or f"{width}:{height}", resolution
    return f"{width}x{height}", aspect_ratio, resolution


def _sources(wire: CreateVideo, body: Body) -> list[Source]:
    """The pictures: one begins the video, two begin and end it, three or more are references (wire table C.7)."""
    found: list[dict[str, Any]] = []
    for name, value in (("input_reference", wire.input_reference), ("images", wire.images)):
        given = value if isinstance(value, list) else [] if value is None else [value]
        found += [{"param": name, **_reference(one, name)} for one in given]
    for name, file in body.files:
        if name not in REPEATABLE:
            raise GatewayError("unsupported_parameter", f"'{name[:64]}' takes no file.", param=name[:64])
        found.append({"param": name, "file": file})
    if len(found) > _MAX_IMAGES:
        raise invalid(f"input_reference: {len(found)} pictures; at most {_MAX_IMAGES}.", "input_reference")
    roles: list[Role] = ["first_frame", "last_frame"] if len(found) < 3 else ["reference" for _ in found]
    return [Source(role=role, **one) for role, one in zip(roles, found, strict=False)]


def _reference(value: object, param: str) -> dict[str, str]:
    """A URL, a data URL, or `{"image_url": either}`."""
    if isinstance(value, dict):
        if value.get("file_id"):
            raise GatewayError(
                "unsupported_parameter",
                f"{param}.file_id: there is no files API here; send the file itself, an http(s) URL or a data URL.",
                param=f"{param}.file_id",
            )
        if set(value) - {"image_url", "file_id", "type"} or not isinstance(value.get("image_url"), str):
            raise invalid(f"{param}: the object must be {{'image_url': …}}.", param)
        value = value["image_url"]
    if not isinstance(value, str):
        raise invalid(f"{param}: must be a file, an http(s) URL, a data URL or an object with image_url.", param)
    if is_url(value):
        return {"url": value}
    data = data_of(value, param)
    if data is None:
        raise invalid(f"{param}: must be a file, an http(s) URL or a data URL.", param)
    return {"data": data}

"""From OpenAI's create and remix bodies, JSON or form, to a GenerationRequest."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Final

import msgspec

from telecine.dialects import scalars
from telecine.dialects.aliases import agreed
from telecine.dialects.bodies import Body, Known, typed
from telecine.dialects.inline import Source, data_of, is_url, merged
from telecine.nouns import catalogue
from telecine.nouns.catalogue import alike
from telecine.nouns.errors import GatewayError, invalid
from telecine.nouns.geometry import check_agreement
from telecine.nouns.parameters import VideoParameters
from telecine.nouns.request import GenerationRequest, Native, Novel, Reference, Role
from telecine.wires.openai import CreateVideo, Note
from telecine.wires.scalars import Number

DEFAULT_MODEL: Final = "sora-2"
MAX_IMAGE: Final = 50 * 1024 * 1024
REPEATABLE: Final = ("input_reference", "images", "image")
_MAX_IMAGES: Final = 9
_PICTURE_TYPES: Final = (None, "image_url", "input_image", "image")
_SMALLEST: Final = 64
"""Pixels: nothing smaller is a size, so that is a ratio."""
# Relays: small and large are their two resolutions.
_NAMED_SIZES: Final = {"small": "720p", "large": "1080p"}
IN_METADATA: Final = ("resolution", "aspectRatio", "aspect_ratio", "seed")
"""genrelay sends these inside `metadata`; they are parameters, not notes."""

_KNOWN: Final = Known.of(CreateVideo)
_JUDGES: Final[dict[str, Callable[[str, str], object]]] = {
    "size": scalars.pair,
    "aspect_ratio": scalars.aspect_ratio,
    "resolution": scalars.resolution,
}
"""Each raises GatewayError for a word that means nothing here."""
_Said = dict[str, str | None]
"""By the client's name for it, what it says."""


def parse_create(body: Body) -> tuple[GenerationRequest, list[Source]]:
    """The request, and the pictures that it still lacks. Raises GatewayError."""
    wire, native = _read(body)
    sources = _sources(wire, body)
    notes = wire.metadata or {}
    size, ratios, resolutions = _frame(wire, notes)
    watermark = scalars.flag(wire.watermark, "watermark")
    request = GenerationRequest(
        operation="image_to_video" if sources else "text_to_video",
        model=agreed(("model", wire.model), ("model_name", wire.model_name)) or DEFAULT_MODEL,
        prompt=wire.prompt or "",
        negative_prompt=wire.negative_prompt,
        count=scalars.integer(wire.n, "n", least=1) or 1,
        size=size["size"],
        aspect_ratio=_one(ratios, scalars.aspect_ratio),
        resolution=_one(resolutions, scalars.resolution),
        duration=agreed(
            ("seconds", scalars.seconds(wire.seconds, "seconds")),
            ("duration", scalars.seconds(wire.duration, "duration")),
        ),
        seed=agreed(
            ("seed", scalars.seed(wire.seed, "seed")),
            ("metadata.seed", scalars.seed(_number(notes.get("seed"), "metadata.seed"), "metadata.seed")),
        ),
        parameters=None if watermark is None else VideoParameters(watermark=watermark),
        callback_url=agreed(("webhook_url", wire.webhook_url), ("callback_url", wire.callback_url)),
        metadata=_notes(body),
        native=native,
    )
    request = _with_novel(request, _own(wire, request, ratios, resolutions))
    check_agreement(request)
    return request, sources


def _with_novel(request: GenerationRequest, own: dict[str, tuple[str, str]]) -> GenerationRequest:
    """`request` with what the vendor alone can judge: values that its model is not known to have, and words that mean
    nothing here. `own` is how the client said what may be passed on as it came."""
    novel = catalogue.load().strange(request)
    for name, judge in _JUDGES.items():
        value = getattr(request, name)
        objection = None if value is None else _objection(judge, value, own[name][0] if name in own else name)
        if objection is not None:
            novel[name] = Novel(value, objection)
    fields = request.native.fields if request.native is not None else {}
    native = Native("openai", fields, novel, own) if fields or novel or own else None
    return msgspec.structs.replace(request, native=native)


def _objection(judge: Callable[[str, str], object], value: str, param: str) -> str | None:
    try:
        judge(value, param)
    except GatewayError as error:
        return error.message
    return None


def parse_remix(
    body: Body,
    source: GenerationRequest,
    source_task: int,
    *,
    seconds: str | None = None,
    size: str | None = None,
) -> GenerationRequest:
    """A remix of `source`: a new prompt, and whatever else the body may change. What it repeats of the source, whose
    object shows `seconds` and `size`, is no change. Raises GatewayError."""
    request, sources = parse_create(body)
    if (body.fields.get("model") or body.fields.get("model_name")) and not alike(request.model, source.model):
        raise invalid(f"model: a remix keeps that of its source, '{source.model}'; leave it out.", "model")
    own = [source.duration] if seconds is None else [source.duration, float(seconds)]
    if request.duration is not None and request.duration not in own:
        raise invalid("seconds: a remix keeps those of its source; leave them out.", "seconds")
    if sources:
        raise invalid("input_reference: a remix takes no picture.", "input_reference")
    asked = (request.size, request.aspect_ratio, request.resolution)
    frame = source if asked in ((None, None, None), (size, None, None)) else request
    made = msgspec.structs.replace(
        request,
        operation="remix",
        model=source.model,
        size=frame.size,
        aspect_ratio=frame.aspect_ratio,
        resolution=frame.resolution,
        duration=source.duration,
        source=Reference(task=source_task),
    )
    return _with_novel(made, {})


def _read(body: Body) -> tuple[CreateVideo, Native | None]:
    """The typed fields, and the fields of nobody's."""
    unknown = body.unknown(_KNOWN)
    known = body.known(_KNOWN)
    wire = typed({name: value for name, value in known.items() if value is not None and value != ""}, CreateVideo)
    if wire.prompt is None or not wire.prompt.strip():
        raise invalid("prompt: is required.", "prompt")
    return wire, Native("openai", unknown) if unknown else None


def _notes(body: Body) -> dict[str, str] | None:
    """What the client keeps with the task, as it wrote it."""
    kept = {
        name: value if isinstance(value, str) else json.dumps(value)
        for name, value in (body.fields.get("metadata") or {}).items()
        if name not in IN_METADATA and value is not None
    }
    return scalars.metadata(kept)


def _text(value: Note, param: str) -> str | None:
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise invalid(f"{param}: must be text.", param)
    return value


def _number(value: Note, param: str) -> Number | None:
    if isinstance(value, bool):
        raise invalid(f"{param}: must be a number.", param)
    return None if value == "" else value


def _frame(wire: CreateVideo, notes: dict[str, Note]) -> tuple[_Said, _Said, _Said]:
    """What size, aspect ratio and resolution are said with, by the client's names. Relays also write a ratio (`16x9`)
    or `small` and `large` as the size."""
    said = (wire.size or "").lower()
    width, height = scalars.pair(said, "size") if scalars.is_pair(said) else (0, 0)
    shape = 0 < max(width, height) < _SMALLEST
    size = f"{width}x{height}" if width else wire.size
    ratios = {
        "aspect_ratio": wire.aspect_ratio,
        "aspectRatio": wire.aspect_ratio_camel,
        "metadata.aspect_ratio": _text(notes.get("aspect_ratio"), "metadata.aspect_ratio"),
        "metadata.aspectRatio": _text(notes.get("aspectRatio"), "metadata.aspectRatio"),
        "size": said if shape else None,
    }
    resolutions = {
        "resolution": wire.resolution,
        "metadata.resolution": _text(notes.get("resolution"), "metadata.resolution"),
        "size": _NAMED_SIZES.get(said),
    }
    return {"size": None if shape or said in _NAMED_SIZES else size}, ratios, resolutions


def _one(said: _Said, judge: Callable[[str, str], str | None]) -> str | None:
    """What the names that were sent agree on, in our spelling where it means something here."""
    plain = [
        (name, value if _objection(judge, value, name) else judge(value, name))
        for name, value in said.items()
        if value is not None
    ]
    return agreed(*plain) if plain else None


def _own(
    wire: CreateVideo, request: GenerationRequest, ratios: _Said, resolutions: _Said
) -> dict[str, tuple[str, str]]:
    """By neutral name, the client's own field and text, as a form has them, of what OpenAI itself takes otherwise or
    not at all, and relays may take as it is."""
    seed = None if request.seed is None else str(request.seed)
    length = request.duration
    whole = length is None or length.is_integer()
    seconds = None if whole else f"{length:.6f}".rstrip("0")
    said: dict[str, _Said] = {
        "aspect_ratio": ratios,
        "resolution": resolutions,
        "seed": {"seed" if wire.seed is not None else "metadata.seed": seed},
        "negative_prompt": {"negative_prompt": request.negative_prompt},
        "duration": {"seconds" if wire.seconds is not None else "duration": seconds},
    }
    found: dict[str, tuple[str, str]] = {}
    for neutral, names in said.items():
        for name, value in names.items():
            if value is not None:
                outer, _, inner = name.partition(".")
                text = wire.size if name == "size" else value
                found.setdefault(neutral, (f"{outer}[{inner}]" if inner else outer, text or value))
    return found


def _sources(wire: CreateVideo, body: Body) -> list[Source]:
    """The pictures: one begins the video, two begin and end it, three or more are references (wire table C.7).

    The same picture under two names is one picture.
    """
    by_name: dict[str, list[Source]] = {name: [] for name in REPEATABLE}
    for name in REPEATABLE:
        value = getattr(wire, name)
        given = value if isinstance(value, list) else [] if value is None else [value]
        by_name[name] += [_reference(one, name) for one in given]
    for name, file in body.files:
        if name not in REPEATABLE:
            raise GatewayError("unsupported_parameter", f"'{name[:64]}' takes no file.", param=name[:64])
        by_name[name].append(Source("first_frame", name, file=file))
    found = merged(by_name.values())
    if len(found) > _MAX_IMAGES:
        raise invalid(f"input_reference: {len(found)} pictures; at most {_MAX_IMAGES}.", "input_reference")
    roles: list[Role] = ["first_frame", "last_frame"] if len(found) < 3 else ["reference" for _ in found]
    return [msgspec.structs.replace(one, role=role) for role, one in zip(roles, found, strict=False)]


def _reference(value: object, param: str) -> Source:
    """A URL, a data URL, or an object that holds either: `{"image_url": …}`, `{"url": …}`, `{"image_url": {"url": …}}`
    (the chat form)."""
    if isinstance(value, dict):
        if value.get("file_id"):
            raise GatewayError(
                "unsupported_parameter",
                f"{param}.file_id: there is no files API here; send the file itself, an http(s) URL or a data URL.",
                param=f"{param}.file_id",
            )
        nested = value.get("image_url")
        inner = nested.get("url") if isinstance(nested, dict) and nested.keys() == {"url"} else nested
        found = agreed((f"{param}.image_url", inner), (f"{param}.url", value.get("url")))
        known = value.keys() <= {"image_url", "url", "file_id", "type"} and value.get("type") in _PICTURE_TYPES
        if not known or not isinstance(found, str):
            raise invalid(f"{param}: the object must be {{'image_url': …}}.", param)
        value = found
    if not isinstance(value, str):
        raise invalid(f"{param}: must be a file, an http(s) URL, a data URL or an object with image_url.", param)
    if is_url(value):
        return Source("first_frame", param, url=value)
    data = data_of(value, param)
    if data is None:
        raise invalid(f"{param}: must be a file, an http(s) URL or a data URL.", param)
    return Source("first_frame", param, data=data)

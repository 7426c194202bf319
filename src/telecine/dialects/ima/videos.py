"""From a video's body, in either form, to a GenerationRequest."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Final

from msgspec.structs import replace

from telecine.dialects import scalars
from telecine.dialects.aliases import agreed
from telecine.dialects.bodies import Body, Known, present, typed
from telecine.dialects.ima import words
from telecine.dialects.ima.spelling import snaked
from telecine.dialects.inline import Source, merged
from telecine.dialects.openai.pictures import medium
from telecine.dialects.rows import Parsed
from telecine.nouns.catalogue import Catalogue
from telecine.nouns.errors import GatewayError, invalid
from telecine.nouns.parameters import VideoParameters
from telecine.nouns.request import GenerationRequest, Role
from telecine.wires.ima import videos as wire
from telecine.wires.ima.videos import FRAME, REFERENCE, ImaContent, ImaProVideoCreateRequest, ImaVideoMetadata
from telecine.wires.scalars import Number

_KNOWN: Final = Known.of(ImaProVideoCreateRequest)
_INNER: Final = Known.of(ImaVideoMetadata)
_FIRST: Final = ("prompt", "image", "images", "input_reference")
_FIRST_NOTES: Final = ("role_mode", "reference_video_urls", "reference_audio_urls")
"""Fields of the first form, and of its metadata, in the place of which the second has `content`."""
_ITEMS: Final = {
    "image_url": ("first_frame", "last_frame", "reference_image"),
    "video_url": ("reference_video",),
    "audio_url": ("reference_audio",),
}
"""By the type of an item of `content`, the roles that it may have, and first the one that it has where it says none."""
_ITEM: Final = frozenset(ImaContent.__struct_encode_fields__)
_LIKE: Final = frozenset({"reference", "video", "audio"})
"""Roles of what a video is to be like."""
_AT_RANDOM: Final = -1
_WIDE: Final = "reference_to_video"
NAMES: Final = {
    "inputs": "images",
    "inputs.video": "metadata.reference_video_urls",
    "inputs.audio": "metadata.reference_audio_urls",
    "audio": "metadata.audio",
    "parameters.watermark": "metadata.watermark",
}
"""What a body of the first form calls neutral fields."""


def parse_video(body: Body, models: Catalogue) -> Parsed:
    """The request, and the media that it still lacks. Raises GatewayError naming the field."""
    body = snaked(body, _KNOWN, metadata=_INNER)
    unknown = body.unknown(_KNOWN)
    said = typed(present(body.known(_KNOWN)), ImaProVideoCreateRequest)
    inner = body.inner("metadata")
    notes = typed(present(inner.known(_INNER)) if inner is not None else {}, ImaVideoMetadata)
    unknown |= inner.unknown(_INNER) if inner is not None else {}
    model = said.model or wire.PRO
    if said.content is not None:
        prompt, media = _content(said, notes)
        _check_items(body.fields["content"])
    else:
        prompt, media = said.prompt or "", _pictures(said, notes, model, models, body) + _references(notes)
    if not prompt.strip() and not media:
        raise invalid(f"{wire.ONE_TEXT}; send a prompt, or a picture.", "prompt")
    parameters = VideoParameters(watermark=_flag(said, notes, "watermark"))
    request = GenerationRequest(
        operation=_operation([one.role for one in media]),
        model=model,
        prompt=prompt,
        size=words.pixels(said.size),
        aspect_ratio=_word(said, notes, ("aspect_ratio", "ratio"), words.ratio),
        resolution=_word(said, notes, ("resolution",), words.resolution),
        duration=agreed(
            ("duration", scalars.seconds(said.duration, "duration")),
            ("seconds", scalars.seconds(said.seconds, "seconds")),
        ),
        seed=agreed(("seed", _seed(said.seed, "seed")), ("metadata.seed", _seed(notes.seed, "metadata.seed"))),
        audio=agreed(
            ("generate_audio", scalars.flag(said.generate_audio, "generate_audio")),
            ("metadata.audio", scalars.flag(notes.audio, "metadata.audio")),
        ),
        parameters=parameters if parameters != VideoParameters() else None,
        callback_url=said.callback_url,
    )
    return words.judged(request, unknown, NAMES, models), media


def _operation(roles: Collection[str]) -> str:
    return _WIDE if _LIKE & set(roles) else "image_to_video" if roles else "text_to_video"


def _word(said: ImaProVideoCreateRequest, notes: ImaVideoMetadata, names: Sequence[str], read: Any) -> str | None:
    """What the whole body or its metadata says under one of `names`. Raises GatewayError where they differ."""
    told = [(name, read(getattr(said, name))) for name in names]
    return agreed(*told, (f"metadata.{names[0]}", read(getattr(notes, names[0]))))


def _flag(said: ImaProVideoCreateRequest, notes: ImaVideoMetadata, name: str) -> bool | None:
    inner = f"metadata.{name}"
    return agreed((name, scalars.flag(getattr(said, name), name)), (inner, scalars.flag(getattr(notes, name), inner)))


def _seed(value: Number | None, param: str) -> int | None:
    """-1 is any."""
    seed = scalars.seed(value, param)
    return None if seed == _AT_RANDOM else seed


def _pictures(
    said: ImaProVideoCreateRequest, notes: ImaVideoMetadata, model: str, models: Catalogue, body: Body
) -> list[Source]:
    """The pictures of the first form, which are what the video is to be like, or its frames.

    IMA documents the former where nothing is said; but a model that is known to make nothing of such begins and ends
    with them. Raises GatewayError.
    """
    lists = {
        "images": said.images or [],
        "image": [said.image] if said.image is not None else [],
        "input_reference": [said.input_reference] if said.input_reference is not None else [],
    }
    found = [[medium(one, "reference", name) for one in given] for name, given in lists.items()]
    for name, file in body.files:
        if name not in lists:
            raise GatewayError("unsupported_parameter", f"'{name[:64]}' takes no file.", param=name[:64])
        found.append([Source("reference", name, file=file)])
    pictures = merged(found)
    mode = (notes.role_mode or "").lower()
    if mode not in ("", REFERENCE, FRAME):
        raise invalid("metadata.role_mode: must be one of reference, frame.", "metadata.role_mode")
    known = models.find(model)
    narrow = known is not None and _WIDE not in known.operations
    likened = bool(notes.reference_video_urls or notes.reference_audio_urls)
    if mode == FRAME or (not mode and narrow and not likened and len(pictures) <= wire.MOST_FRAMES):
        return _frames(pictures, likened=likened, asked=mode == FRAME)
    if len(pictures) > wire.MOST_IMAGES:
        raise invalid(f"images: {len(pictures)} pictures; at most {wire.MOST_IMAGES}.", "images")
    return pictures


def _frames(pictures: Sequence[Source], *, likened: bool, asked: bool) -> list[Source]:
    """The first and the last frame."""
    if asked and not pictures:
        raise invalid("images: frame mode requires at least one image.", "images")
    if len(pictures) > wire.MOST_FRAMES:
        raise invalid(f"images: frame mode supports up to {wire.MOST_FRAMES} images.", "images")
    if likened:
        raise invalid(
            "metadata.role_mode: frame mode cannot be mixed with reference video/audio.", "metadata.role_mode"
        )
    roles: list[Role] = ["first_frame", "last_frame"]
    return [replace(one, role=role) for role, one in zip(roles, pictures, strict=False)]


def _references(notes: ImaVideoMetadata) -> list[Source]:
    """Videos and sounds of the first form. Raises GatewayError."""
    found: list[Source] = []
    kinds: tuple[tuple[str, Role, int], ...] = (
        ("reference_video_urls", "video", wire.MOST_VIDEOS),
        ("reference_audio_urls", "audio", wire.MOST_AUDIOS),
    )
    for name, role, most in kinds:
        given = getattr(notes, name) or []
        if len(given) > most:
            raise invalid(f"metadata.{name}: {len(given)} of them; at most {most}.", f"metadata.{name}")
        found += [medium(one, role, f"metadata.{name}") for one in given]
    return found


def _content(said: ImaProVideoCreateRequest, notes: ImaVideoMetadata) -> tuple[str, list[Source]]:
    """The prompt and the media of the second form. Raises GatewayError."""
    first = {name: getattr(said, name) for name in _FIRST}
    for name, value in (first | {f"metadata.{one}": getattr(notes, one) for one in _FIRST_NOTES}).items():
        if value not in (None, []):
            raise invalid(f"{name}: stands in content; send one of them.", name)
    items = said.content or []
    prompts = [one.text or "" for one in items if one.type == "text"]
    if len(prompts) > 1:
        raise invalid(f"content: {wire.ONE_TEXT}, not {len(prompts)}.", "content")
    media = [_item(one, f"content[{number}]") for number, one in enumerate(items) if one.type != "text"]
    return "".join(prompts), media


def _check_items(items: Sequence[dict[str, Any]]) -> None:
    """Raise GatewayError for a field of an item that nobody here knows, which no upstream would see either."""
    for number, item in enumerate(items):
        unknown = next((name for name in item if name not in _ITEM), None)
        if unknown is not None:
            at = f"content[{number}].{unknown[:64]}"
            raise GatewayError("unsupported_parameter", f"{at}: is not known here; leave it out.", param=at)


def _item(item: ImaContent, at: str) -> Source:
    roles = _ITEMS.get(item.type)
    if roles is None:
        raise invalid(f"{at}.type: must be one of text, {', '.join(_ITEMS)}.", f"{at}.type")
    role, link = item.role or roles[0], getattr(item, item.type)
    if role not in roles:
        raise invalid(f"{at}.role: must be one of {', '.join(roles)} where the type is {item.type}.", f"{at}.role")
    if link is None:
        raise invalid(f"{at}.{item.type}: is required.", f"{at}.{item.type}")
    return medium(link.url, wire.ROLES[role], f"{at}.{item.type}.url")

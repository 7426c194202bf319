"""new-api's own form: `POST /v1/video/generations` with JSON, asked about below the same path; its tasks come in an
envelope, with words in capitals.

What it has no field of its own for goes into `metadata`, as the fields of the vendor behind it.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec
from msgspec.structs import replace

from telecine.nouns.sizes import is_size, parse_size, plain_resolution
from telecine.providers.http.body import Draft, check_unbilled
from telecine.providers.http.facts import Field, Fields, Op, Picture, Vendor, later
from telecine.providers.openai_images import IMAGES
from telecine.providers.relay.answers import task_of
from telecine.providers.relay.frame import SAYING, agrees, billed, fitting
from telecine.providers.relay.official import OFFICIAL, beside
from telecine.providers.relay.pictures import pictures_of
from telecine.providers.take import Take
from telecine.wires import openai
from telecine.wires import relay as wire

_METADATA: Final = ("watermark", *openai.RELAYED)


def _seconds(value: float, take: Take) -> Any:
    """A number, which need not be whole here."""
    own = take.own_text("duration")
    return value if own is None else float(own) if own.isdecimal() and len(own) < 5 else own


def _shape(draft: Draft) -> None:
    """`width` and `height`; a ratio and a resolution that no size stands for go to the vendor behind it, by the names
    that the relays' own clients use."""
    take, request = draft.take, draft.request
    size, ratio, resolution = (take.field(name) or None for name in SAYING)
    words = {name for name in SAYING if take.novel(name)}
    lines = plain_resolution(resolution) if resolution and "resolution" not in words else None
    more: dict[str, Any] = {}
    if size and is_size(size):
        width, height = parse_size(size)
        agrees(f"{width}x{height}", None if "aspect_ratio" in words else ratio, None if lines is None else resolution)
        more |= {"aspectRatio": ratio if "aspect_ratio" in words else None, "resolution": None if lines else resolution}
        draft.body |= {"width": width, "height": height}
    elif size:
        draft.body["size"] = size
    elif fits := fitting(ratio, lines or resolution):
        draft.body |= dict(zip(("width", "height"), parse_size(fits), strict=True))
    else:
        more |= {"aspectRatio": ratio, "resolution": resolution}
    more |= {"negative_prompt": request.negative_prompt}
    more |= {name: getattr(request.parameters, name, None) for name in _METADATA}
    if kept := _vendors(draft) | {name: one for name, one in more.items() if one is not None}:
        draft.body["metadata"] = kept


def _vendors(draft: Draft) -> dict[str, Any]:
    """What a client of this form has said there to the vendor behind it. Raises GatewayError for what is paid for."""
    native = draft.request.native if draft.take.speaks else None
    raw = native.fields.get("metadata") if native is not None else None
    if raw is None:
        return {}
    check_unbilled("metadata", raw, draft.vendor.billed)
    said = msgspec.json.decode(raw)
    return said if isinstance(said, dict) else {}


def _pictures(draft: Draft) -> None:
    """A first frame as `image`, a last one in `metadata`; references as a list, which new-api reads beside it
    [reconstructed]."""
    _shape(draft)
    items = pictures_of(draft)
    draft.media.clear()
    if items[0].role == "reference":
        draft.put_all("images", items)
        return
    draft.put("image", items[0])
    for item in items[1:]:
        draft.put("image_tail", item, draft.body.setdefault("metadata", {}))


_FIELDS: Final[Fields] = {
    "model": "model",
    "prompt": "prompt",
    "negative_prompt": Field("metadata", later),
    "seed": "seed",
    "duration": Field("duration", _seconds),
    **{name: Field("width", later) for name in SAYING},
    **{f"parameters.{name}": Field("metadata", later) for name in _METADATA},
}
_PICTURES: Final[Fields] = {
    "inputs.first_frame|image": Picture("image", "first frame"),
    "inputs.last_frame": Picture("metadata", "last frame"),
    "inputs.reference": Field("images"),
}
_REFERENCES: Final[Fields] = {"inputs.reference": Field("images")}
_MADE: Final = Op(
    create=f"POST {wire.GENERATIONS}",
    fields=_FIELDS,
    needs=("prompt",),
    shape=_shape,
    ours=wire.NEW_API,
    billed=billed,
)
NEW_API: Final[Vendor] = replace(
    OFFICIAL,
    name="relay",
    title="The relay",
    ops={
        "text_to_video": _MADE,
        "image_to_video": replace(_MADE, fields={**_FIELDS, **_PICTURES}, shape=_pictures),
        "reference_to_video": replace(_MADE, fields={**_FIELDS, **_REFERENCES}, shape=_pictures),
        **beside(f"GET {wire.GENERATIONS}/{{id}}"),
        **IMAGES,
    },
    traits=replace(OFFICIAL.traits, listed=False),
    sign=f"{wire.GENERATIONS}/{{id}}",
    inline="data",
    made=task_of,
)

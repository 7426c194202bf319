"""The unified form of the relays: `POST /v1/video/create` with JSON, asked about by `GET /v1/video/query?id=`.

Sora's models are told an orientation and `small` or `large`, all others an aspect ratio. What an answer says is read as
in the official form: most relays answer here in its words, some with the `detail` of the vendor behind them.
"""

from __future__ import annotations

from typing import Any, Final

from msgspec.structs import replace

from telecine.nouns.errors import GatewayError, invalid
from telecine.nouns.sizes import is_size, parse_size, plain_resolution
from telecine.providers.http.body import Draft
from telecine.providers.http.facts import Field, Fields, Op, Picture, Vendor, later
from telecine.providers.openai_images import IMAGES
from telecine.providers.relay.answers import linked
from telecine.providers.relay.frame import SAYING, agrees, billed, fitting, said
from telecine.providers.relay.official import OFFICIAL, beside, earlier
from telecine.providers.relay.pictures import listed
from telecine.providers.take import Take
from telecine.wires import openai
from telecine.wires import relay as wire


def seconds(value: float, take: Take) -> Any:
    """Whole seconds as a number; what a client of this form wrote goes as it is. Raises GatewayError."""
    own = take.own_text("duration")
    if own is not None:
        return int(own) if own.isdecimal() and len(own) < 5 else own
    if not float(value).is_integer():
        raise invalid(f"The relay counts whole seconds; {value:g} is none.", "duration")
    return int(value)


def _shape(draft: Draft) -> None:
    """The frame in the words that the model is told it in."""
    draft.body |= _frame(draft) | earlier(draft)
    for name in ("seed", "negative_prompt"):
        if draft.take.own(name) is not None:  # a client of the same dialect, whose relays have them
            draft.body[name] = draft.take.field(name)


def _pictures(draft: Draft) -> None:
    _shape(draft)
    listed(draft, "images")


def _references(draft: Draft) -> None:
    _shape(draft)
    draft.put_all("images", draft.take.inputs("reference"))


def _frame(draft: Draft) -> dict[str, str]:
    """The fields that say size, aspect ratio and resolution. What cannot be said goes to the relay of an OpenAI client
    in its own words. Raises GatewayError of any other."""
    size, ratio, resolution = (draft.take.field(name) or None for name in SAYING)
    words = {name for name in SAYING if draft.take.novel(name)}
    plain = "x".join(map(str, parse_size(size))) if size and is_size(size) else None
    if plain:
        agrees(plain, None if "aspect_ratio" in words else ratio, None if "resolution" in words else resolution)
    lines = plain_resolution(resolution) if resolution else None
    sora = draft.model.startswith("sora")
    found = (_oriented if sora else _shaped)(plain, ratio, lines) if plain or not size else None
    if found is not None:
        return found
    own = {name: one for name, one in said(draft, "aspect_ratio", "resolution").items() if "[" not in name}
    if size and "size" in words:
        own["size"] = size
    if own:
        return own
    raise GatewayError(
        "unsupported_parameter",
        f"The relay's unified form makes {', '.join(sorted(wire.ORIENTED if sora else wire.RATIOS))}; none of them is "
        f"'{' '.join(filter(None, (size, ratio, resolution)))[:40]}'.",
        param=next(name for name in SAYING if getattr(draft.request, name)),
    )


def _oriented(size: str | None, ratio: str | None, lines: str | None) -> dict[str, str] | None:
    """What Sora's models are told; None where it cannot be said."""
    shape = size or fitting(ratio, lines)
    if shape == "":
        return {}
    if shape in wire.ORIENTED:
        return dict(zip(("orientation", "size"), wire.ORIENTED[shape], strict=True))
    if size or lines != wire.LARGE or ratio not in (None, *wire.ORIENTATIONS):
        return None
    return {"size": "large"} | ({"orientation": wire.ORIENTATIONS[ratio]} if ratio else {})


def _shaped(size: str | None, ratio: str | None, lines: str | None) -> dict[str, str] | None:
    """The same of all others."""
    if size is not None and size not in wire.RATIOS:
        return None
    if size is not None:
        ratio, lines = wire.RATIOS[size], f"{min(parse_size(size))}p"
    told = {"aspect_ratio": ratio, "size": lines.upper() if lines else None}
    return {name: one for name, one in told.items() if one}


_FIELDS: Final[Fields] = {
    "model": "model",
    "prompt": "prompt",
    "duration": Field("duration", seconds),
    "size": Field("size", later),
    "aspect_ratio": Field("aspect_ratio", later),
    "resolution": Field("size", later),
    "parameters.watermark": "watermark",
    **{f"parameters.{name}": name for name in openai.RELAYED},
}
_PICTURES: Final[Fields] = {
    "inputs.first_frame|image": Picture("images", "first frame"),
    "inputs.last_frame": Picture("images", "last frame"),
    "inputs.reference": Field("images"),
}
_REFERENCES: Final[Fields] = {"inputs.reference": Field("images")}
_POLL: Final = f"GET {wire.QUERY}?id={{id}}"
_MADE: Final = Op(
    create=f"POST {wire.CREATE}",
    poll=_POLL,
    fields=_FIELDS,
    needs=("prompt",),
    shape=_shape,
    ours=wire.UNIFIED.union(openai.RELAYED),
    billed=billed,
)
UNIFIED: Final[Vendor] = replace(
    OFFICIAL,
    name="relay",
    title="The relay",
    ops={
        "text_to_video": _MADE,
        "image_to_video": replace(_MADE, fields={**_FIELDS, **_PICTURES}, shape=_pictures),
        "reference_to_video": replace(_MADE, fields={**_FIELDS, **_REFERENCES}, shape=_references),
        **beside(_POLL),
        **IMAGES,
    },
    traits=replace(OFFICIAL.traits, listed=False),
    sign=f"{wire.QUERY}?id={{id}}",
    billed=OFFICIAL.billed | {"orientation"},
    inline="data",
    outputs=linked,
)

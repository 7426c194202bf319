"""IMA's pictures: `POST /v1/images/generations`, which is OpenAI's path and answers with a task. Some of its answers
are the result itself, in OpenAI's shape.

Pictures go in as URLs. Gemini 3 Pro and Gemini 3.1 Flash have forms of their own, which differ in shapes and sizes; of
a model that nobody here knows, the wider form is spoken.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from msgspec.structs import replace

from telecine.nouns.billed import Billed
from telecine.nouns.errors import invalid
from telecine.providers.base import Traits
from telecine.providers.http.body import Draft
from telecine.providers.http.facts import Field, Fields, Op, later
from telecine.providers.http.frame import Frame
from telecine.providers.ima.answers import KEPT, picture_of, pictures_of
from telecine.wires.ima import IMAGE_POLL_SECONDS
from telecine.wires.ima import IMAGES as PATH
from telecine.wires.ima import images as wire

_PRO: Final = Frame("aspect_ratio", wire.RATIOS, "size", wire.SIZES)
_FLASH: Final = Frame("aspect_ratio", wire.FLASH_RATIOS, "size", {**wire.SIZES, wire.SMALL[0]: wire.SMALL[1]})
_FIELDS: Final[Fields] = {
    "model": "model",
    "prompt": "prompt",
    "aspect_ratio": Field("aspect_ratio", lambda _, take: take.novel("aspect_ratio")),
    "resolution": Field("size", lambda _, take: take.novel("resolution")),
    "size": Field("size", later),
}
_EDITED: Final[Fields] = {**_FIELDS, "inputs.image|reference": Field("image")}
"""One picture is said as `image`, several as `images`."""


def _frame(draft: Draft) -> Frame:
    return _PRO if draft.model.startswith(wire.PRO) else _FLASH


def _shape(draft: Draft) -> None:
    _frame(draft).write(draft)


def _edited(draft: Draft) -> None:
    _shape(draft)
    items = draft.take.inputs("image", "reference")
    if not items:
        raise invalid("IMA needs a picture to edit.", "inputs")
    if len(items) == 1:
        draft.put("image", items[0])
    else:
        draft.put_all("images", items)


def _billed(draft: Draft) -> Billed:
    """A picture that is edited keeps its own shape, which is not known here."""
    return _frame(draft).billed(draft.body, follows=draft.request.operation != "text_to_image")


_MADE: Final = Op(
    create=f"POST {PATH}",
    poll=f"GET {PATH}/{{id}}",
    fields=_FIELDS,
    needs=("prompt",),
    shape=_shape,
    ours=frozenset(wire.ImaImageGenerationRequest.__struct_encode_fields__),
    billed=_billed,
    whole=pictures_of,
    traits=Traits(KEPT, usual=30.0, poll_floor=IMAGE_POLL_SECONDS, url_only=True),
    unlike={"outputs": picture_of},
)
IMAGES: Final[Mapping[str, Op]] = {
    "text_to_image": _MADE,
    "image_to_image": replace(_MADE, fields=_EDITED, shape=_edited),
}

"""The operations that make pictures."""

from __future__ import annotations

from typing import Any, Final

from msgspec.structs import replace

from telecine.dialects.kling.fields import Said
from telecine.dialects.kling.operation import Operation
from telecine.dialects.kling.rules import apart, needs, only_with, together
from telecine.nouns.catalogue import Catalogue
from telecine.nouns.errors import invalid
from telecine.nouns.parameters import ImageParameters
from telecine.nouns.request import GenerationRequest
from telecine.wires.kling.images import (
    AUTO,
    EXPAND,
    GENERATION,
    MOST_AREA,
    MOST_IMAGES,
    MOST_REFERENCES,
    MULTI_IMAGE,
    OMNI,
    SERIES,
    SLACK,
    TRY_ON,
)

_PROMPT: Final = "A paper boat in a flooded library"
_PICTURE: Final = "https://example.com/boat.png"


def _amount(wire: Any, _: Catalogue) -> None:
    """A series has 2 to 9 pictures, or as many as there should be."""
    amount = wire.series_amount
    if amount is not None and amount != AUTO and not (isinstance(amount, int) and 2 <= amount <= MOST_IMAGES):
        raise invalid(f"series_amount: must be from 2 to {MOST_IMAGES}, or '{AUTO}'.", "series_amount")


def _omni(wire: Any, request: GenerationRequest) -> GenerationRequest:
    """How many pictures there are, and no shape where Kling is to find that."""
    ratio = None if request.aspect_ratio == AUTO else request.aspect_ratio
    given = request.parameters
    if not isinstance(given, ImageParameters) or not given.series:
        return replace(request, aspect_ratio=ratio)
    auto = wire.series_amount == AUTO
    count = MOST_IMAGES if auto else wire.series_amount or SERIES
    return replace(request, aspect_ratio=ratio, count=count, parameters=replace(given, fewer=True) if auto else given)


def _area(wire: Any, _: Catalogue) -> None:
    """The new picture is not too large."""
    high = 1 + wire.up_expansion_ratio + wire.down_expansion_ratio
    wide = 1 + wire.left_expansion_ratio + wire.right_expansion_ratio
    if high * wide > MOST_AREA + SLACK:
        raise invalid(
            f"up_expansion_ratio: the new picture would be {high * wide:.2f} times as large as the old one; at most "
            f"{MOST_AREA:g}.",
            "up_expansion_ratio",
        )


IMAGES: Final = (
    Operation(
        path=GENERATION,
        makes=("images from a text or an image", "images from a text or an image"),
        does=lambda wire: "image_to_image" if wire.image else "text_to_image",
        shows=("text_to_image", "image_to_image", "image_variation", "workflow"),  # of the last those of images
        kind="image",
        example={"model_name": GENERATION.model, "prompt": _PROMPT, "n": 2},
        media={"image": "image"},
        rules=(
            needs("prompt"),
            only_with("image_reference", "image"),
            apart(("image",), ("negative_prompt",)),
            together(MOST_REFERENCES, "image", "element_list"),
        ),
    ),
    Operation(
        path=OMNI,
        makes=("images from a text and references", "images from a text and references"),
        does=lambda wire: "image_to_image" if wire.image_list else "text_to_image",
        shows=(),
        kind="image",
        example={
            "model_name": OMNI.model,
            "prompt": "<<<image_1>>> as a woodcut",
            "image_list": [{"image": _PICTURE}],
        },
        media={"image_list[].image": "reference"},
        rules=(needs("prompt"), together(MOST_REFERENCES, "image_list", "element_list"), _amount),
        finish=_omni,
    ),
    Operation(
        path=MULTI_IMAGE,
        makes=("images of several subjects", "images of several subjects"),
        does="image_to_image",
        shows=(),
        kind="image",
        example={
            "model_name": MULTI_IMAGE.model,
            "prompt": _PROMPT,
            "subject_image_list": [{"subject_image": _PICTURE}, {"subject_image": "https://example.com/cat.png"}],
        },
        media={"subject_image_list[].subject_image": "reference", "scene_image": "scene", "style_image": "style"},
        rules=(needs("subject_image_list"),),
    ),
    Operation(
        path=EXPAND,
        makes=("an image with more around it", "images with more around them"),
        does="expand",
        shows=("expand",),
        kind="image",
        example={
            "image": _PICTURE,
            "up_expansion_ratio": 0.1,
            "down_expansion_ratio": 0.1,
            "left_expansion_ratio": 0.5,
            "right_expansion_ratio": 0.5,
        },
        fields={f"{way}_expansion_ratio": Said(f"parameters.{way}") for way in ("up", "down", "left", "right")},
        media={"image": "image"},
        rules=(_area,),
    ),
    Operation(
        path=TRY_ON,
        makes=("an image of somebody in other clothes", "images of people in other clothes"),
        does="try_on",
        shows=("try_on",),
        kind="image",
        example={"human_image": "https://example.com/person.png", "cloth_image": "https://example.com/coat.png"},
        media={"human_image": "person", "cloth_image": "garment"},
        never={"watermark_info": "leave it out"},
    ),
)

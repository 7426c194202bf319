"""The bodies of what makes pictures at Kling, and their paths (API reference, "Image Generation": image generation,
omni-image, multi-image to image, outpainting, virtual try-on).

Two things are told otherwise in older pages: the model where none is named (images/generations: kling-v1), and that a
try-on may do without clothes.
"""

from __future__ import annotations

from typing import Annotated, Final

import msgspec

from telecine.wires.kling import Path
from telecine.wires.kling.parts import Common, Element, Fraction, Text, words
from telecine.wires.scalars import Word

RATIOS: Final = ("16:9", "9:16", "1:1", "4:3", "3:4", "3:2", "2:3", "21:9")
"""The shapes of its pictures, the usual one first (images/generations, `aspect_ratio`)."""
RESOLUTIONS: Final = ("1k", "2k", "4k")
"""The usual one first; the last is omni-image's alone."""
AUTO: Final = "auto"
MOST_IMAGES: Final = 9
"""Pictures that one task makes (`n`, `series_amount`)."""
MOST_REFERENCES: Final = 10
"""Pictures and elements that one refers to."""
MOST_SUBJECTS: Final = 4
SERIES: Final = 4
"""Pictures of a series where the body does not say how many."""
MOST_AREA: Final = 3.0
"""How many times as large as its picture an expanded one is at the most."""
SLACK: Final = 1e-3
"""The page's own example writes ratios with four digits."""

Ratio = Annotated[Word, words(*RATIOS)]
OmniRatio = Annotated[Word, words(*RATIOS, AUTO)]
Count = Annotated[int, msgspec.Meta(ge=1, le=MOST_IMAGES)]
Growth = Annotated[float, msgspec.Meta(ge=0, le=2)]
"""A share of the picture's own height or width."""
Elements = Annotated[list[Element], msgspec.Meta(max_length=MOST_REFERENCES)]


class Generation(Common, omit_defaults=True, kw_only=True):
    """Pictures from a text, or from a text and a picture."""

    prompt: Text = ""
    negative_prompt: Text | None = None
    image: str | None = None
    """A URL or raw base64; a `data:` prefix is an error."""
    image_reference: Annotated[Word, words("subject", "face")] | None = None
    image_fidelity: Fraction | None = None
    human_fidelity: Fraction | None = None
    """It counts where `image_reference` is `subject`."""
    element_list: Elements = msgspec.field(default_factory=list)
    resolution: Annotated[Word, words(*RESOLUTIONS[:2])] | None = None
    n: Count | None = None
    aspect_ratio: Ratio | None = None


class OmniPicture(msgspec.Struct, forbid_unknown_fields=True):
    """`image_list[]`, which the prompt names as `<<<image_1>>>`."""

    image: str


class Omni(Common, omit_defaults=True, kw_only=True):
    """Pictures from a text and up to ten pictures and elements; one by one, or as a series."""

    prompt: Text = ""
    image_list: Annotated[list[OmniPicture], msgspec.Meta(max_length=MOST_REFERENCES)] = msgspec.field(
        default_factory=list
    )
    element_list: Elements = msgspec.field(default_factory=list)
    resolution: Annotated[Word, words(*RESOLUTIONS)] | None = None
    result_type: Annotated[Word, words("single", "series")] | None = None
    n: Count | None = None
    """Void for a series."""
    series_amount: int | Word | None = None
    """2 to 9, or `auto`; void where it is no series."""
    aspect_ratio: OmniRatio | None = None


class Subject(msgspec.Struct, forbid_unknown_fields=True):
    """`subject_image_list[]`."""

    subject_image: str


class MultiImage(Common, omit_defaults=True, kw_only=True):
    """Pictures of one to four subjects, in a scene and a style."""

    prompt: Text = ""
    negative_prompt: Text | None = None
    """In the page's example, and not in its table."""
    subject_image_list: Annotated[list[Subject], msgspec.Meta(max_length=MOST_SUBJECTS)] = msgspec.field(
        default_factory=list
    )
    scene_image: str | None = None
    style_image: str | None = None
    n: Count | None = None
    aspect_ratio: Ratio | None = None


class Expand(Common, omit_defaults=True, kw_only=True):
    """A picture with more around it."""

    image: str
    up_expansion_ratio: Growth
    down_expansion_ratio: Growth
    left_expansion_ratio: Growth
    right_expansion_ratio: Growth
    prompt: Text | None = None
    n: Count | None = None


class TryOn(Common, omit_defaults=True, kw_only=True):
    """Somebody in other clothes; version 1.5 takes an upper and a lower part in one picture."""

    human_image: str
    cloth_image: str


GENERATION: Final = Path(path="/v1/images/generations", body=Generation, model="kling-v3")
OMNI: Final = Path(path="/v1/images/omni-image", body=Omni, model="kling-image-o1")
MULTI_IMAGE: Final = Path(
    path="/v1/images/multi-image2image",
    body=MultiImage,
    model="kling-v2-1",
    named=False,  # no page that was read says that a query takes it
)
EXPAND: Final = Path(path="/v1/images/editing/expand", body=Expand, model="kling-expand", models=False)
TRY_ON: Final = Path(
    path="/v1/images/kolors-virtual-try-on",
    body=TryOn,
    model="kolors-virtual-try-on-v1",
    named=False,  # one page says so, another knows no `external_task_id`
)

OMNI_MODELS: Final = ("kling-image-*", "*-omni")
"""Globs of the models that make pictures at `OMNI`: `kling-image-o1`, `kling-v3-omni`."""

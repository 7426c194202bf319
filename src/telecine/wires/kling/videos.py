"""The bodies of what makes videos at Kling, and their paths (API reference, "Video Generation")."""

from __future__ import annotations

from typing import Annotated, Final

import msgspec

from telecine.wires.kling import Path
from telecine.wires.kling.parts import (
    CameraControl,
    Common,
    DynamicMask,
    Element,
    Fraction,
    Mode,
    Ratio,
    ShotPrompt,
    ShotType,
    Sound,
    Text,
    Voice,
)
from telecine.wires.scalars import Number

Elements = Annotated[list[Element], msgspec.Meta(max_length=3)]
Shots = Annotated[list[ShotPrompt], msgspec.Meta(max_length=6)]


class Text2Video(Common, omit_defaults=True, kw_only=True):
    """A video from a text. A body may do without a prompt where it has several shots."""

    prompt: str = ""
    negative_prompt: Text | None = None
    mode: Mode | None = None
    cfg_scale: Fraction | None = None
    sound: Sound | None = None
    camera_control: CameraControl | None = None
    aspect_ratio: Ratio | None = None
    duration: Number | None = None
    """Seconds, as a string."""
    multi_shot: bool | None = None
    shot_type: ShotType | None = None
    multi_prompt: Shots = msgspec.field(default_factory=list)
    voice_list: Annotated[list[Voice], msgspec.Meta(max_length=2)] = msgspec.field(default_factory=list)


class Image2Video(Text2Video, omit_defaults=True, kw_only=True):
    """A video from a first or a last frame, whose shape it has: `aspect_ratio` is ignored."""

    image: str | None = None
    """A URL or raw base64; a `data:` prefix is an error."""
    image_tail: str | None = None
    static_mask: str | None = None
    dynamic_masks: Annotated[list[DynamicMask], msgspec.Meta(max_length=6)] = msgspec.field(default_factory=list)
    element_list: Elements = msgspec.field(default_factory=list)


IMAGE_ONLY: Final = ("image", "image_tail", "static_mask", "dynamic_masks", "element_list")
"""What only image2video takes."""

TEXT2VIDEO: Final = Path(path="/v1/videos/text2video", body=Text2Video, model="kling-v1")
IMAGE2VIDEO: Final = Path(path="/v1/videos/image2video", body=Image2Video, model="kling-v1")

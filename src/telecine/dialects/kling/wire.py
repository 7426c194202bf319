"""Kling's create body, field for field (Kling API documents; wire tables A.5.4 to A.5.6)."""

from __future__ import annotations

from typing import Annotated, Final

import msgspec

from telecine.dialects.scalars import Int63, Number

Word = Annotated[str, msgspec.Meta(max_length=64)]
WORDS: Final = {
    "mode": ("std", "pro"),
    "sound": ("on", "off"),
    "aspect_ratio": ("16:9", "9:16", "1:1"),
    "camera_control.type": ("simple", "down_back", "forward_up", "right_turn_forward", "left_turn_forward"),
    "shot_type": ("customize", "intelligence"),
}
"""The values that Kling documents; it may have more by now."""


class CameraConfig(msgspec.Struct, forbid_unknown_fields=True):
    """Axes of a `simple` camera move, each in [-10, 10]."""

    horizontal: float | None = None
    vertical: float | None = None
    pan: float | None = None
    tilt: float | None = None
    roll: float | None = None
    zoom: float | None = None


class CameraControl(msgspec.Struct, forbid_unknown_fields=True):
    """`config` is required for `simple` and must be absent otherwise."""

    type: Word
    config: CameraConfig | None = None


class ShotPrompt(msgspec.Struct, forbid_unknown_fields=True):
    """One shot; `duration` in seconds."""

    index: Int63
    prompt: str
    duration: Number


class TrajectoryPoint(msgspec.Struct, forbid_unknown_fields=True):
    """A pixel counted from the bottom left."""

    x: Int63
    y: Int63


class DynamicMask(msgspec.Struct, forbid_unknown_fields=True):
    """An area and the path that it moves along."""

    mask: str
    trajectories: list[TrajectoryPoint]


class Voice(msgspec.Struct, forbid_unknown_fields=True):
    """A voice that the prompt names as `<<<voice_1>>>`."""

    voice_id: str


class Element(msgspec.Struct, forbid_unknown_fields=True):
    """An element that lives at Kling. Its id is a long; JavaScript clients write it as a string."""

    element_id: int | str


class WatermarkInfo(msgspec.Struct, forbid_unknown_fields=True):
    """Whether a watermarked copy is made too."""

    enabled: bool


class CreateTask(msgspec.Struct):
    """The body of both paths. Empty strings and nulls have been taken out before it is read."""

    model_name: str | None = None
    model: str | None = None
    """What relays send for `model_name`."""
    prompt: str = ""
    negative_prompt: str | None = None
    cfg_scale: float | None = None
    mode: Word | None = None
    sound: Word | None = None
    camera_control: CameraControl | None = None
    aspect_ratio: Word | None = None
    duration: Number | None = None
    multi_shot: bool | None = None
    shot_type: Word | None = None
    multi_prompt: list[ShotPrompt] = []
    voice_list: list[Voice] = []
    watermark_info: WatermarkInfo | None = None
    callback_url: str | None = None
    external_task_id: str | None = None

    image: str | None = None
    image_tail: str | None = None
    static_mask: str | None = None
    dynamic_masks: list[DynamicMask] = []
    element_list: list[Element] = []

"""Kling's wire, legacy generation (API reference at klingai.com/document-api: text2video, image2video, callbacks,
account, error codes).
"""

from __future__ import annotations

from typing import Final

import msgspec

from telecine.wires.scalars import Int63, Number, Word

TEXT2VIDEO: Final = "/v1/videos/text2video"
IMAGE2VIDEO: Final = "/v1/videos/image2video"
MAX_IMAGE: Final = 10 * 1024 * 1024
"""Bytes of one picture, before base64 (image2video, `image`)."""
RETENTION: Final = 30 * 86400.0
"""Seconds after which Kling deletes what it made."""
MOST_LISTED: Final = 500
"""Tasks on one page of a list (`pageSize`)."""
COSTS: Final = "/account/costs"
OLDEST_PACK: Final = 400 * 86400.0
"""They are asked for by the time at which a pack was bought; packs are valid for up to a year."""
COSTS_LAG: Final = 12 * 3600.0
"""Seconds by which the remaining quantities of `COSTS` may be late. It may be asked once a second."""
MODES: Final = {"std": "720p", "pro": "1080p"}
"""Kling sells resolutions as modes (text2video, `mode`)."""
WORDS: Final = {
    "mode": tuple(MODES),
    "sound": ("on", "off"),
    "aspect_ratio": ("16:9", "9:16", "1:1"),
    "camera_control.type": ("simple", "down_back", "forward_up", "right_turn_forward", "left_turn_forward"),
    "shot_type": ("customize", "intelligence"),
}
"""The values that Kling documents; it may have more by now."""


class CameraConfig(msgspec.Struct, omit_defaults=True, forbid_unknown_fields=True):
    """`camera_control.config`; each axis in [-10, 10], exactly one of them not zero."""

    horizontal: float | None = None
    vertical: float | None = None
    pan: float | None = None
    tilt: float | None = None
    roll: float | None = None
    zoom: float | None = None


class CameraControl(msgspec.Struct, omit_defaults=True, forbid_unknown_fields=True):
    """`camera_control`; `config` goes with the type `simple` only, which needs it."""

    type: Word
    config: CameraConfig | None = None


class Trajectory(msgspec.Struct, forbid_unknown_fields=True):
    """One point, in pixels from the bottom left."""

    x: Int63
    y: Int63


class DynamicMask(msgspec.Struct, forbid_unknown_fields=True):
    """`dynamic_masks[]`: what `mask` covers moves along the points."""

    mask: str
    trajectories: list[Trajectory]


class ShotPrompt(msgspec.Struct, forbid_unknown_fields=True):
    """`multi_prompt[]`; the duration is a string of seconds."""

    index: Int63
    prompt: str
    duration: Number


class Element(msgspec.Struct, forbid_unknown_fields=True):
    """`element_list[]`. The id is a long; JavaScript clients write it as a string."""

    element_id: int | str


class Voice(msgspec.Struct, forbid_unknown_fields=True):
    """`voice_list[]`: a voice that the prompt names as `<<<voice_1>>>`."""

    voice_id: str


class WatermarkInfo(msgspec.Struct, forbid_unknown_fields=True):
    """`watermark_info`: true makes a watermarked copy as well."""

    enabled: bool


class CreateTask(msgspec.Struct, omit_defaults=True):
    """The body of a create. Absent means that Kling's own default holds; an empty string means the same."""

    model_name: str | None = None
    model: str | None = None
    """What relays take for `model_name`; Kling accepts it and ignores it."""
    prompt: str = ""
    negative_prompt: str | None = None
    image: str | None = None
    """A URL or raw base64; a `data:` prefix is an error."""
    image_tail: str | None = None
    static_mask: str | None = None
    dynamic_masks: list[DynamicMask] = []
    mode: Word | None = None
    cfg_scale: float | None = None
    sound: Word | None = None
    camera_control: CameraControl | None = None
    aspect_ratio: Word | None = None
    """text2video only: image2video follows the picture."""
    duration: Number | None = None
    """Seconds, as a string."""
    multi_shot: bool | None = None
    shot_type: Word | None = None
    multi_prompt: list[ShotPrompt] = []
    element_list: list[Element] = []
    voice_list: list[Voice] = []
    watermark_info: WatermarkInfo | None = None
    external_task_id: str | None = None
    callback_url: str | None = None


IMAGE_ONLY: Final = ("image", "image_tail", "static_mask", "dynamic_masks", "element_list")
"""What only image2video takes."""
BILLED: Final = frozenset({"model_name", "model", "mode", "duration", "sound", "n", "resolution"})
"""Fields that change the price."""

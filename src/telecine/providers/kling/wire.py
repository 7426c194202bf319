"""Kling's wire (API reference at klingai.com/document-api: text2video, image2video, callbacks, error codes)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

import msgspec

from telecine.providers.refusal import FULL, NO_SUCH_MODEL, NO_SUCH_PATH, POLICY, THEIR_ACCOUNT, WORDS, Verdict, Words

PATHS: Final = {"text_to_video": "/v1/videos/text2video", "image_to_video": "/v1/videos/image2video"}
MAX_IMAGE: Final = 10 * 1024 * 1024
"""Bytes of one picture, before base64 (image2video, `image`)."""
RETENTION: Final = 30 * 86400.0
"""Seconds after which Kling deletes what it made."""
COSTS: Final = "/account/costs"
COSTS_LAG: Final = 12 * 3600.0
"""Seconds by which the remaining quantities of `COSTS` may be late. It may be asked once a second."""


class CameraConfig(msgspec.Struct, omit_defaults=True):
    """`camera_control.config`; each axis in [-10, 10], exactly one of them not zero."""

    horizontal: float | None = None
    vertical: float | None = None
    pan: float | None = None
    tilt: float | None = None
    roll: float | None = None
    zoom: float | None = None


class CameraControl(msgspec.Struct, omit_defaults=True):
    """`camera_control`; `config` goes with the type `simple` only."""

    type: str
    config: CameraConfig | None = None


class Trajectory(msgspec.Struct):
    """One point, in pixels from the bottom left."""

    x: int
    y: int


class DynamicMask(msgspec.Struct):
    """`dynamic_masks[]`: what `mask` covers moves along the points."""

    mask: str
    trajectories: list[Trajectory]


class ShotPrompt(msgspec.Struct):
    """`multi_prompt[]`; the duration is a string of seconds."""

    index: int
    prompt: str
    duration: str


class Element(msgspec.Struct):
    """`element_list[]`."""

    element_id: int


class Voice(msgspec.Struct):
    """`voice_list[]`."""

    voice_id: str


class WatermarkInfo(msgspec.Struct):
    """`watermark_info`: true makes a watermarked copy as well."""

    enabled: bool


class CreateBody(msgspec.Struct, omit_defaults=True):
    """The body of a create. Absent means that Kling's own default holds; an empty string would mean the same."""

    model_name: str
    prompt: str | None = None
    negative_prompt: str | None = None
    image: str | None = None
    """A URL or raw base64; a `data:` prefix is an error."""
    image_tail: str | None = None
    static_mask: str | None = None
    dynamic_masks: list[DynamicMask] | None = None
    mode: str | None = None
    cfg_scale: float | None = None
    sound: str | None = None
    camera_control: CameraControl | None = None
    aspect_ratio: str | None = None
    """text2video only: image2video follows the picture."""
    duration: str | None = None
    """Seconds, as a string."""
    multi_shot: bool | None = None
    shot_type: str | None = None
    multi_prompt: list[ShotPrompt] | None = None
    element_list: list[Element] | None = None
    voice_list: list[Voice] | None = None
    watermark_info: WatermarkInfo | None = None
    external_task_id: str | None = None
    callback_url: str | None = None


BILLED: Final = frozenset({"model_name", "model", "mode", "duration", "sound", "n", "resolution"})
"""Fields that change the price."""
OURS: Final = frozenset({*CreateBody.__struct_fields__, "model"})
"""Fields that we alone write. Kling accepts the old `model` and ignores it, so it may be left out."""


class Envelope(msgspec.Struct):
    """Around every answer. `code` is 0 where all is well."""

    code: int
    message: str | None = None
    data: msgspec.Raw = msgspec.Raw(b"null")


class Created(msgspec.Struct):
    """`data` of a create."""

    task_id: str


class Video(msgspec.Struct):
    """`task_result.videos[]`; the duration is a string of seconds."""

    url: str | None = None
    id: str | None = None
    duration: Any = None


class TaskResult(msgspec.Struct):
    """`task_result`."""

    videos: list[Video] | None = None


class TaskInfo(msgspec.Struct):
    """`task_info`."""

    external_task_id: str | None = None


class TaskData(msgspec.Struct):
    """`data` of a query. The status is a plain string: a word that we do not know is no failure."""

    task_id: str
    task_status: str
    task_status_msg: str | None = None
    task_info: TaskInfo | None = None
    task_result: TaskResult | None = None
    final_unit_deduction: Any = None
    """Documented as a decimal string."""


class ResourcePack(msgspec.Struct):
    """`resource_pack_subscribe_infos[]`; quantities in units, as in `final_unit_deduction`."""

    resource_pack_id: str
    total_quantity: Decimal
    remaining_quantity: Decimal
    status: str
    """`toBeOnline`, `online`, `expired` or `runOut`."""


class Costs(msgspec.Struct):
    """`data` of `COSTS`, with a code of its own."""

    resource_pack_subscribe_infos: list[ResourcePack]
    code: int = 0


VERDICTS: Final[Words] = {
    **WORDS,  # relays put envelopes of their own around Kling's
    "1000": THEIR_ACCOUNT,  # authentication failed
    "1001": THEIR_ACCOUNT,  # Authorization is empty
    "1002": THEIR_ACCOUNT,  # Authorization is invalid
    "1003": THEIR_ACCOUNT,  # Authorization is not yet valid
    "1004": THEIR_ACCOUNT,  # Authorization has expired
    "1100": THEIR_ACCOUNT,  # account exception
    "1101": THEIR_ACCOUNT,  # account in arrears
    "1102": THEIR_ACCOUNT,  # resource pack exhausted or expired
    "1103": THEIR_ACCOUNT,  # no permission for the API or the model
    "1200": Verdict("invalid_request"),
    "1201": Verdict("invalid_request"),
    "1202": NO_SUCH_PATH,  # the method or the path
    "1203": NO_SUCH_MODEL,  # the resource, such as the model, does not exist
    "1300": POLICY,
    "1301": POLICY,
    "1302": FULL,  # too many requests
    "1303": FULL,  # parallel tasks over the resource pack's limit
    "1304": THEIR_ACCOUNT,  # our address is not on their white list
    "5000": None,  # internal error
    "5001": Verdict("capacity", elsewhere=True, capacity=True),  # maintenance
    "5002": None,  # internal timeout
}
"""What Kling's error codes mean for a create."""
PARAMS: Final = {
    "model_name": "model",
    "prompt": "prompt",
    "negative_prompt": "negative_prompt",
    "duration": "duration",
    "aspect_ratio": "aspect_ratio",
    "image": "inputs",
    "image_tail": "inputs",
    "mode": "parameters.mode",
    "cfg_scale": "parameters.cfg_scale",
    "sound": "audio",
}
"""The neutral names of the fields that an error may be about."""

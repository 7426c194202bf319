"""What the bodies of several of Kling's paths are made of."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Annotated, Final, Literal, get_args, get_type_hints

import msgspec

from telecine.wires.scalars import Int63, Number, Word

_WORDS: Final = "words"


def words(*known: str) -> msgspec.Meta:
    """The values of a field that Kling documents; it may have more by now."""
    return msgspec.Meta(extra={_WORDS: known}, extra_json_schema={"examples": list(known)})


@cache
def words_of(body: type[msgspec.Struct]) -> Mapping[str, tuple[str, ...]]:
    """By field of `body`, or by its path within one (`camera_control.type`), the documented values, where there are
    such."""
    found: dict[str, tuple[str, ...]] = {}
    for name, hint in get_type_hints(body, include_extras=True).items():
        for part in (hint, *get_args(hint)):
            if isinstance(part, type) and issubclass(part, msgspec.Struct):
                found |= {f"{name}.{inner}": known for inner, known in words_of(part).items()}
        metas = [one for part in (hint, *get_args(hint)) for one in getattr(part, "__metadata__", ())]
        extras = [one.extra or {} for one in metas if isinstance(one, msgspec.Meta)]
        if known := next((one[_WORDS] for one in extras if _WORDS in one), None):
            found[name] = known
    return found


Text = Annotated[str, msgspec.Meta(max_length=2500)]
"""A prompt."""
Mode = Annotated[Word, words("std", "pro")]
Sound = Annotated[Word, words("on", "off")]
Ratio = Annotated[Word, words("16:9", "9:16", "1:1")]
ShotType = Annotated[Word, words("customize", "intelligence")]
Fraction = Annotated[float, msgspec.Meta(ge=0, le=1)]
CameraType = Annotated[Word, words("simple", "down_back", "forward_up", "right_turn_forward", "left_turn_forward")]


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

    type: CameraType
    config: CameraConfig | None = None


class Trajectory(msgspec.Struct, forbid_unknown_fields=True):
    """One point, in pixels from the bottom left."""

    x: Int63
    y: Int63


class DynamicMask(msgspec.Struct, forbid_unknown_fields=True):
    """`dynamic_masks[]`: what `mask` covers moves along the points."""

    mask: str
    trajectories: Annotated[list[Trajectory], msgspec.Meta(min_length=2, max_length=77)]


class ShotPrompt(msgspec.Struct, forbid_unknown_fields=True):
    """`multi_prompt[]`; the duration is a string of seconds."""

    index: Int63
    prompt: Annotated[str, msgspec.Meta(max_length=512)]
    duration: Number


class Element(msgspec.Struct, forbid_unknown_fields=True):
    """`element_list[]`. The id is a long; JavaScript clients write it as a string."""

    element_id: int | str


class Voice(msgspec.Struct, forbid_unknown_fields=True):
    """`voice_list[]`: a voice that the prompt names as `<<<voice_1>>>`."""

    voice_id: str


class ListedImage(msgspec.Struct, forbid_unknown_fields=True):
    """`image_list[]` of multi-image2video."""

    image: str


class OmniImage(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """`image_list[]` of omni-video: a frame by its type, or what the prompt names as `<<<image_1>>>`."""

    image_url: str
    type: Literal["first_frame", "end_frame"] | None = None


class OmniClip(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """`video_list[]`: what is edited (`base`), or what the prompt names as `<<<video_1>>>` (`feature`)."""

    video_url: str
    refer_type: Literal["base", "feature"] = "base"
    keep_original_sound: Literal["yes", "no"] | None = None


class WatermarkInfo(msgspec.Struct, forbid_unknown_fields=True):
    """`watermark_info`: true makes a watermarked copy as well."""

    enabled: bool


class Common(msgspec.Struct, omit_defaults=True, kw_only=True):
    """What any create takes. Absent means that Kling's own default holds; an empty string means the same.

    Kling documents no `model_name` for the paths that have one model; relays take it everywhere, and tell by it whose
    job it is.
    """

    model_name: str | None = None
    model: str | None = None
    """What relays take for `model_name`; Kling accepts it and ignores it."""
    watermark_info: WatermarkInfo | None = None
    external_task_id: str | None = None
    callback_url: str | None = None

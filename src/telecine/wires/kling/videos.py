"""The bodies of what makes videos at Kling, and their paths (API reference, "Video Generation")."""

from __future__ import annotations

from typing import Annotated, Final, Literal

import msgspec

from telecine.wires.kling import Path
from telecine.wires.kling.parts import (
    CameraControl,
    Common,
    DynamicMask,
    Element,
    Fraction,
    ListedImage,
    Mode,
    OmniClip,
    OmniImage,
    Ratio,
    ShotPrompt,
    ShotType,
    Sound,
    Text,
    Voice,
    words,
)
from telecine.wires.scalars import Number, Word

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


class MultiImage2Video(Common, omit_defaults=True, kw_only=True):
    """A video with what is in one to four pictures."""

    image_list: Annotated[list[ListedImage], msgspec.Meta(max_length=4)] = msgspec.field(default_factory=list)
    prompt: Text = ""
    negative_prompt: Text | None = None
    mode: Mode | None = None
    duration: Number | None = None
    aspect_ratio: Ratio | None = None


class OmniVideo(Common, omit_defaults=True, kw_only=True):
    """A video from a text, frames, pictures and a video, in any combination; or a video that is edited. What is said of
    sound and shots is of kling-v3-omni, whose name is reconstructed from that of its pictures."""

    prompt: Text = ""
    image_list: Annotated[list[OmniImage], msgspec.Meta(max_length=7)] = msgspec.field(default_factory=list)
    element_list: Annotated[list[Element], msgspec.Meta(max_length=7)] = msgspec.field(default_factory=list)
    video_list: Annotated[list[OmniClip], msgspec.Meta(max_length=1)] = msgspec.field(default_factory=list)
    mode: Mode | None = None
    aspect_ratio: Ratio | None = None
    duration: Number | None = None
    sound: Sound | None = None
    multi_shot: bool | None = None
    shot_type: ShotType | None = None
    multi_prompt: Shots = msgspec.field(default_factory=list)


class VideoExtend(Common, omit_defaults=True, kw_only=True):
    """A video that goes on for about five seconds, with the model and mode that it was made with."""

    video_id: str | None = None
    task_id: str | None = None
    """Whose the video is: some relays want to be told."""
    prompt: Text = ""
    negative_prompt: Text | None = None
    cfg_scale: Fraction | None = None


class EffectsInput(msgspec.Struct, omit_defaults=True, forbid_unknown_fields=True):
    """One picture, or two for a scene with two persons: the one on the left, and the one on the right. Older documents
    have a model, a mode and a duration here as well."""

    image: str | None = None
    images: Annotated[list[str], msgspec.Meta(min_length=2, max_length=2)] = []
    model_name: str | None = None
    mode: Mode | None = None
    duration: Number | None = None


class Effects(Common, omit_defaults=True, kw_only=True):
    """A video after a pattern of Kling's, of which there are new ones every month."""

    effect_scene: Word | None = None
    input: EffectsInput | None = None


class LipSyncInput(msgspec.Struct, omit_defaults=True, forbid_unknown_fields=True):
    """A video by its id or at a URL, and what is said in it: a text with a voice, or a sound."""

    mode: Literal["text2video", "audio2video"] | None = None
    task_id: str | None = None
    video_id: str | None = None
    video_url: str | None = None
    text: Annotated[str, msgspec.Meta(max_length=120)] | None = None
    voice_id: str | None = None
    voice_language: Annotated[Word, words("zh", "en")] | None = None
    voice_speed: Annotated[float, msgspec.Meta(ge=0.8, le=2)] | None = None
    audio_type: Literal["file", "url"] | None = None
    audio_file: str | None = None
    audio_url: str | None = None


class LipSync(Common, omit_defaults=True, kw_only=True):
    """A video whose lips move to something else (the old form; the newer one begins with the faces in it)."""

    input: LipSyncInput | None = None


class Avatar(Common, omit_defaults=True, kw_only=True):
    """Somebody in a picture says what is in a sound."""

    image: str | None = None
    audio_id: str | None = None
    sound_file: str | None = None
    prompt: Text = ""
    mode: Mode | None = None


class MotionControl(Common, omit_defaults=True, kw_only=True):
    """Somebody in a picture moves as in a video."""

    prompt: Text = ""
    image_url: str | None = None
    video_url: str | None = None
    character_orientation: Annotated[Word, words("image", "video")] | None = None
    mode: Mode | None = None
    keep_original_sound: Literal["yes", "no"] | None = None
    element_list: Annotated[list[Element], msgspec.Meta(max_length=1)] = msgspec.field(default_factory=list)


TEXT2VIDEO: Final = Path(path="/v1/videos/text2video", body=Text2Video, model="kling-v1")
IMAGE2VIDEO: Final = Path(path="/v1/videos/image2video", body=Image2Video, model="kling-v1")
MULTI_IMAGE2VIDEO: Final = Path(path="/v1/videos/multi-image2video", body=MultiImage2Video, model="kling-v1-6")
OMNI_VIDEO: Final = Path(path="/v1/videos/omni-video", body=OmniVideo, model="kling-video-o1")
VIDEO_EXTEND: Final = Path(path="/v1/videos/video-extend", body=VideoExtend, model="kling-v1", named=False)
EFFECTS: Final = Path(path="/v1/videos/effects", body=Effects, model="kling-effects", models=False)
LIP_SYNC: Final = Path(path="/v1/videos/lip-sync", body=LipSync, model="kling-lip-sync", models=False, named=False)
AVATAR: Final = Path(path="/v1/videos/avatar/image2video", body=Avatar, model="kling-avatar", models=False)
MOTION_CONTROL: Final = Path(path="/v1/videos/motion-control", body=MotionControl, model="kling-v2-6")

OMNI: Final = frozenset({"kling-video-o1", "kling-v3-omni"})
"""The models of omni-video, which do there what others do at paths of their own."""
MULTI: Final = frozenset({"kling-v1-6"})
"""Those of multi-image2video."""
DUAL: Final = frozenset(
    {
        "pet_skateboard",
        "daily_ootd",
        "toss_run",
        "switch_to_silk",
        "studio_look",
        "french_elegance",
        "finger_swipe",
        "smooth_transition",
        "snow_night_kiss",
        "eternal_kiss",
        "cheers_2026",
        "kiss_pro",
        "fight_pro",
        "hug_pro",
        "heart_gesture_pro",
        "hug",
        "kiss",
        "heart_gesture",
        "fight",
    }
)
"""The scenes with two persons that are documented; there may be more by now."""
EXTENDED: Final = 5.0
"""Seconds by which a video grows: four to five."""

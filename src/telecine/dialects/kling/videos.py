"""The operations that make videos."""

from __future__ import annotations

from typing import Any, Final

from msgspec.structs import replace

from telecine.dialects.kling.fields import FIELDS, Said
from telecine.dialects.kling.operation import Operation
from telecine.dialects.kling.rules import apart, needs, shots
from telecine.nouns.catalogue import Catalogue
from telecine.nouns.errors import invalid
from telecine.nouns.parameters import VideoParameters
from telecine.nouns.request import GenerationRequest, Role
from telecine.wires.kling import MAX_SOUND
from telecine.wires.kling.videos import (
    AVATAR,
    DUAL,
    EFFECTS,
    IMAGE2VIDEO,
    IMAGE_ONLY,
    LIP_SYNC,
    MOTION_CONTROL,
    MULTI_IMAGE2VIDEO,
    OMNI_VIDEO,
    TEXT2VIDEO,
    VIDEO_EXTEND,
)

_EXAMPLE: Final = {
    "model_name": "kling-v2-5-turbo",
    "prompt": "A paper boat sails through a flooded library",
    "duration": "5",
}
_PICTURE: Final = "https://example.com/boat.png"
_CLIP: Final = "https://example.com/boat.mp4"
_SOUND: Final = "https://example.com/boat.mp3"
_VIDEO_ID: Final = "06xx11d95wm5j00"
_KEEP: Final = Said("parameters.keep_sound", lambda word, _: word == "yes")


def _omni(wire: Any) -> str:
    """What omni-video is asked for, by what is given to it."""
    types = {one.type for one in wire.image_list}
    if any(one.refer_type == "base" for one in wire.video_list):
        return "edit_video"
    if types - {None} and not wire.video_list:
        return "image_to_video"
    return "reference_to_video" if types or wire.video_list else "text_to_video"


def _omni_role(image: Any) -> Role:
    roles: dict[str | None, Role] = {"first_frame": "first_frame", "end_frame": "last_frame"}
    return roles.get(image.type, "reference")


def _check_omni(wire: Any, _: Catalogue) -> None:
    """Frames, how many things it is made with, and where its shape comes from."""
    types = [one.type for one in wire.image_list]
    if types.count("first_frame") > 1 or types.count("end_frame") > 1:
        raise invalid("image_list: takes one first_frame and one end_frame.", "image_list")
    if "end_frame" in types and "first_frame" not in types:
        raise invalid("image_list: an end_frame needs a first_frame.", "image_list")
    if "end_frame" in types and len(types) > 2:
        raise invalid("image_list: with more than 2 pictures there is no end_frame.", "image_list")
    things, most = len(types) + len(wire.element_list), 4 if wire.video_list else 7
    if things > most:
        raise invalid(f"image_list: at most {most} pictures and elements together, not {things}.", "image_list")
    edits = any(one.refer_type == "base" for one in wire.video_list)
    if edits and set(types) - {None}:
        raise invalid("image_list: a video that is edited takes no frames.", "image_list")
    if wire.aspect_ratio is None and "first_frame" not in types and not edits:
        raise invalid("aspect_ratio: is required without a first frame.", "aspect_ratio")


def _finish_omni(wire: Any, request: GenerationRequest) -> GenerationRequest:
    """The sound of its video. A video that is edited keeps its length and shape: its own are documented as ignored."""
    for one in wire.video_list:
        if one.keep_original_sound is not None:
            given = request.parameters or VideoParameters()
            request = replace(request, parameters=replace(given, keep_sound=one.keep_original_sound == "yes"))
    edits = request.operation == "edit_video"
    return replace(request, duration=None, aspect_ratio=None) if edits else request


def _check_scene(wire: Any, _: Catalogue) -> None:
    if wire.effect_scene in DUAL and not wire.input.images:
        raise invalid(f"input.images: {wire.effect_scene} is a scene with two persons; send two.", "input.images")


def _check_speech(wire: Any, _: Catalogue) -> None:
    """A text with a voice, or a sound, as the mode says."""
    given = wire.input
    if given.mode is None:
        raise invalid("input.mode: is required; text2video or audio2video.", "input.mode")
    sound = "audio_type" if given.audio_type is None else "audio_file" if given.audio_type == "file" else "audio_url"
    wanted = ("text", "voice_id") if given.mode == "text2video" else (sound,)
    for name in wanted:
        if getattr(given, name) is None:
            raise invalid(f"input.{name}: is required for {given.mode}.", f"input.{name}")
    spoken = ("text", "voice_id", "voice_language", "voice_speed")
    other = ("audio_type", "audio_file", "audio_url") if given.mode == "text2video" else spoken
    for name in other:
        if getattr(given, name) is not None:
            raise invalid(f"input.{name}: says nothing for {given.mode}; leave it out.", f"input.{name}")
    if given.audio_file is not None and given.audio_url is not None:
        raise invalid("input.audio_url: audio_file and audio_url exclude each other.", "input.audio_url")


VIDEOS: Final = (
    Operation(
        path=TEXT2VIDEO,
        makes=("a video from a text", "videos from a text"),
        does="text_to_video",
        shows=("text_to_video", "remix", "workflow"),  # of the last those that make a video
        example=_EXAMPLE,
        rules=(needs("prompt", unless="multi_shot"), shots(TEXT2VIDEO.model)),
        never=dict.fromkeys(IMAGE_ONLY, "use image2video"),
    ),
    Operation(
        path=IMAGE2VIDEO,
        makes=("a video from an image", "videos from an image"),
        does="image_to_video",
        shows=("image_to_video",),
        example={**_EXAMPLE, "image": _PICTURE},
        fields={"aspect_ratio": None},
        media={
            "image": "first_frame",
            "image_tail": "last_frame",
            "static_mask": "mask",
            "dynamic_masks[].mask": "mask",
        },
        rules=(
            needs("image", "image_tail"),
            apart(("image_tail",), ("static_mask", "dynamic_masks"), ("camera_control",)),
            shots(TEXT2VIDEO.model),
            apart(("voice_list",), ("element_list",)),
        ),
    ),
    Operation(
        path=MULTI_IMAGE2VIDEO,
        makes=("a video from several images", "videos from several images"),
        does="reference_to_video",
        shows=("reference_to_video",),
        example={
            "model_name": "kling-v1-6",
            "prompt": "The boat sails past the lighthouse",
            "image_list": [{"image": _PICTURE}, {"image": "https://example.com/lighthouse.png"}],
        },
        media={"image_list[].image": "reference"},
        rules=(needs("image_list"), needs("prompt")),
    ),
    Operation(
        path=OMNI_VIDEO,
        makes=("a video from a text, images, elements and a video", "videos of that kind"),
        does=_omni,
        shows=("edit_video",),
        example={
            "model_name": "kling-video-o1",
            "prompt": "<<<image_1>>> sails through a flooded library",
            "image_list": [{"image_url": _PICTURE}],
            "aspect_ratio": "16:9",
            "duration": "5",
        },
        media={"image_list[].image_url": _omni_role, "video_list[].video_url": "video"},
        rules=(needs("prompt", unless="multi_shot"), _check_omni, shots(OMNI_VIDEO.model)),
        finish=_finish_omni,
    ),
    Operation(
        path=VIDEO_EXTEND,
        makes=("a video that goes on", "videos that go on"),
        does="extend",
        shows=("extend",),
        example={"video_id": _VIDEO_ID, "prompt": "The boat sails out of the window"},
        source="video_id",
        keeps_model=True,
        rules=(needs("video_id"),),
    ),
    Operation(
        path=EFFECTS,
        makes=("a video with an effect", "videos with effects"),
        does="kling:effects",
        shows=("kling:effects",),
        example={"effect_scene": "hug_pro", "input": {"images": [_PICTURE, _PICTURE]}},
        fields={
            "effect_scene": Said("parameters.scene"),
            "input.mode": Said("parameters.mode"),
            "input.duration": FIELDS["duration"],
        },
        media={"input.image": "image", "input.images[]": "image"},
        models=("input.model_name",),
        rules=(
            needs("effect_scene"),
            needs("input"),
            needs("input.image", "input.images"),
            apart(("input.image",), ("input.images",)),
            _check_scene,
        ),
    ),
    Operation(
        path=LIP_SYNC,
        makes=("a video whose lips move to a text or a sound", "videos of that kind"),
        does="lip_sync",
        shows=("lip_sync",),
        example={"input": {"mode": "audio2video", "video_url": _CLIP, "audio_type": "url", "audio_url": _SOUND}},
        fields={
            "input.text": Said("prompt"),
            "input.voice_id": Said("parameters.voice"),
            "input.voice_language": Said("parameters.voice_language"),
            "input.voice_speed": Said("parameters.voice_speed"),
        },
        media={"input.video_url": "video", "input.audio_file": "audio", "input.audio_url": "audio"},
        source="input.video_id",
        rules=(
            needs("input"),
            needs("input.video_id", "input.video_url"),
            apart(("input.video_id",), ("input.video_url",)),
            _check_speech,
        ),
        most=MAX_SOUND,
    ),
    Operation(
        path=AVATAR,
        makes=("a video of somebody who speaks", "videos of somebody who speaks"),
        does="avatar",
        shows=("avatar",),
        example={"image": _PICTURE, "sound_file": _SOUND, "prompt": "A captain tells of the sea", "mode": "std"},
        media={"image": "image", "sound_file": "audio"},
        source="audio_id",
        rules=(needs("image"), needs("audio_id", "sound_file"), apart(("audio_id",), ("sound_file",))),
    ),
    Operation(
        path=MOTION_CONTROL,
        makes=("a video of somebody who moves as in another", "videos of somebody who moves as in another"),
        does="motion_control",
        shows=("motion_control",),
        example={
            "model_name": "kling-v2-6",
            "image_url": _PICTURE,
            "video_url": _CLIP,
            "character_orientation": "video",
            "mode": "std",
        },
        fields={"character_orientation": Said("parameters.orientation"), "keep_original_sound": _KEEP},
        media={"image_url": "image", "video_url": "video"},
        rules=(needs("image_url"), needs("video_url"), needs("character_orientation"), needs("mode")),
    ),
)

"""The operations that make videos."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from telecine.nouns.billed import Billed
from telecine.nouns.errors import invalid
from telecine.nouns.parameters import VideoParameters
from telecine.nouns.request import GenerationRequest, MediaInput
from telecine.nouns.sizes import parse_size
from telecine.providers.http.body import Draft
from telecine.providers.http.facts import Field, Picture, later
from telecine.providers.kling.operation import FRAME, billed, followed, model_at, operation
from telecine.providers.take import whole
from telecine.wires.kling import videos as wire


def _text(draft: Draft) -> None:
    """The frame, and a prompt, which several shots may stand for."""
    FRAME.write(draft)
    if not draft.body.get("prompt") and not draft.body.get("multi_shot"):
        raise invalid("Kling needs a prompt to make a video from text.", "prompt")


def _image(draft: Draft) -> None:
    """What the fields alone cannot say: the frame, what a picture needs, and what excludes what.

    It follows the picture: the ratio must be one that Kling makes, but is not sent, for clients of other dialects
    always name a size.
    """
    FRAME.write(draft)
    body = draft.body
    body.pop("aspect_ratio", None)
    _masks(draft)
    said = {*body, *(item.role for item in draft.request.inputs)}
    if said.isdisjoint(("first_frame", "image", "last_frame")):
        raise invalid("Kling needs a first or a last frame to make a video from a picture.", "inputs")
    ways = {"a last frame": "last_frame", "masks": "mask", "a camera movement": "camera_control"}
    used = [way for way, name in ways.items() if name in said]
    if len(used) > 1:
        raise invalid(f"Kling takes only one of {' and '.join(used)}.", "inputs")


def _masks(draft: Draft) -> None:
    """Write the masks: one that holds still, and those that move along a path."""
    masks = draft.take.inputs("mask")
    still = [mask for mask in masks if not mask.trajectory]
    moving = [({"trajectories": mask.trajectory}, mask) for mask in masks if mask.trajectory]
    if len(still) > 1:
        raise invalid(f"Kling takes one mask without a trajectory, not {len(still)}.", "inputs")
    for mask in still:
        draft.put("static_mask", mask)
    for holder, mask in moving:
        draft.put("mask", mask, holder)
    if moving:
        draft.body["dynamic_masks"] = [holder for holder, _ in moving]


def _several(draft: Draft) -> None:
    """Pictures without a frame among them, and the shape of what is made with them."""
    FRAME.write(draft)
    _list(draft, "image_list", "image", draft.take.inputs("reference", "image"), least=1, most=4)


def _omni(draft: Draft) -> None:
    """What is given, each with what it is for: a frame, what is referred to, what is edited. An edit, and what begins
    with a picture, has the shape of that."""
    FRAME.write(draft)
    request, body, take = draft.request, draft.body, draft.take
    edits, keep = request.operation == "edit_video", take.parameter("keep_sound")
    if not body.get("prompt") and not body.get("multi_shot"):
        raise invalid("Kling needs a prompt.", "prompt")
    if edits and "duration" in body:
        raise invalid("A video that is edited at Kling keeps its length.", "duration")
    frames = {"first_frame": "first_frame", "last_frame": "end_frame"}
    if request.operation == "image_to_video":
        frames["image"] = "first_frame"
    pictures = take.inputs("first_frame", "last_frame", "image", "reference")
    holders = _list(draft, "image_list", "image_url", pictures, most=7)
    for holder, item in zip(holders, pictures, strict=True):
        if kind := frames.get(item.role):
            holder["type"] = kind
    clips = _list(draft, "video_list", "video_url", take.inputs("video"), least=int(edits), most=1)
    for clip in clips:
        clip["refer_type"] = "base" if edits else "feature"
        if keep is not None:
            clip["keep_original_sound"] = "yes" if keep else "no"
    if keep is not None and not clips:
        raise invalid("There is no video whose sound could stay.", "parameters.keep_sound")
    if edits or any(holder.get("type") == "first_frame" for holder in holders):
        body.pop("aspect_ratio", None)
    else:
        body.setdefault("aspect_ratio", FRAME.ratios[0])


def _list(
    draft: Draft, name: str, inner: str, items: Sequence[MediaInput], *, least: int = 0, most: int
) -> list[dict[str, Any]]:
    """Write `items` into a list of objects, and answer these."""
    if not least <= len(items) <= most:
        count = f"{least} to {most}" if least else f"at most {most}"
        raise invalid(f"Kling takes {count} in {name}, not {len(items)}.", "inputs")
    holders: list[dict[str, Any]] = [{} for _ in items]
    for holder, item in zip(holders, items, strict=True):
        draft.put(inner, item, holder)
    if holders:
        draft.body[name] = holders
    return holders


def _omni_billed(draft: Draft) -> Billed:
    """A video that is edited has its own length and shape, one that begins with a picture the shape of that."""
    seconds = None if draft.request.operation == "edit_video" else 5.0
    return billed("pro", seconds, follows=lambda _: "aspect_ratio" not in draft.body)(draft)


def _extended(draft: Draft) -> None:
    """Its model and its mode are those of what goes on: neither is sent, and it is billed by them."""
    if draft.request.source is None and not draft.request.inputs:
        raise invalid("Kling extends a video that it has made: name that as the source.", "source")
    before, model = (draft.source.request, draft.source.model) if draft.source is not None else (None, None)
    if before is not None and model not in (None, draft.model):
        raise invalid(f"The video was made with {before.model}, and goes on with that: say so.", "model")
    if before is not None and (mode := _mode_of(before)) != _mode_of(draft.request):  # it is priced by what it says
        message = f"The video was made in the mode '{mode}', and goes on in that: say so."
        raise invalid(message, "parameters.mode")
    followed("video_id")(draft)


def _mode_of(request: GenerationRequest) -> str:
    """What the video of a request is made in, whichever of its fields says so."""
    given, lines = request.parameters, request.resolution
    if isinstance(given, VideoParameters) and given.mode:
        return given.mode
    if request.size:
        lines = Billed.sized(*parse_size(request.size)).resolution
    return FRAME.resolutions.get((lines or "").lower(), "std")


def _effect(draft: Draft) -> None:
    """One picture, or two persons."""
    pictures = draft.take.inputs("image")
    if not draft.body.get("effect_scene"):
        raise invalid("Kling needs the scene of an effect.", "parameters.scene")
    if not 1 <= len(pictures) <= 2:
        raise invalid(f"Kling makes an effect of one or two pictures, not of {len(pictures)}.", "inputs")
    if len(pictures) == 1:
        draft.put("input.image", pictures[0])
    else:
        draft.put_all("input.images", pictures)


def _spoken(draft: Draft) -> None:
    """A text with a voice, or a sound; in a video with an id, or at a URL."""
    body, request = draft.body, draft.request
    sounds = list(request.with_role("audio"))
    if bool(sounds) == bool(body.get("input.text")):
        raise invalid("Kling needs either a text to be said, or a sound.", "prompt")
    body["input.mode"] = "audio2video" if sounds else "text2video"
    if sounds and (said := {"input.voice_id", "input.voice_language", "input.voice_speed"} & body.keys()):
        raise invalid(f"A sound has a voice of its own; leave out {min(said).partition('.')[2]}.", "parameters.voice")
    if not sounds and "input.voice_id" not in body:
        raise invalid("Kling needs a voice for a text.", "parameters.voice")
    for sound in sounds:
        stored = sound.object_key is not None or sound.url is None
        body["input.audio_type"] = "file" if stored else "url"
        draft.put("input.audio_file" if stored else "input.audio_url", sound)
    if bool(list(request.with_role("video"))) == (request.source is not None):
        raise invalid("Kling needs one video: at a URL, or one that it has made.", "source")
    followed("input.video_id")(draft)


def _speaking(draft: Draft) -> None:
    """Somebody who says what is in a sound, which is given or was made."""
    FRAME.write(draft)
    if bool(list(draft.request.with_role("audio"))) == (draft.request.source is not None):
        raise invalid("Kling needs one sound: a file, or one that it has made.", "inputs")
    followed("audio_id")(draft)


def _moving(draft: Draft) -> None:
    """What Kling wants to be told, where nothing is said."""
    FRAME.write(draft)
    draft.body.setdefault("mode", "std")
    draft.body.setdefault("character_orientation", "image")


VIDEOS: Final = (
    operation(wire.TEXT2VIDEO, "text_to_video", shape=_text, billed=billed()),
    operation(
        wire.IMAGE2VIDEO,
        "image_to_video",
        fields={
            "inputs.first_frame|image": Picture("image", "first frame"),
            "inputs.last_frame": Picture("image_tail", "last frame"),
            "inputs.mask": Field("dynamic_masks"),
        },
        shape=_image,
        billed=billed(follows=lambda _: True),
    ),
    operation(
        wire.OMNI_VIDEO,
        "edit_video",
        "reference_to_video",
        "text_to_video",
        "image_to_video",
        models=wire.OMNI,
        fields={
            "inputs.first_frame|last_frame|image|reference": Field("image_list"),
            "inputs.video": Field("video_list"),
            "parameters.keep_sound": Field("video_list", later),
        },
        shape=_omni,
        billed=_omni_billed,
    ),
    operation(
        wire.MULTI_IMAGE2VIDEO,
        "reference_to_video",
        models=wire.MULTI,
        fields={"inputs.reference|image": Field("image_list")},
        needs=("prompt",),
        shape=_several,
        billed=billed(),
    ),
    operation(
        wire.VIDEO_EXTEND,
        "extend",
        fields={"model": Field("", later), "source": Field("video_id", later), "parameters.mode": Field("", later)},
        shape=_extended,
        billed=lambda draft: Billed(mode=_mode_of(draft.request), duration=wire.EXTENDED),
    ),
    operation(
        wire.EFFECTS,
        "kling:effects",
        fields={
            "model": model_at("input.model_name", wire.EFFECTS),
            "parameters.scene": "effect_scene",
            "parameters.mode": "input.mode",
            "duration": Field("input.duration", lambda value, _: whole(value, "Kling")),
            "inputs.image": Field("input.images"),
        },
        shape=_effect,
        billed=billed(None, None, follows=lambda _: True, within="input."),
    ),
    operation(
        wire.LIP_SYNC,
        "lip_sync",
        fields={
            "prompt": "input.text",
            "parameters.voice": "input.voice_id",
            "parameters.voice_language": "input.voice_language",
            "parameters.voice_speed": "input.voice_speed",
            "inputs.video": Picture("input.video_url", "video"),
            "inputs.audio": Field("input.audio_url"),
            "source": Field("input.video_id", later),
        },
        shape=_spoken,
        billed=billed(None, None),
    ),
    operation(
        wire.AVATAR,
        "avatar",
        fields={
            "inputs.image": Picture("image", "picture"),
            "inputs.audio": Picture("sound_file", "sound"),
            "source": Field("audio_id", later),
        },
        shape=_speaking,
        billed=billed(seconds=None, follows=lambda _: True),
    ),
    operation(
        wire.MOTION_CONTROL,
        "motion_control",
        fields={
            "inputs.image": Picture("image_url", "picture"),
            "inputs.video": Picture("video_url", "video"),
        },
        shape=_moving,
        billed=billed(seconds=None, follows=lambda _: True),
    ),
)

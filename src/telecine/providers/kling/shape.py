"""From the shared request to Kling's fields.

`size` and `resolution` become `aspect_ratio` and `mode` (std is 720p, pro is 1080p). For image2video, which follows
the picture, the ratio must be one that Kling makes but is not sent: clients of other dialects always name a size.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec
from msgspec.structs import replace

from telecine.nouns.billed import Billed
from telecine.nouns.errors import GatewayError, invalid
from telecine.nouns.parameters import CameraMove, Shot
from telecine.nouns.request import MediaInput
from telecine.nouns.sizes import parse_ratio, parse_size, resolution_of, short_side
from telecine.providers.http.body import Draft
from telecine.providers.http.facts import Field, Picture, later
from telecine.providers.take import Take
from telecine.wires.kling import MODES, WORDS, CameraConfig, CameraControl, Element, ShotPrompt, Voice, WatermarkInfo

_RATIOS: Final = {ratio: parse_ratio(ratio) for ratio in WORDS["aspect_ratio"]}
_MODES: Final = {resolution: mode for mode, resolution in MODES.items()}
_DURATION: Final = 5
_SOUNDS: Final = {"on": True, "off": False}


def shape(draft: Draft) -> None:
    """What the fields alone cannot say: the frame, what a picture needs, and what excludes what."""
    _frame(draft)
    body = draft.body
    if draft.request.operation == "text_to_video":
        if not body.get("prompt") and not body.get("multi_shot"):
            raise invalid("Kling needs a prompt to make a video from text.", "prompt")
        return
    body.pop("aspect_ratio", None)
    masks = _masks(draft)
    pictures = {name for _, name, _ in draft.media}
    if pictures.isdisjoint(("image", "image_tail")):
        raise invalid("Kling needs a first or a last frame to make a video from a picture.", "inputs")
    ways = {"a last frame": "image_tail" in pictures, "masks": masks, "a camera movement": "camera_control" in body}
    used = [name for name, is_used in ways.items() if is_used]
    if len(used) > 1:
        raise invalid(f"Kling takes only one of {' and '.join(used)}.", "inputs")


def billed(draft: Draft) -> Billed:
    """What the body comes to, with Kling's defaults (API, text2video). A picture's own shape is not known here."""
    body = draft.body
    mode, ratio, sound = body.get("mode", "std"), body.get("aspect_ratio", "16:9"), body.get("sound", "off")
    duration, audio = float(body.get("duration", _DURATION)), _SOUNDS.get(sound, sound)
    told = Billed(mode=mode, resolution=MODES.get(mode), duration=duration, audio=audio)
    if draft.request.operation == "image_to_video":
        return told
    if mode not in MODES or ratio not in _RATIOS:  # the vendor's own business by now
        return replace(told, aspect_ratio=ratio)
    across, down = _RATIOS[ratio]
    short = short_side(MODES[mode])
    size = (short * across // down, short) if across > down else (short, short * down // across)
    return replace(Billed.sized(*size, mode=mode, duration=duration), audio=audio)


def _frame(draft: Draft) -> None:
    """Have the four ways of naming a size agree. Kling's own clients may name what Kling has new."""
    body, request = draft.body, draft.request
    ratio, resolution, size = body.get("aspect_ratio"), request.resolution, request.size
    if ratio is not None and ratio not in _RATIOS and draft.take.novel("aspect_ratio") is None:
        raise _no("aspect_ratio", ratio)
    if resolution:
        if resolution.lower() not in _MODES:
            raise _no("resolution", resolution)
        _agree(body, "mode", _MODES[resolution.lower()], "resolution")
    if size:
        width, height = parse_size(size)
        found = next((name for name, (x, y) in _RATIOS.items() if width * y == height * x), None)
        short = resolution_of(min(width, height))
        if found is None or short not in _MODES:
            raise _no("size", size)
        _agree(body, "aspect_ratio", found, "size")
        _agree(body, "mode", _MODES[short], "size")


def _agree(body: dict[str, Any], name: str, meant: str, param: str) -> None:
    said = body.setdefault(name, meant)
    if said != meant:
        raise invalid(f"The {param} means '{meant}' at Kling, but the request also asks for '{said}'.", param)


def _no(param: str, value: str) -> GatewayError:
    return GatewayError(
        "unsupported_parameter",
        f"Kling makes no {param.replace('_', ' ')} '{value[:40]}'; it makes 16:9, 9:16 and 1:1, at 720p and 1080p.",
        param=param,
    )


def _masks(draft: Draft) -> bool:
    """Write the masks: one that holds still, and those that move along a path."""
    masks: list[MediaInput] = draft.take.inputs("mask")
    still, moving = [one for one in masks if not one.trajectory], [one for one in masks if one.trajectory]
    if len(still) > 1:
        raise invalid(f"Kling takes one mask without a trajectory, not {len(still)}.", "inputs")
    for mask in still:
        draft.put("static_mask", mask)
    if moving:
        found: list[dict[str, Any]] = [{"mask": "", "trajectories": mask.trajectory} for mask in moving]
        draft.body["dynamic_masks"] = found
        for holder, mask in zip(found, moving, strict=True):
            draft.put("mask", mask, holder)
    return bool(masks)


def _seconds(value: float, param: str) -> str:
    if value <= 0 or not float(value).is_integer():
        raise invalid(f"Kling counts whole seconds; {value:g} is none.", param)
    return str(int(value))


def _duration(value: float, take: Take) -> str:
    return take.novel("duration") or _seconds(value, "duration")


def _shots(shots: tuple[Shot, ...], _take: Take) -> list[ShotPrompt]:
    return [ShotPrompt(one.index, one.prompt, _seconds(one.duration, "parameters.shots")) for one in shots]


def _camera(move: CameraMove, take: Take) -> CameraControl:
    config = CameraConfig(move.horizontal, move.vertical, move.pan, move.tilt, move.roll, move.zoom)
    axes = [axis for axis in msgspec.structs.astuple(config) if axis is not None]
    if take.novel("parameters.camera") is not None:
        return CameraControl(move.type, config if axes else None)
    if move.type != "simple":
        if axes:
            raise invalid(f"The camera movement '{move.type}' takes no axes.", "parameters.camera")
        return CameraControl(move.type)
    if sum(axis != 0 for axis in axes) != 1 or any(not -10 <= axis <= 10 for axis in axes):
        raise invalid("A simple camera movement has exactly one axis that is not 0, in [-10, 10].", "parameters.camera")
    return CameraControl(move.type, config)


FIELDS: Final = {
    "model": "model_name",
    "prompt": "prompt",
    "negative_prompt": "negative_prompt",
    "duration": Field("duration", _duration),
    "aspect_ratio": "aspect_ratio",
    "audio": Field("sound", lambda on, take: take.novel("audio") or ("on" if on else "off")),
    "parameters.mode": "mode",
    "size": Field("aspect_ratio", later),
    "resolution": Field("mode", later),
    "parameters.cfg_scale": "cfg_scale",
    "parameters.camera": Field("camera_control", _camera),
    "parameters.multi_shot": "multi_shot",
    "parameters.shot_type": "shot_type",
    "parameters.shots": Field("multi_prompt", _shots),
    "parameters.voices": Field("voice_list", lambda ids, _: [Voice(one) for one in ids]),
    "parameters.watermark": Field("watermark_info", lambda on, _: WatermarkInfo(on)),
}
PICTURES: Final = {
    "inputs.first_frame|image": Picture("image", "first frame"),
    "inputs.last_frame": Picture("image_tail", "last frame"),
    "inputs.mask": Field("dynamic_masks"),
    "parameters.elements": Field("element_list", lambda ids, _: [Element(one) for one in ids]),
}

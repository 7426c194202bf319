"""From the shared request to Kling's body, by take or refuse. Pure, so that a request can be checked before it is kept.

`size` and `resolution` become `aspect_ratio` and `mode` (std is 720p, pro is 1080p). For image2video, which follows
the picture, the ratio must be one that Kling makes but is not sent: clients of other dialects always name a size.
"""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec.structs import replace

from telecine.nouns.billed import Billed
from telecine.nouns.errors import GatewayError, invalid
from telecine.nouns.parameters import CameraMove
from telecine.nouns.request import GenerationRequest, MediaInput
from telecine.nouns.sizes import parse_size
from telecine.providers.kling.words import OURS, SPEAKS
from telecine.providers.take import Take
from telecine.wires.kling import (
    BILLED,
    PATHS,
    CameraConfig,
    CameraControl,
    CreateTask,
    Element,
    ShotPrompt,
    Voice,
    WatermarkInfo,
)

_RATIOS: Final = {"16:9": (16, 9), "9:16": (9, 16), "1:1": (1, 1)}
_MODES: Final = {"720p": "std", "1080p": "pro"}
_RESOLUTIONS: Final = {mode: resolution for resolution, mode in _MODES.items()}
_LINES: Final = {"std": 720, "pro": 1080}
_DURATION: Final = 5
_SOUNDS: Final = {"on": True, "off": False}


class Draft(msgspec.Struct):
    """A body whose pictures are still to be filled in, and the fields that pass through."""

    body: CreateTask
    image: MediaInput | None = None
    image_tail: MediaInput | None = None
    static_mask: MediaInput | None = None
    dynamic_masks: tuple[MediaInput, ...] = ()
    passed: dict[str, msgspec.Raw] = msgspec.field(default_factory=dict)

    @property
    def stored(self) -> bool:
        """Some picture travels inside the body, which may then be large."""
        items = (self.image, self.image_tail, self.static_mask, *self.dynamic_masks)
        return any(item is not None and item.object_key is not None for item in items)

    @property
    def billed(self) -> Billed:
        """What the body comes to, with Kling's defaults (API, text2video). A picture's own shape is not known here."""
        mode, ratio = self.body.mode or "std", self.body.aspect_ratio or "16:9"
        audio = _SOUNDS.get(self.body.sound or "off", self.body.sound or False)
        duration = float(self.body.duration or _DURATION)
        told = Billed(mode=mode, resolution=_RESOLUTIONS.get(mode), duration=duration, audio=audio)
        if self.image is not None or self.image_tail is not None:
            return told
        if mode not in _LINES or ratio not in _RATIOS:  # the vendor's own business by now
            return replace(told, aspect_ratio=ratio)
        across, down = _RATIOS[ratio]
        short = _LINES[mode]
        size = (short * across // down, short) if across > down else (short, short * down // across)
        return replace(Billed.sized(*size, mode=mode, duration=duration), audio=audio)

    def encode(self) -> bytes:
        """The JSON, with what passes through byte for byte at its end."""
        body = msgspec.json.encode(self.body)
        return body[:-1] + b"," + msgspec.json.encode(self.passed)[1:] if self.passed else body


def translate(request: GenerationRequest, model: str) -> Draft:
    """The draft of what Kling is sent. Raises GatewayError naming the first field that it cannot express."""
    if request.operation not in PATHS:
        raise GatewayError(
            "unsupported_parameter",
            f"Kling cannot do {request.operation.replace('_', ' ')} here; it does: text to video, image to video.",
            param="operation",
        )
    take = Take(request)
    draft = Draft(_common(take, model, request), passed=_passed(request))
    if request.operation == "image_to_video":
        _pictures(take, draft)
    take.refuse_rest("kling", SPEAKS)
    return draft


def _common(take: Take, model: str, request: GenerationRequest) -> CreateTask:
    ratio, mode = _shape(take, request)
    audio, watermark = take.field("audio"), take.parameter("watermark")
    image2video = take.field("operation") == "image_to_video"
    body = CreateTask(
        model_name=model,
        prompt=take.field("prompt"),
        negative_prompt=take.field("negative_prompt") or None,
        mode=mode,
        cfg_scale=take.parameter("cfg_scale"),
        sound=None if audio is None else request.novel("audio", "kling") or ("on" if audio else "off"),
        camera_control=_camera(take.parameter("camera"), request.novel("parameters.camera", "kling")),
        aspect_ratio=None if image2video else ratio,
        duration=_seconds(take.field("duration"), "duration", request.novel("duration", "kling")),
        multi_shot=take.parameter("multi_shot"),
        shot_type=take.parameter("shot_type"),
        multi_prompt=[
            ShotPrompt(shot.index, shot.prompt, _seconds(shot.duration, "parameters.shots") or "")
            for shot in take.parameter("shots") or ()
        ],
        voice_list=[Voice(one) for one in take.parameter("voices") or ()],
        watermark_info=None if watermark is None else WatermarkInfo(watermark),
    )
    if not body.prompt and not body.multi_shot and not image2video:
        raise invalid("Kling needs a prompt to make a video from text.", "prompt")
    return body


def _pictures(take: Take, draft: Draft) -> None:
    """What only image2video has. Documented as exclusive: an end frame, masks, a camera movement."""
    draft.image = _single(take.inputs("first_frame", "image"), "first frame")
    draft.image_tail = _single(take.inputs("last_frame"), "last frame")
    masks = take.inputs("mask")
    draft.static_mask = _single([mask for mask in masks if not mask.trajectory], "mask without a trajectory")
    draft.dynamic_masks = tuple(mask for mask in masks if mask.trajectory)
    draft.body.element_list = [Element(one) for one in take.parameter("elements") or ()]
    if draft.image is None and draft.image_tail is None:
        raise invalid("Kling needs a first or a last frame to make a video from a picture.", "inputs")
    ways = [
        name
        for name, used in (
            ("a last frame", draft.image_tail),
            ("masks", masks),
            ("a camera movement", draft.body.camera_control),
        )
        if used
    ]
    if len(ways) > 1:
        raise invalid(f"Kling takes only one of {' and '.join(ways)}.", "inputs")


def _single(items: list[MediaInput], what: str) -> MediaInput | None:
    if len(items) > 1:
        raise invalid(f"Kling takes one {what}, not {len(items)}.", "inputs")
    return items[0] if items else None


def _shape(take: Take, request: GenerationRequest) -> tuple[str | None, str | None]:
    """The aspect ratio and the mode that the four ways of naming a size agree on. Kling's own clients may name what
    Kling has new."""
    ratio: str | None = take.field("aspect_ratio") or None
    mode: str | None = take.parameter("mode")
    resolution, size = take.field("resolution"), take.field("size")
    if ratio is not None and ratio not in _RATIOS and request.novel("aspect_ratio", "kling") is None:
        raise _no("aspect_ratio", ratio)
    if resolution:
        if resolution.lower() not in _MODES:
            raise _no("resolution", resolution)
        mode = _agreed(mode, _MODES[resolution.lower()], "resolution")
    if size:
        width, height = parse_size(size)
        found = next((name for name, (x, y) in _RATIOS.items() if width * y == height * x), None)
        short = f"{min(width, height)}p"
        if found is None or short not in _MODES:
            raise _no("size", size)
        ratio, mode = _agreed(ratio, found, "size"), _agreed(mode, _MODES[short], "size")
    return ratio, mode


def _agreed(said: str | None, meant: str, param: str) -> str:
    if said is not None and said != meant:
        raise invalid(f"The {param} means '{meant}' at Kling, but the request also asks for '{said}'.", param)
    return meant


def _no(param: str, value: str) -> GatewayError:
    return GatewayError(
        "unsupported_parameter",
        f"Kling makes no {param.replace('_', ' ')} '{value[:40]}'; it makes 16:9, 9:16 and 1:1, at 720p and 1080p.",
        param=param,
    )


def _seconds(value: float | None, param: str, novel: str | None = None) -> str | None:
    if value is None or novel is not None:
        return novel
    if value <= 0 or not float(value).is_integer():
        raise invalid(f"Kling counts whole seconds; {value:g} is none.", param)
    return str(int(value))


def _camera(move: CameraMove | None, novel: str | None) -> CameraControl | None:
    if move is None:
        return None
    config = CameraConfig(move.horizontal, move.vertical, move.pan, move.tilt, move.roll, move.zoom)
    axes = [axis for axis in msgspec.structs.astuple(config) if axis is not None]
    if novel is not None:
        return CameraControl(move.type, config if axes else None)
    if move.type != "simple":
        if axes:
            raise invalid(f"The camera movement '{move.type}' takes no axes.", "parameters.camera")
        return CameraControl(move.type)
    if sum(axis != 0 for axis in axes) != 1 or any(not -10 <= axis <= 10 for axis in axes):
        raise invalid("A simple camera movement has exactly one axis that is not 0, in [-10, 10].", "parameters.camera")
    return CameraControl(move.type, config)


def _passed(request: GenerationRequest) -> dict[str, msgspec.Raw]:
    """Fields of a Kling client that we do not know. Ours stand in the place of any that we write ourselves."""
    if request.native is None or request.native.dialect != "kling":
        return {}
    passed = {name: raw for name, raw in request.native.fields.items() if name.lower() not in OURS}
    for name in passed:
        if name.lower() in BILLED:
            raise GatewayError(
                "unsupported_parameter", f"'{name}' changes the price and is not passed on to Kling.", param=name
            )
    return passed

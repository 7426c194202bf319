"""From Kling's create body to a GenerationRequest, by the rules that Kling documents."""

from __future__ import annotations

from typing import Final, Literal

import msgspec

from telecine.dialects import scalars
from telecine.dialects.aliases import agreed
from telecine.dialects.bodies import Body, Known, present, typed
from telecine.dialects.inline import Source, is_url
from telecine.nouns.catalogue import Catalogue
from telecine.nouns.errors import invalid
from telecine.nouns.parameters import CameraMove, Point, Shot, VideoParameters
from telecine.nouns.request import GenerationRequest, MediaInput, Native, Novel, Role
from telecine.wires.kling import IMAGE_ONLY, WORDS, CameraControl, CreateTask

PathKind = Literal["text2video", "image2video"]
DEFAULT_MODEL: Final = "kling-v1"
_MAX_TEXT: Final = 2500
_MIN_SIDE: Final = 300
_MAX_RATIO: Final = 2.5
_PICTURES: Final = ("image/jpeg", "image/png")
_KNOWN: Final = Known.of(CreateTask)
_AXES: Final = ("horizontal", "vertical", "pan", "tilt", "roll", "zoom")


def parse_create(kind: PathKind, body: Body, models: Catalogue) -> tuple[GenerationRequest, list[Source]]:
    """The request, and the pictures that it still lacks. Raises GatewayError naming the field."""
    unknown = body.unknown(_KNOWN)
    wire = typed(present(body.known(_KNOWN)), CreateTask)
    _check_kind(kind, wire)
    duration = scalars.seconds(wire.duration, "duration")
    parameters = _parameters(wire, duration, models)
    if wire.negative_prompt is not None and len(wire.negative_prompt) > _MAX_TEXT:
        raise invalid(f"negative_prompt: at most {_MAX_TEXT} characters.", "negative_prompt")
    request = GenerationRequest(
        operation="text_to_video" if kind == "text2video" else "image_to_video",
        model=_model(wire),
        prompt=wire.prompt,
        negative_prompt=wire.negative_prompt,
        # Documented as ignored by image2video, whose output follows the picture.
        aspect_ratio=wire.aspect_ratio if kind == "text2video" else None,
        duration=duration,
        audio=None if wire.sound is None else wire.sound != "off",
        parameters=parameters if parameters != VideoParameters() else None,
        callback_url=wire.callback_url,
        external_id=wire.external_task_id,
    )
    novel = _novel(wire, request, models)
    native = Native("kling", unknown, novel) if unknown or novel else None
    return msgspec.structs.replace(request, native=native), _sources(wire)


def _novel(wire: CreateTask, request: GenerationRequest, models: Catalogue) -> dict[str, Novel]:
    """What Kling alone can judge: words that it does not document, and what its model is not known to have."""
    camera = wire.camera_control.type if wire.camera_control is not None else None
    said: tuple[tuple[str, str, str | None], ...] = (
        ("parameters.mode", "mode", wire.mode),
        ("audio", "sound", wire.sound),
        ("aspect_ratio", "aspect_ratio", request.aspect_ratio),
        ("parameters.camera", "camera_control.type", camera),
        ("parameters.shot_type", "shot_type", wire.shot_type),
    )
    words = {
        neutral: Novel(word, f"{name}: '{word}' is not known here; use one of: {', '.join(WORDS[name])}.")
        for neutral, name, word in said
        if word is not None and word not in WORDS[name]
    }
    length = request.duration
    if length is not None and not length.is_integer():
        text = f"{length:.6f}".rstrip("0")
        words["duration"] = Novel(text, f"duration: Kling counts whole seconds; {text} is none.")
    return models.strange(request) | words


def check_picture(picture: MediaInput, param: str) -> None:
    """Raise GatewayError (`invalid_request`) for a picture that Kling refuses: kind, smallest side, proportions."""
    if picture.content_type not in _PICTURES:
        raise invalid(f"{param}: only .jpg, .jpeg and .png pictures.", param)
    width, height = picture.width or 0, picture.height or 0
    if min(width, height) < _MIN_SIDE:
        raise invalid(f"{param}: {width}x{height} pixels; each side needs {_MIN_SIDE} at least.", param)
    if max(width, height) > _MAX_RATIO * min(width, height):
        raise invalid(f"{param}: {width}x{height} pixels; the aspect ratio must be within 1:2.5 to 2.5:1.", param)


def _check_kind(kind: PathKind, wire: CreateTask) -> None:
    """What each path needs, and which fields exclude each other."""
    if kind == "text2video":
        for name in IMAGE_ONLY:
            if getattr(wire, name):
                raise invalid(f"{name}: text2video takes no {name}; use image2video.", name)
        if not wire.prompt and not wire.multi_shot:
            raise invalid("prompt: is required.", "prompt")
    elif not wire.image and not wire.image_tail:
        raise invalid("image: one of image and image_tail is required.", "image")
    ways = {
        "image_tail": wire.image_tail,
        "static_mask": wire.static_mask or wire.dynamic_masks,
        "camera_control": wire.camera_control,
    }
    used = [name for name, value in ways.items() if value]
    if len(used) > 1:
        raise invalid(
            f"{used[1]}: image_tail, masks (static_mask, dynamic_masks) and camera_control exclude each other.", used[1]
        )
    if len(wire.dynamic_masks) > 6:
        raise invalid("dynamic_masks: at most 6.", "dynamic_masks")
    for number, mask in enumerate(wire.dynamic_masks):
        if not 2 <= len(mask.trajectories) <= 77:
            param = f"dynamic_masks[{number}].trajectories"
            raise invalid(f"{param}: 2 to 77 points.", param)


def _parameters(wire: CreateTask, duration: float | None, models: Catalogue) -> VideoParameters:
    if wire.cfg_scale is not None and not 0 <= wire.cfg_scale <= 1:
        raise invalid("cfg_scale: must be from 0 to 1.", "cfg_scale")
    if len(wire.voice_list) > 2:
        raise invalid("voice_list: at most 2 voices.", "voice_list")
    if len(wire.element_list) > 3:
        raise invalid("element_list: at most 3 elements.", "element_list")
    if wire.element_list and wire.voice_list:
        raise invalid("element_list: cannot be used together with voice_list.", "element_list")
    return VideoParameters(
        mode=wire.mode,
        cfg_scale=wire.cfg_scale,
        camera=_camera(wire.camera_control) if wire.camera_control is not None else None,
        multi_shot=wire.multi_shot,
        shot_type=wire.shot_type,
        shots=_shots(wire, duration, models),
        voices=tuple(voice.voice_id for voice in wire.voice_list),
        elements=tuple(
            scalars.integer(one.element_id, f"element_list[{number}].element_id", least=0) or 0
            for number, one in enumerate(wire.element_list)
        ),
        watermark=wire.watermark_info.enabled if wire.watermark_info is not None else None,
    )


def _camera(control: CameraControl) -> CameraMove:
    config = control.config
    axes = {axis: getattr(config, axis) for axis in _AXES if getattr(config, axis, None) is not None}
    if control.type != "simple":
        if axes and control.type in WORDS["camera_control.type"]:
            raise invalid(f"camera_control.config: must be absent for '{control.type}'.", "camera_control.config")
        return CameraMove(control.type, **axes)
    for axis, value in axes.items():
        if not -10 <= value <= 10:
            raise invalid(f"camera_control.config.{axis}: must be from -10 to 10.", f"camera_control.config.{axis}")
    if sum(1 for value in axes.values() if value) != 1:
        raise invalid("camera_control.config: exactly one axis must not be zero.", "camera_control.config")
    return CameraMove("simple", **axes)


def _shots(wire: CreateTask, duration: float | None, models: Catalogue) -> tuple[Shot, ...]:
    """The shots of a multi-shot video, whose durations sum to the whole."""
    if not wire.multi_shot:
        for name in ("shot_type", "multi_prompt"):
            if getattr(wire, name):
                raise invalid(f"{name}: needs multi_shot to be true.", name)
        return ()
    if wire.shot_type is None:
        raise invalid("shot_type: is required when multi_shot is true.", "shot_type")
    if wire.shot_type == "customize" and not wire.multi_prompt:
        raise invalid("multi_prompt: is required when shot_type is customize.", "multi_prompt")
    if len(wire.multi_prompt) > 6:
        raise invalid("multi_prompt: at most 6 shots.", "multi_prompt")
    shots = []
    for number, one in enumerate(wire.multi_prompt):
        param = f"multi_prompt[{number}]"
        if len(one.prompt) > 512:
            raise invalid(f"{param}.prompt: at most 512 characters.", f"{param}.prompt")
        shots.append(Shot(one.index, one.prompt, scalars.seconds(one.duration, f"{param}.duration") or 0.0))
    total = duration if duration is not None else _default_duration(wire, models)
    if shots and abs(sum(shot.duration for shot in shots) - total) > 1e-6:
        raise invalid(f"multi_prompt: the durations of the shots must sum to the duration, {total:g}.", "multi_prompt")
    return tuple(shots)


def _model(wire: CreateTask) -> str:
    return agreed(("model_name", wire.model_name), ("model", wire.model)) or DEFAULT_MODEL


def _default_duration(wire: CreateTask, models: Catalogue) -> float:
    model = models.find(_model(wire))
    return float(model.main.default_duration) if model is not None else 5.0


def _sources(wire: CreateTask) -> list[Source]:
    single: tuple[tuple[Role, str, str | None], ...] = (
        ("first_frame", "image", wire.image),
        ("last_frame", "image_tail", wire.image_tail),
        ("mask", "static_mask", wire.static_mask),
    )
    found = [_source(role, param, value) for role, param, value in single if value is not None]
    for number, mask in enumerate(wire.dynamic_masks):
        points = tuple(Point(point.x, point.y) for point in mask.trajectories)
        found.append(_source("mask", f"dynamic_masks[{number}].mask", mask.mask, points))
    return found


def _source(role: Role, param: str, value: str, trajectory: tuple[Point, ...] = ()) -> Source:
    """A URL or raw base64; Kling refuses a data URL."""
    if is_url(value):
        return Source(role, param, url=value, trajectory=trajectory)
    if value[:5].lower() == "data:":
        raise invalid(f"{param}: send the base64 alone, without the 'data:…;base64,' before it.", param)
    return Source(role, param, data=value, trajectory=trajectory)

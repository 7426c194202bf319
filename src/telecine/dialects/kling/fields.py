"""What the fields of Kling's bodies say in neutral words. A field means the same wherever it stands, so that an
operation states only what is otherwise with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from telecine.dialects import scalars
from telecine.nouns.errors import invalid
from telecine.nouns.parameters import CameraMove, Shot
from telecine.wires.kling.parts import CameraControl, Element, ShotPrompt, Voice, WatermarkInfo, words_of

_AXES: Final = ("horizontal", "vertical", "pan", "tilt", "roll", "zoom")
_CAMERAS: Final = words_of(CameraControl)["type"]


class Said(msgspec.Struct, frozen=True):
    """What a field says: the neutral field, and the neutral value of what stands in it."""

    neutral: str
    """`prompt`, `parameters.mode`."""
    read: Callable[[Any, str], Any] = lambda value, _name: value
    """Of the value and the field's name. Raises GatewayError."""
    inner: str = ""
    """Where in the value its word stands, where that is not the value itself."""


def _camera(control: CameraControl, name: str) -> CameraMove:
    config, param = control.config, f"{name}.config"
    axes = {axis: getattr(config, axis) for axis in _AXES if getattr(config, axis, None) is not None}
    if control.type != "simple":
        if axes and control.type in _CAMERAS:
            raise invalid(f"{param}: must be absent for '{control.type}'.", param)
        return CameraMove(control.type, **axes)
    for axis, value in axes.items():
        if not -10 <= value <= 10:
            raise invalid(f"{param}.{axis}: must be from -10 to 10.", f"{param}.{axis}")
    if sum(1 for value in axes.values() if value) != 1:
        raise invalid(f"{param}: exactly one axis must not be zero.", param)
    return CameraMove("simple", **axes)


def _shots(shots: list[ShotPrompt], name: str) -> tuple[Shot, ...]:
    return tuple(
        Shot(one.index, one.prompt, scalars.seconds(one.duration, f"{name}[{number}].duration") or 0.0)
        for number, one in enumerate(shots)
    )


def _elements(elements: list[Element], name: str) -> tuple[int, ...]:
    return tuple(
        scalars.integer(one.element_id, f"{name}[{number}].element_id", least=0) or 0
        for number, one in enumerate(elements)
    )


def _voices(voices: list[Voice], _name: str) -> tuple[str, ...]:
    return tuple(one.voice_id for one in voices)


def _enabled(info: WatermarkInfo, _name: str) -> bool:
    return info.enabled


FIELDS: Final[Mapping[str, Said]] = {
    "prompt": Said("prompt"),
    "negative_prompt": Said("negative_prompt"),
    "aspect_ratio": Said("aspect_ratio"),
    "duration": Said("duration", scalars.seconds),
    "sound": Said("audio", lambda word, _: word != "off"),
    "mode": Said("parameters.mode"),
    "cfg_scale": Said("parameters.cfg_scale"),
    "camera_control": Said("parameters.camera", _camera, inner="type"),
    "multi_shot": Said("parameters.multi_shot"),
    "shot_type": Said("parameters.shot_type"),
    "multi_prompt": Said("parameters.shots", _shots),
    "voice_list": Said("parameters.voices", _voices),
    "element_list": Said("parameters.elements", _elements),
    "watermark_info": Said("parameters.watermark", _enabled),
    "n": Said("count"),
    "resolution": Said("resolution", lambda word, _: word.lower()),
    "image_reference": Said("parameters.image_reference"),
    "image_fidelity": Said("parameters.image_fidelity"),
    "human_fidelity": Said("parameters.human_fidelity"),
    "result_type": Said("parameters.series", lambda word, _: word != "single"),
    "external_task_id": Said("external_id"),
    "callback_url": Said("callback_url"),
}
"""By the name on the wire. `model_name` and `model` are read together, media by the operation."""

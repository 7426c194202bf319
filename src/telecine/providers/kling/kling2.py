"""Kling's new generation: what is said to models that stand in the path (`kling-3.0`), at the same addresses and with
the same keys as the generation before it.

Whether it refuses an external id that is there twice, as the generation before it does, is written nowhere: a submit
with an unknown outcome is looked up, and ends as `submission_unknown` where nothing is found, rather than paid twice.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from telecine.nouns.billed import Billed
from telecine.nouns.errors import GatewayError, invalid
from telecine.nouns.money import units_of
from telecine.nouns.operations import Kind
from telecine.nouns.request import Role
from telecine.nouns.task import Usage
from telecine.providers.base import Traits
from telecine.providers.http.answers import file, total
from telecine.providers.http.body import Draft
from telecine.providers.http.facts import Field, Fields, Many, Op, Status, Told, Vendor, later
from telecine.providers.http.frame import Frame
from telecine.providers.http.getters import at, rows, says
from telecine.providers.kling.vendor import KLING
from telecine.providers.outcomes import Succeeded, UpstreamOutput
from telecine.providers.take import Take, whole
from telecine.wires import kling2 as wire
from telecine.wires.kling import MODES, RETENTION
from telecine.wires.kling.parts import WatermarkInfo
from telecine.wires.kling2 import RATIOS, RESOLUTIONS, TASKS

_FRAME: Final = Frame("settings.aspect_ratio", RATIOS, "settings.resolution", {one: one for one in RESOLUTIONS})
_INTELLIGENT: Final = "intelligence"
"""The shot type that the generation before it calls what `multi_shot` alone means here [reconstructed]."""
_MOVED: Final = RESOLUTIONS[:2]
_NOBODY: Final = "-"
"""No handle of ours."""
_tasks: Final = rows("data")
_outputs: Final = rows("outputs")


def _seconds(value: float, take: Take) -> float:
    """A whole number; what is none, only its own clients may ask for."""
    said = take.own_text("duration")
    number = float(said) if said is not None else float(whole(value, "Kling"))
    return int(number) if number.is_integer() else number


def _resolution(mode: str, _take: Take) -> str:
    """What the generation before it sells as a mode."""
    if mode not in MODES:
        raise invalid(f"Kling knows no mode '{mode[:40]}' here; it knows {' and '.join(MODES)}.", "parameters.mode")
    return MODES[mode]


def _one_way(shot_type: str, _take: Take) -> None:
    """Nothing is written: several shots are the model's own here. Raises GatewayError for shots of the client's."""
    if shot_type != _INTELLIGENT:
        raise GatewayError(
            "unsupported_parameter",
            f"Kling cuts the shots itself here; it takes no shot type '{shot_type[:40]}'.",
            param="parameters.shot_type",
        )


def _text(draft: Draft) -> None:
    """A video from text."""
    _FRAME.write(draft)
    if not draft.body.get("prompt"):
        raise invalid("Kling needs a prompt to make a video from text.", "prompt")


def _picture(draft: Draft) -> None:
    """A video from a picture, which it follows: a ratio has to be one that Kling makes, but is not sent."""
    _FRAME.write(draft)
    draft.body.pop("settings.aspect_ratio", None)
    said = _contents(draft, {"first_frame": "first_frame", "image": "first_frame", "last_frame": "last_frame"})
    if said.isdisjoint(("first_frame", "last_frame")):
        raise invalid("Kling needs a first or a last frame to make a video from a picture.", "inputs")


def _motion(draft: Draft) -> None:
    """A picture that moves as a video does, for as long as that lasts."""
    _contents(draft, {"image": "image", "video": "video"})
    if "settings.character_orientation" not in draft.body:
        raise invalid(
            "Kling has to know whether who is moved faces as in the picture or as in the video.",
            "parameters.orientation",
        )


def _lines(resolution: str, take: Take) -> str:
    """What motion control makes. A client of its own dialect may name what is new."""
    said = take.novel("resolution") or resolution.lower()
    if said not in _MOVED and take.novel("resolution") is None:
        raise GatewayError(
            "unsupported_parameter",
            f"Kling makes no resolution '{resolution[:40]}' here; it makes {' and '.join(_MOVED)}.",
            param="resolution",
        )
    return said


def _contents(draft: Draft, types: Mapping[Role, str]) -> set[str]:
    """Write `contents`, and answer which types stand there: the prompt, the inputs (by role, what they are called),
    elements, and what only Kling knows."""
    request, body = draft.request, draft.body
    found: list[Any] = [wire.Content("prompt", text=request.prompt)] if request.prompt else []
    said: set[str] = set()
    for role, kind in types.items():
        for item in request.with_role(role):
            if kind in said:
                raise invalid(f"Kling takes one {kind.replace('_', ' ')}.", "inputs")
            said.add(kind)
            found.append({"type": kind})
            draft.put("url", item, found[-1])
    found += body.pop("contents", ())  # the elements
    native = request.native.fields.get("contents[]") if request.native is not None else None
    more = msgspec.json.decode(native) if native is not None else None
    body["contents"] = [*found, *(more if isinstance(more, list) else ())]
    return said


def _elements(ids: tuple[int, ...], take: Take) -> list[Any]:
    own = take.own_text("parameters.elements")  # with what only Kling knows of them
    return msgspec.json.decode(own, type=list[Any]) if own else [wire.Content("element", element_id=one) for one in ids]


def _billed(draft: Draft) -> Billed:
    """What the body comes to, with Kling's defaults, also in the words of the generation before it: prices may go by
    either. A picture's own shape is not known here."""
    body = draft.body
    frame = _FRAME.billed(body, follows=draft.request.operation != "text_to_video")
    sound = body.get("settings.audio", "off")
    seconds = float(body.get("settings.duration", wire.SECONDS))
    return replace(frame, mode=_mode(draft), duration=seconds, audio={"native": True, "off": False}.get(sound, sound))


def _billed_motion(draft: Draft) -> Billed:
    """The same, of what is as long as its video."""
    return Billed(mode=_mode(draft), resolution=draft.body.get("settings.resolution", RESOLUTIONS[0]))


def _mode(draft: Draft) -> str:
    """As what the generation before it sells the resolution; one that it does not sell is its own word."""
    said: str = draft.body.get("settings.resolution", RESOLUTIONS[0])
    return next((mode for mode, resolution in MODES.items() if resolution == said), said)


def _made(told: Told) -> Succeeded | str:
    """The videos, pictures and sounds; links work for as long as Kling keeps what it made."""
    until = told.now + RETENTION
    listed = [one for one in _outputs(told.job) if one.get("type") in _FILES]
    found = [_parts(one, until) for one in listed]
    if not found or any(parts[0] is None for parts in found):
        return "a success without a file"
    made = tuple(one for parts in found for one in parts if one is not None)
    lasting = [one for one in listed if one["type"] != "image"]
    return Succeeded(made, Usage(seconds=total(lasting, _length) if lasting else None, units=_units(told.job)))


def _parts(one: dict[str, Any], until: float) -> list[UpstreamOutput | None]:
    """A result, and beside it its copy with a watermark, or its other form."""
    kind, mp3, wav = _FILES[one["type"]], one.get("mp3_url"), one.get("wav_url")
    main = file(one.get("url") or mp3 or wav, kind, one.get("id"), until)
    copy = file(one.get("watermark_url"), kind, None, until, part="watermark")
    return [main, copy, file(wav, kind, None, until, part="wav") if mp3 else None]


def _length(one: dict[str, Any]) -> Any:
    return one.get("duration") or one.get("mp3_duration") or one.get("wav_duration")


def _units(job: dict[str, Any]) -> str | None:
    """What was taken from resource packs; None where money was, or nobody says."""
    taken = [str(one.get("amount")) for one in rows("billing")(job) if one.get("charge_type") == "unit"]
    if len(taken) < 2:
        return taken[0] if taken else None
    amounts = [units_of(one) for one in taken]
    return None if None in amounts else str(sum((one for one in amounts if one is not None), Decimal(0)))


_FILES: Final[Mapping[str, Kind]] = {"video": "video", "image": "image", "audio": "audio"}
_FIELDS: Final[Fields] = {
    "prompt": "prompt",
    "duration": Field("settings.duration", _seconds),
    "aspect_ratio": "settings.aspect_ratio",
    "resolution": Field("settings.resolution", lambda _, take: take.novel("resolution")),
    "size": Field("settings.resolution", later),
    "audio": Field("settings.audio", lambda on, take: take.novel("audio") or ("native" if on else "off")),
    "parameters.mode": Field("settings.resolution", _resolution),
    "parameters.multi_shot": "settings.multi_shot",
    "parameters.shot_type": Field("", _one_way),
    "parameters.watermark": Field("options.watermark_info", lambda on, _: WatermarkInfo(on)),
}
_PICTURES: Final[Fields] = {
    "prompt": Field("contents", later),
    "inputs.first_frame|image": Field("contents"),
    "inputs.last_frame": Field("contents"),
    "parameters.elements": Field("contents", _elements),
}
_MOTION: Final[Fields] = {
    "prompt": Field("contents", later),
    "inputs.image": Field("contents"),
    "inputs.video": Field("contents"),
    "resolution": Field("settings.resolution", _lines),
    "parameters.mode": Field("settings.resolution", _resolution),
    "parameters.orientation": "settings.character_orientation",
    "parameters.keep_sound": Field(
        "settings.audio", lambda on, take: take.novel("parameters.keep_sound") or ("original" if on else "off")
    ),
    "parameters.watermark": _FIELDS["parameters.watermark"],
}


def _op(
    path: str,
    fields: Fields,
    shape: Callable[[Draft], None],
    ours: type[msgspec.Struct],
    billed: Callable[[Draft], Billed] = _billed,
) -> Op:
    return Op(
        create=f"POST {path}/{{model}}",
        poll=f"GET {TASKS}?task_ids={{id}}",
        look_up=f"GET {TASKS}?external_task_ids={{id}}",
        fields=fields,
        shape=shape,
        ours=frozenset(ours.__struct_fields__),
        billed=billed,
        many=Many(ask=f"GET {TASKS}?task_ids={{ids}}", id=at("id"), items=_tasks, most=wire.MOST_ASKED),
    )


KLING2: Final[Vendor] = replace(
    KLING,
    models=wire.MODELS,
    speaks=frozenset({"kling2"}),
    ops={
        "text_to_video": _op(wire.TEXT_TO_VIDEO, _FIELDS, _text, wire.TextToVideo),
        "image_to_video": _op(wire.IMAGE_TO_VIDEO, {**_FIELDS, **_PICTURES}, _picture, wire.ImageToVideo),
        "motion_control": _op(wire.MOTION_CONTROL, _MOTION, _motion, wire.MotionControl, _billed_motion),
    },
    traits=Traits(RETENTION, look_up=True, visibility_lag=30.0, poll_floor=5.0, listed=True),
    billed=wire.BILLED,
    objects=frozenset({"settings", "options"}),
    handle="options.external_task_id",
    callback="options.callback_url",
    most_media=wire.MAX_FILE,
    fine=says("code", 0),
    made=at("data.id"),
    job=lambda said: next(iter(_tasks(said)), None),
    id=at("id"),
    handled=lambda job: at("external_id")(job) or _NOBODY,  # a job of a list has to say that it is ours
    status=Status(at("status"), queued={"submitted"}, running={"processing"}, done={"succeeded"}, failed={"failed"}),
    reasons=(at("message"),),
    outputs=_made,
    absent=lambda said: said.get("data") == [],
)
"""What of `KLING` is not named here holds for both."""

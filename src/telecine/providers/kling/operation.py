"""How a row of the table is made: from a path and its body, what is sent of a request."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from telecine.nouns.billed import Billed
from telecine.nouns.errors import invalid
from telecine.nouns.globs import matches
from telecine.nouns.parameters import CameraMove
from telecine.nouns.request import GenerationRequest
from telecine.providers.base import SOLE, Traits
from telecine.providers.http.body import Draft
from telecine.providers.http.facts import Field, Fields, Many, Op, Picture, later
from telecine.providers.http.frame import Frame
from telecine.providers.http.getters import at, rows
from telecine.providers.take import Take, whole
from telecine.wires.kling import MODES, MOST_LISTED, RATIOS, RETENTION, Path, parts

TRAITS: Final = Traits(
    RETENTION,
    look_up=True,
    unique_handle=True,
    visibility_lag=30.0,
    poll_floor=5.0,  # as the Vercel AI SDK polls it
    listed=True,
    url_only=frozenset({"video"}),
)
_UNNAMED: Final = replace(TRAITS, look_up=False, unique_handle=False)
FRAME: Final = Frame("aspect_ratio", RATIOS, "mode", {MODES[mode]: mode for mode in MODES})
_AUDIO: Final = {"on": True, "off": False}


def _camera(move: CameraMove, take: Take) -> parts.CameraControl:
    config = msgspec.convert(move, parts.CameraConfig, from_attributes=True)
    axes = [axis for axis in msgspec.structs.astuple(config) if axis is not None]
    fits, what = not axes, "no axes"
    if move.type == "simple":
        fits = sum(map(bool, axes)) == 1 and all(-10 <= axis <= 10 for axis in axes)
        what = "exactly one axis that is not 0, in [-10, 10]"
    if not fits and take.novel("parameters.camera") is None:
        raise invalid(f"The camera movement '{move.type}' takes {what}.", "parameters.camera")
    return parts.CameraControl(move.type, config if axes else None)


def yes_no(name: str) -> Field:
    """A switch that is a word on the wire."""
    return Field(name, lambda on, _: "yes" if on else "no")


SAYS: Final[Fields] = {
    "prompt": "prompt",
    "negative_prompt": "negative_prompt",
    "duration": Field("duration", lambda value, take: take.own_text("duration") or whole(value, "Kling")),
    "aspect_ratio": "aspect_ratio",
    "audio": Field("sound", lambda on, take: take.novel("audio") or ("on" if on else "off")),
    "parameters.mode": "mode",
    "size": Field("aspect_ratio", later),
    "resolution": Field("mode", later),
    "parameters.cfg_scale": "cfg_scale",
    "parameters.camera": Field("camera_control", _camera),
    "parameters.multi_shot": "multi_shot",
    "parameters.shot_type": "shot_type",
    "parameters.shots": Field(
        "multi_prompt",
        lambda shots, _: [
            parts.ShotPrompt(one.index, one.prompt, whole(one.duration, "Kling", "parameters.shots")) for one in shots
        ],
    ),
    "parameters.voices": Field("voice_list", lambda ids, _: [parts.Voice(one) for one in ids]),
    "parameters.elements": Field("element_list", lambda ids, _: [parts.Element(one) for one in ids]),
    "parameters.orientation": "character_orientation",
    "parameters.keep_sound": yes_no("keep_original_sound"),
    "parameters.watermark": Field("watermark_info", lambda on, _: parts.WatermarkInfo(on)),
}
"""By neutral name, the field that says it, wherever a body has that."""


def followed(field: str) -> Callable[[Draft], None]:
    """Write the upstream's id of the video, the sound or the session that is gone on from, once that is known."""

    def shape(draft: Draft) -> None:
        source = draft.source
        if source is None:
            return
        name = source.output_id or draft.named.get(SOLE)
        if name is None:
            raise invalid("source: is nothing that Kling knows by an id.", "source")
        draft.body[field] = name

    return shape


class Row(msgspec.Struct, frozen=True):
    """One line of the table: a path, and what it does."""

    path: Path
    does: tuple[str, ...]
    """The operations that it serves, which the request says and not the path."""
    op: Op
    models: tuple[str, ...] = ()
    """Globs of the upstream's models of these operations that are at this path, where others are at another; the first
    line that does an operation is for all that no later one names."""
    a_way: bool = False
    """It is the request that decides whether it is made here."""


def operation(
    path: Path,
    *does: str,
    models: Collection[str] = (),
    billed: Callable[[Draft], Billed],
    fields: Mapping[str, str | Field | Picture | None] | None = None,
    needs: Collection[str] = (),
    shape: Callable[[Draft], None] | None = None,
    traits: Traits | None = None,
    suits: Callable[[GenerationRequest, str], bool] | None = None,
) -> Row:
    """The line for `path`, which says what its body can: by `SAYS`, and by `fields` where that is not so (None: not
    here). `suits`: the request decides, and not the model, whether it is made here or at the first line's path."""
    body = path.body.__struct_fields__
    usual = {neutral: one for neutral, one in SAYS.items() if (one if isinstance(one, str) else one.name) in body}
    says = {"model": _model(path), **usual, **(fields or {})}
    op = Op(
        create=f"POST {path.path}",
        fields={neutral: one for neutral, one in says.items() if one is not None},
        needs=tuple(needs),
        shape=shape,
        ours=frozenset(body),
        billed=billed,
        traits=traits or (None if path.named else _UNNAMED),
        many=Many(
            ask=f"GET {path.path}?pageSize={{size}}{{page}}",
            id=at("task_id"),
            items=_listed,
            most=MOST_LISTED,
            turn=lambda said, page, size: f"&pageNum={page + 1}" if len(rows("data")(said)) == size else "",
        ),
    )
    return Row(path, does, op if suits is None else replace(op, suits=suits), tuple(models), suits is not None)


def _model(path: Path) -> Field:
    """Its name, but for what stands for one here where Kling has no models."""
    return model_at("model_name", path)


def model_at(name: str, path: Path) -> Field:
    """The same where the model is named elsewhere in the body."""
    return Field(name, lambda model, _: None if model == path.model and not path.models else model)


def _listed(said: Any) -> list[Any]:
    """A page; a job that is done without what it took is not told whole."""
    took = ("final_unit_deduction", "final_balance_deduction")  # of a resource pack, or of the account's money
    return [one for one in rows("data")(said) if one.get("task_status") != "succeed" or any(map(one.get, took))]


def operations(table: Iterable[Row]) -> Mapping[str, Op]:
    """By name, every operation of the table, and which path it has with which model.

    Where the request decides between paths, nobody remembers which of them it was: what one cannot do (be asked by our
    handle) is not relied on at any.
    """
    lines: dict[str, list[Row]] = {}
    for row in table:
        for name in row.does:
            lines.setdefault(name, []).append(row)
    return {name: _operation(found[0].op, found[1:]) for name, found in lines.items()}


def _operation(first: Op, others: Sequence[Row]) -> Op:
    ways = [row.op for row in others if row.a_way]
    unnamed = any(way.traits is _UNNAMED for way in ways)
    return replace(first, other=_chosen(others), ways=ways, traits=_UNNAMED if unnamed else first.traits)


def _chosen(table: Sequence[Row]) -> Callable[[str], Op | None]:
    named = [(row.op, glob) for row in table for glob in row.models]
    return lambda model: next((op for op, glob in named if matches(glob, model)), None)


def billed(
    mode: str | None = "std",
    seconds: float | None = 5.0,
    *,
    follows: Callable[[Draft], bool] = lambda _: False,
    within: str = "",
) -> Callable[[Draft], Billed]:
    """What a body comes to, with Kling's defaults for its mode and its length (None: it has none, or nobody knows).
    `follows`: the shape is that of what it is made from, which is not known here; `within`: the object in the body in
    which these fields are."""

    def found(draft: Draft) -> Billed:
        body = draft.body
        said, length = body.get(f"{within}mode", mode), body.get(f"{within}duration", seconds)
        told = Billed() if said is None else FRAME.billed({**body, "mode": said}, follows=follows(draft))
        sound = body.get("sound", "off")
        return replace(
            told,
            mode=said,
            duration=None if length is None else float(length),
            audio=_AUDIO.get(sound, sound),
        )

    return found

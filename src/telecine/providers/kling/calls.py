"""The calls that answer at once, and what goes on from a session."""

from __future__ import annotations

from typing import Any, Final, TypeVar

import msgspec

from telecine.nouns.billed import Billed
from telecine.nouns.errors import invalid
from telecine.nouns.task import Facts, Usage
from telecine.providers.base import Traits
from telecine.providers.http.answers import file, named
from telecine.providers.http.body import Draft
from telecine.providers.http.facts import Field, Op, Picture, Told, later
from telecine.providers.http.getters import at, rows
from telecine.providers.kling.operation import Row, followed, operation
from telecine.providers.outcomes import Succeeded, UpstreamOutput
from telecine.wires.kling import RETENTION, Path
from telecine.wires.kling import calls as wire

_CALL: Final = Traits(RETENTION, submit_timeout=wire.CALL, usual=5.0, synchronous=True, url_only=frozenset({"video"}))
"""Nobody can ask what has become of a call, and Kling documents no name for one: an unknown outcome stays unknown."""
_Found = TypeVar("_Found", wire.Face, wire.Cutout)


def _call(path: Path, does: str, **more: Any) -> Row:
    body = frozenset(path.body.__struct_fields__)
    op = Op(create=f"POST {path.path}", ours=body, billed=lambda _: Billed(), traits=_CALL, **more)
    return Row(path, (does,), op)


def _video(draft: Draft) -> None:
    """Where the video is: at Kling, by its id there, or at a URL."""
    if (draft.request.source is not None) == any(draft.request.with_role("video")):
        raise invalid("Kling looks for faces in one video: one that it has made, or one at a URL.", "inputs.video")
    followed("video_id")(draft)


def _faces(told: Told) -> Succeeded | str:
    """The session, which what goes on names, and the faces that it has found, each with its picture."""
    data, until = at("data")(told.job), told.now + RETENTION
    session, found = named(at("session_id")(data)), rows("face_data")(data)
    try:
        faces = _read([{**one, "face_id": named(one.get("face_id"))} for one in found], wire.Face)
    except msgspec.ValidationError:
        return "faces that cannot be read"
    if session is None:
        return "an answer without a session"
    pictures = [file(one.face_image, "image", one.face_id, until, part="face") for one in faces]
    return _told(data, [msgspec.structs.replace(one, face_image=msgspec.UNSET) for one in faces], pictures, session)


def _cutouts(told: Told) -> Succeeded | str:
    """What a picture shows, and each part of it alone."""
    data, until = at("data")(told.job), told.now + RETENTION
    found = rows("task_result.images")(data)
    try:
        parts = _read(found, wire.Cutout)
    except msgspec.ValidationError:
        return "parts that cannot be read"
    if not parts:
        return "an answer without a part"
    pictures = [file(one.url, "image", one.type, until, part="cutout") for one in parts]
    return _told(data, [msgspec.structs.replace(one, url=msgspec.UNSET) for one in parts], pictures)


def _read(found: list[dict[str, Any]], kind: type[_Found]) -> list[_Found]:
    """What was paid for, as far as it can be read: numbers may be texts, and what is null is not said. Raises
    msgspec.ValidationError."""
    said = [{name: value for name, value in one.items() if value is not None} for one in found]
    return msgspec.convert(said, list[kind], strict=False)  # type: ignore[valid-type]


def _told(data: Any, said: Any, pictures: list[UpstreamOutput | None], name: str | None = None) -> Succeeded:
    units, balance = at("final_unit_deduction")(data), at("final_balance_deduction")(data)
    facts = None if balance is None else Facts.of("kling", {"final_balance_deduction": balance})
    text = UpstreamOutput(kind="text", text=msgspec.json.encode(said).decode(), upstream_id=name, facts=facts)
    usage = Usage(units=None if units in (None, "") else str(units))
    return Succeeded((text, *(one for one in pictures if one is not None)), usage)


def _sync(draft: Draft) -> None:
    """The session, and the one face that speaks."""
    request, said = draft.request, draft.request.parameters
    looked = draft.source.request.operation if draft.source is not None and draft.source.request is not None else None
    if request.source is None or looked not in (None, "kling:identify_face"):
        raise invalid("Kling's advanced lip-sync goes on from a session that has looked for faces.", "source")
    followed("session_id")(draft)
    choice: dict[str, Any] = {}
    for name, neutral, factor in _CHOICE:
        value = getattr(said, neutral, None)
        if value is not None:
            choice[name] = round(value * factor) if factor else value
    for name in ("face_id", "sound_start_time", "sound_end_time", "sound_insert_time"):
        if name not in choice:
            neutral = next(neutral for one, neutral, _ in _CHOICE if one == name)
            raise invalid(f"Kling needs {neutral} for an advanced lip-sync.", f"parameters.{neutral}")
    sound, sounds = choice.pop("audio_id", None), draft.take.inputs("audio")
    if (sound is None) == (not sounds):
        raise invalid("Kling's lips follow one sound: one that was made before, or a file.", "inputs.audio")
    if sound is not None:
        choice["audio_id"] = draft.named.get(sound, sound)
    for item in sounds:
        draft.put("sound_file", item, choice)
    draft.body["face_choose"] = [choice]


_CHOICE: Final = (
    ("face_id", "face", 0),
    ("audio_id", "sound", 0),
    ("sound_start_time", "sound_start", 1000),
    ("sound_end_time", "sound_end", 1000),
    ("sound_insert_time", "insert_at", 1000),
    ("sound_volume", "sound_volume", 0),
    ("original_audio_volume", "original_volume", 0),
)
"""A field of `face_choose[]`, the parameter that says it, and by what that is multiplied."""

CALLS: Final = (
    _call(
        wire.IDENTIFY_FACE,
        "kling:identify_face",
        fields={
            "source": Field("video_id", later),
            "inputs.video": Picture("video_url", "video"),
        },
        shape=_video,
        answer=_faces,
    ),
    _call(
        wire.RECOGNIZE_IMAGE,
        "kling:recognize_image",
        fields={"inputs.image": Picture("image")},
        answer=_cutouts,
    ),
)
LIP_SYNC: Final = operation(
    wire.ADVANCED_LIP_SYNC,
    "lip_sync",
    models={wire.ADVANCED_LIP_SYNC.model},
    fields={
        "source": Field("session_id", later),
        "inputs.audio": Field("face_choose"),
        **{f"parameters.{neutral}": Field("face_choose", later) for _, neutral, _ in _CHOICE},
    },
    shape=_sync,
    billed=lambda _: Billed(),
)

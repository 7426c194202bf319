"""Kling's calls that answer at once, and the lip-sync that goes on from one.

Each call is a task like any, whose client waits for its end: so it is held for, called once, charged or released, and
a request that is sent again with its `Idempotency-Key` is answered with what the first one came to. The session that a
call answers is the id of its result here; so it leads back to the channel that knows it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final

import msgspec
from msgspec import UNSET, UnsetType

from telecine.dialects.base import Media
from telecine.dialects.call import Call
from telecine.dialects.kling.create import parse
from telecine.dialects.kling.media import check_media
from telecine.dialects.kling.operation import Operation
from telecine.dialects.kling.rules import apart, needs
from telecine.dialects.rows import Create
from telecine.dialects.waiting import Wait, check_done
from telecine.nouns.catalogue import Catalogue
from telecine.nouns.errors import GatewayError, invalid
from telecine.nouns.ids import output_id
from telecine.nouns.parameters import LipSyncParameters
from telecine.nouns.request import GenerationRequest
from telecine.nouns.task import Output
from telecine.tasks.idempotency import HEADER
from telecine.tasks.view import View, results
from telecine.wires.kling.calls import ADVANCED_LIP_SYNC, IDENTIFY_FACE, RECOGNIZE_IMAGE, Cutout, Face

_LONGEST: Final = 120.0
"""Seconds that a client waits: twice as long as such a call may take."""
_SHORTEST: Final = 2000
"""Milliseconds of a sound (advanced lip-sync, `sound_end_time`)."""
Tell = Callable[[View, Output, Media], msgspec.Struct]
"""What is shown of what was found."""


class Balance(msgspec.Struct, frozen=True):
    """What was taken of a quota."""

    quota: str = ""
    list_price: str = ""


class _Cost(msgspec.Struct, frozen=True):
    final_balance_deduction: Balance


class Faces(msgspec.Struct, frozen=True, kw_only=True):
    """The faces of a video, and the session that knows them for a day."""

    session_id: str
    final_unit_deduction: str | UnsetType = UNSET
    final_balance_deduction: Balance | UnsetType = UNSET
    face_data: list[Face]


class Cutouts(msgspec.Struct, frozen=True):
    """What a picture shows."""

    images: list[Cutout]


class Recognized(msgspec.Struct, frozen=True, kw_only=True):
    """The same, in its envelope's `data`."""

    task_result: Cutouts
    final_unit_deduction: str | UnsetType = UNSET
    final_balance_deduction: Balance | UnsetType = UNSET


class FacesAnswer(msgspec.Struct, frozen=True):
    """The answer to a call that looks for faces."""

    code: int
    message: str
    request_id: str
    data: Faces


class RecognizedAnswer(msgspec.Struct, frozen=True):
    """The answer to a call that looks at a picture."""

    code: int
    message: str
    request_id: str
    data: Recognized


def _faces(view: View, said: Output, media: Media) -> Faces:
    found = _read(said, list[Face])
    faces = [msgspec.structs.replace(one, face_image=_shown(view, one.face_id, media)) for one in found]
    return Faces(session_id=output_id(view.task.id, said.index), face_data=faces, **_cost(view, said))


def _cutouts(view: View, said: Output, media: Media) -> Recognized:
    found = _read(said, list[Cutout])
    parts = [msgspec.structs.replace(one, url=_shown(view, one.type, media)) for one in found]
    return Recognized(task_result=Cutouts(parts), **_cost(view, said))


def _read(said: Output, kind: Any) -> Any:
    try:
        return msgspec.json.decode(said.text or "", type=kind)
    except msgspec.DecodeError:  # whoever made it says it in other words
        raise GatewayError(
            "upstream_failed", "What was found cannot be told in Kling's words.", may_retry=False
        ) from None


def _shown(view: View, name: str, media: Media) -> str | UnsetType:
    """The picture that goes with what is called so."""
    pictures = (one for one in view.outputs if one.kind == "image" and one.upstream_id == name)
    return next((url for one in pictures if (url := media.link(one)) is not None), UNSET)


def _cost(view: View, said: Output) -> dict[str, Any]:
    units = view.task.usage.units if view.task.usage is not None else None
    facts = said.facts.read("kling", _Cost) if said.facts is not None else None
    found = {"final_unit_deduction": units, "final_balance_deduction": facts and facts.final_balance_deduction}
    return {name: one for name, one in found.items() if one is not None}


async def _taken(call: Call, view: View) -> View:
    """`view`, unless nobody has taken the call by now: it is taken back then, for whoever asks again asks for another
    one, and both would be paid. One with a name of its client's goes on: the same name joins it. Raises GatewayError
    (`capacity`)."""
    if view.task.state == "queued" and HEADER not in call.request.headers:
        view = await call.edge.tasks.cancel(call.principal, view.task.id)
        if view.cancellation == "cancelled":
            raise GatewayError("capacity", "Nobody could take the call in time. It was taken back, and costs nothing.")
    return view


def _answered(tell: Tell, answer: Callable[..., msgspec.Struct]) -> Callable[[Call, View], Awaitable[msgspec.Struct]]:
    """What was found. Raises GatewayError where that is nothing, in Kling's envelope like any refusal."""

    async def show(call: Call, view: View) -> msgspec.Struct:
        view = await _taken(call, view)
        check_done(view, f"The call is not done yet; its task is {view.task.id}, and goes on.")
        said = next(iter(results(view, "text")), None)
        if said is None:
            raise GatewayError("upstream_failed", "What was found is lost.", may_retry=False)
        return answer(0, "SUCCEED", call.request_id, tell(view, said, call.edge.media))

    return show


def _row(op: Operation, answer: type[msgspec.Struct], tell: Tell) -> Create:
    """The one row of a call: nobody can ask about it later, or list it."""
    return Create(
        op.path.path,
        f"Find {op.makes[0]}, and wait for the answer",
        answer=answer,
        body=op.path.body,
        example=op.example,
        parse=lambda call, body: parse(op, body, call.edge.catalogue),
        form=op.path.form,
        most=op.most,
        look=check_media,
        names=op.names,
        wait=lambda _: Wait(_LONGEST),
        show=_answered(tell, answer),
    )


CALLS: Final = (
    Operation(
        path=IDENTIFY_FACE,
        makes=("the faces in a video", "faces"),
        does="kling:identify_face",
        shows=(),
        kind="text",
        example={"video_url": "https://example.com/boat.mp4"},
        source="video_id",
        media={"video_url": "video"},
        rules=(needs("video_id", "video_url"), apart(("video_id",), ("video_url",))),
    ),
    Operation(
        path=RECOGNIZE_IMAGE,
        makes=("what a picture shows", "parts of pictures"),
        does="kling:recognize_image",
        shows=(),
        kind="text",
        example={"image": "https://example.com/boat.png"},
        media={"image": "image"},
        rules=(needs("image"),),
    ),
)
CALL_ROWS: Final = (_row(CALLS[0], FacesAnswer, _faces), _row(CALLS[1], RecognizedAnswer, _cutouts))
FOLDED: Final = (IDENTIFY_FACE.path,)
"""Paths that older documents write in other cases (`/v1/videos/Identify-face`)."""


def _one_sound(wire: Any, _models: Catalogue) -> None:
    """One face, and one sound for it, of which two seconds are heard at the least."""
    for number, one in enumerate(wire.face_choose):
        at = f"face_choose[{number}]"
        if bool(one.audio_id) == bool(one.sound_file):
            raise invalid(f"{at}.audio_id: send one of audio_id and sound_file.", f"{at}.audio_id")
        if one.sound_end_time - one.sound_start_time < _SHORTEST:
            raise invalid(
                f"{at}.sound_end_time: {_SHORTEST} milliseconds of the sound are heard at the least.",
                f"{at}.sound_end_time",
            )


def _chosen(wire: Any, request: GenerationRequest) -> GenerationRequest:
    one, given = wire.face_choose[0], request.parameters
    said = LipSyncParameters(
        face=one.face_id,
        sound=one.audio_id or None,
        sound_start=one.sound_start_time / 1000,
        sound_end=one.sound_end_time / 1000,
        insert_at=one.sound_insert_time / 1000,
        sound_volume=one.sound_volume,
        original_volume=one.original_audio_volume,
        watermark=getattr(given, "watermark", None),
    )
    return msgspec.structs.replace(request, parameters=said)


SYNCED: Final = Operation(
    path=ADVANCED_LIP_SYNC,
    makes=("a video whose lips follow a sound, by a session", "videos whose lips follow a sound, by a session"),
    does="lip_sync",
    shows=("lip_sync",),
    example={
        "session_id": "0d3v8tqk2m5xa00",
        "face_choose": [
            {
                "face_id": "0",
                "sound_file": "https://example.com/words.mp3",
                "sound_start_time": 0,
                "sound_end_time": 3000,
                "sound_insert_time": 1000,
            }
        ],
    },
    source="session_id",
    goes_on="session",
    media={"face_choose[].sound_file": "audio"},
    rules=(needs("session_id"), needs("face_choose"), _one_sound),
    finish=_chosen,
)

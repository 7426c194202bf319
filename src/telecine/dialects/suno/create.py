"""From the bodies of `/suno/submit/…` and `/suno/generate…` to a GenerationRequest."""

from __future__ import annotations

from typing import Final

from telecine.dialects import scalars
from telecine.dialects.aliases import agreed
from telecine.dialects.bodies import Body, Known, present, typed
from telecine.dialects.call import Call
from telecine.dialects.rows import Parsed
from telecine.nouns.errors import invalid
from telecine.nouns.ids import parse_task_id, reference_to
from telecine.nouns.parameters import MusicParameters
from telecine.nouns.request import GenerationRequest, Native, Novel, Reference
from telecine.wires.scalars import Number
from telecine.wires.suno import (
    CLIPS,
    COVER,
    DEFAULT_MODEL,
    EXTEND,
    LYRICS_MODEL,
    NAMING,
    PARAMETERS,
    PERSONA,
    USES,
    VOICES,
    SubmitConcat,
    SubmitLyrics,
    SubmitMusic,
)

_MUSIC: Final = Known.of(SubmitMusic)
_LYRICS: Final = Known.of(SubmitLyrics)
_CONCAT: Final = Known.of(SubmitConcat)
_NAMING: Final = {EXTEND: "continue_clip_id", **NAMING}
"""By what is made of a clip, the field that names it."""


def parse_music(body: Body) -> Parsed:
    """A song in any of the three modes; it needs no media. Raises GatewayError naming the field."""
    unknown = body.unknown(_MUSIC)
    wire = typed(present(body.known(_MUSIC)), SubmitMusic)
    about, words = _told(wire)
    use, source = _source(wire)
    instrumental = agreed(
        ("make_instrumental", scalars.flag(wire.make_instrumental, "make_instrumental")),
        ("instrumental", scalars.flag(wire.instrumental, "instrumental")),
    )
    if about is None and words is None and not instrumental and use != COVER:
        raise invalid("prompt: is required; what is sung, or gpt_description_prompt, or make_instrumental.", "prompt")
    given = {ours: getattr(wire, theirs) for ours, theirs in PARAMETERS.items()}
    given["lyrics"], given["instrumental"], given["use"] = words, instrumental, use
    given["style"] = agreed(("tags", wire.tags), ("style", wire.style))
    given["continue_at"] = _continue_at(wire.continue_at, wire.continue_clip_id)
    parameters = MusicParameters(**given)
    novel: dict[str, Novel] = {}
    for name, known in (("voice", VOICES), ("use", USES)):
        said = given[name]
        if said is not None and said not in known:
            objection = f"{PARAMETERS[name]}: '{said}' is not known here; use one of: {', '.join(known)}."
            novel[f"parameters.{name}"] = Novel(said, objection)
    return GenerationRequest(
        operation="music",
        model=wire.mv or DEFAULT_MODEL,
        prompt=about or "",
        count=CLIPS,
        parameters=parameters if parameters != MusicParameters() else None,
        source=source,
        callback_url=wire.notify_hook,
        native=Native("suno", unknown, novel) if unknown or novel else None,
    ), []


def parse_lyrics(body: Body) -> Parsed:
    """A text to be sung. Raises GatewayError naming the field."""
    unknown = body.unknown(_LYRICS)
    wire = typed(present(body.known(_LYRICS)), SubmitLyrics)
    if wire.prompt is None:
        raise invalid("prompt: is required.", "prompt")
    return GenerationRequest(
        operation="lyrics",
        model=LYRICS_MODEL,
        prompt=wire.prompt,
        callback_url=wire.notify_hook,
        native=Native("suno", unknown) if unknown else None,
    ), []


def _told(wire: SubmitMusic) -> tuple[str | None, str | None]:
    """What the song is about, and what is sung. Beside a description, the protocol ignores `prompt`."""
    custom = scalars.flag(wire.custom_mode, "custom_mode")
    about = wire.gpt_description_prompt
    if custom and about is not None:
        raise invalid("gpt_description_prompt: custom_mode sings what prompt says; send one of them.", "custom_mode")
    if about is not None:
        return about, None
    return (wire.prompt, None) if custom is False else (None, wire.prompt)


def _source(wire: SubmitMusic) -> tuple[str | None, Reference | None]:
    """What is made of which clip. The clip's id here tells its task; both have to agree."""
    named = [(use, field) for use, field in _NAMING.items() if getattr(wire, field) is not None]
    if len(named) > 1:
        raise invalid(f"{named[1][1]}: is one clip too many beside {named[0][1]}.", named[1][1])
    if not named:
        return _without_clip(wire), None
    use, field = named[0]
    if wire.task in USES and wire.task != use:
        raise invalid(f"task: '{wire.task}' goes with {_NAMING[wire.task]}, not with {field}.", "task")
    if use == PERSONA and wire.persona_id is None:
        raise invalid("artist_clip_id: needs persona_id.", "artist_clip_id")
    if wire.gpt_description_prompt is not None:
        raise invalid(
            "gpt_description_prompt: a clip goes on with words; send them as prompt.", "gpt_description_prompt"
        )
    found = reference_to(getattr(wire, field), "clip")
    if wire.task_id is not None and found.task is not None and parse_task_id(wire.task_id) != found.task:
        raise invalid("task_id: is not the task of the clip that goes on.", "task_id")
    return wire.task or (None if use == EXTEND else use), found


def _without_clip(wire: SubmitMusic) -> str | None:
    """What is made where no clip is named. Raises GatewayError where one is needed."""
    if wire.task_id is not None:
        raise invalid("task_id: is the task of the clip that goes on; send continue_clip_id too.", "task_id")
    if wire.task in (EXTEND, COVER):
        raise invalid(f"task: '{wire.task}' needs {_NAMING[wire.task]}.", "task")
    if wire.task == PERSONA and wire.persona_id is None:
        raise invalid(f"task: '{wire.task}' needs persona_id.", "task")
    return wire.task


async def parse_concat(call: Call, body: Body) -> Parsed:
    """A clip with all that came before it, by the model that made the clip. Raises GatewayError naming the field."""
    unknown = body.unknown(_CONCAT)
    wire = typed(present(body.known(_CONCAT)), SubmitConcat)
    if wire.clip_id is None:
        raise invalid("clip_id: is required.", "clip_id")
    source = reference_to(wire.clip_id, "clip")
    made = await call.edge.tasks.source(call.principal, source)
    infill = scalars.flag(wire.is_infill, "is_infill")
    return GenerationRequest(
        operation="suno:concat",
        model=made.task.model if made is not None else DEFAULT_MODEL,
        parameters=MusicParameters(infill=True) if infill else None,
        source=source,
        callback_url=wire.notify_hook,
        native=Native("suno", unknown) if unknown else None,
    ), []


def _continue_at(value: Number | None, clip: str | None) -> float | None:
    """Seconds; clients send 0 where nothing goes on."""
    seconds = None if not value or str(value) == "0" else scalars.seconds(value, "continue_at")
    if seconds is not None and clip is None:
        raise invalid("continue_at: needs continue_clip_id.", "continue_at")
    return seconds

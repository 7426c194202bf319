"""From the bodies of `/suno/submit/…` to a GenerationRequest."""

from __future__ import annotations

from typing import Final

from telecine.dialects import scalars
from telecine.dialects.aliases import agreed
from telecine.dialects.bodies import Body, Known, present, typed
from telecine.dialects.rows import Parsed
from telecine.nouns.errors import invalid
from telecine.nouns.ids import parse_task_id, reference_to
from telecine.nouns.parameters import MusicParameters
from telecine.nouns.request import GenerationRequest, Native, Novel, Reference
from telecine.wires.scalars import Number
from telecine.wires.suno import CLIPS, DEFAULT_MODEL, LYRICS_MODEL, PARAMETERS, VOICES, SubmitLyrics, SubmitMusic

_MUSIC: Final = Known.of(SubmitMusic)
_LYRICS: Final = Known.of(SubmitLyrics)


def parse_music(body: Body) -> Parsed:
    """A song in any of the three modes; it needs no media. Raises GatewayError naming the field."""
    unknown = body.unknown(_MUSIC)
    wire = typed(present(body.known(_MUSIC)), SubmitMusic)
    about, words = _told(wire)
    source = _source(wire)
    instrumental = agreed(
        ("make_instrumental", scalars.flag(wire.make_instrumental, "make_instrumental")),
        ("instrumental", scalars.flag(wire.instrumental, "instrumental")),
    )
    if about is None and words is None and not instrumental:
        raise invalid("prompt: is required; what is sung, or gpt_description_prompt, or make_instrumental.", "prompt")
    given = {ours: getattr(wire, theirs) for ours, theirs in PARAMETERS.items()}
    given["lyrics"], given["instrumental"] = words, instrumental
    given["style"] = agreed(("tags", wire.tags), ("style", wire.style))
    given["continue_at"] = _continue_at(wire.continue_at, source)
    parameters = MusicParameters(**given)
    novel: dict[str, Novel] = {}
    if wire.vocal_gender is not None and wire.vocal_gender not in VOICES:
        objection = f"vocal_gender: '{wire.vocal_gender}' is not known here; use one of: {', '.join(VOICES)}."
        novel["parameters.voice"] = Novel(wire.vocal_gender, objection)
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


def _source(wire: SubmitMusic) -> Reference | None:
    """The clip that goes on. Its id here tells its task; both have to agree."""
    if wire.continue_clip_id is None:
        if wire.task_id is not None:
            raise invalid("task_id: is the task of the clip that goes on; send continue_clip_id too.", "task_id")
        return None
    if wire.gpt_description_prompt is not None:
        raise invalid(
            "gpt_description_prompt: a clip goes on with words; send them as prompt.", "gpt_description_prompt"
        )
    found = reference_to(wire.continue_clip_id, "clip")
    if wire.task_id is not None and found.task is not None and parse_task_id(wire.task_id) != found.task:
        raise invalid("task_id: is not the task of the clip that goes on.", "task_id")
    return found


def _continue_at(value: Number | None, source: Reference | None) -> float | None:
    """Seconds; clients send 0 where nothing goes on."""
    seconds = None if not value or str(value) == "0" else scalars.seconds(value, "continue_at")
    if seconds is not None and source is None:
        raise invalid("continue_at: needs continue_clip_id.", "continue_at")
    return seconds

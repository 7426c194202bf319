"""Songs of Suno, whatever the form in which they are asked for: what they are made of, and what comes of them."""

from __future__ import annotations

from typing import Any, Final

from telecine.nouns.errors import invalid
from telecine.nouns.task import MAIN, Facts, Usage
from telecine.providers.base import Source
from telecine.providers.complaint import word
from telecine.providers.http.answers import file, total
from telecine.providers.http.body import Draft
from telecine.providers.http.facts import Field, Fields, Told, later
from telecine.providers.http.getters import at, rows
from telecine.providers.outcomes import Succeeded, UpstreamOutput
from telecine.wires import suno as wire
from telecine.wires.suno import CLIPS

KEPT: Final = 7 * 86400.0
"""Seconds for which links are believed to work; nobody documents how long they do."""
clips_of: Final = rows("data")
"""The clips of a task, as far as they are told."""
MUSIC: Final[Fields] = {
    "model": "mv",
    "prompt": "gpt_description_prompt",
    "count": Field("", later),
    "source": Field("", later),
    **{f"parameters.{name}": said for name, said in wire.PARAMETERS.items()},
}
CONCAT: Final[Fields] = {"source": Field("", later), "parameters.infill": "is_infill"}


def song(draft: Draft) -> None:
    """The three modes: a song about something, one with words of one's own, one that is made of a clip. Raises
    GatewayError."""
    request, body, source = draft.request, draft.body, draft.source
    use = body.get("task")
    if request.count > CLIPS:
        raise invalid(f"Suno makes {CLIPS} songs at a time, not {request.count}.", "count")
    if "gpt_description_prompt" in body and ("prompt" in body or request.source is not None):
        raise invalid("Suno takes either what a song is about, or its words; a clip goes on with words.", "prompt")
    if not body.keys() & {"gpt_description_prompt", "prompt", "make_instrumental"} and use != wire.COVER:
        raise invalid("Suno needs what the song is about, or its words.", "prompt")
    if use in (wire.EXTEND, wire.COVER) and request.source is None:
        raise invalid(f"use: '{use}' needs a clip of which something is made.", "parameters.use")
    if use == wire.PERSONA and "persona_id" not in body:
        raise invalid(f"use: '{use}' needs a persona.", "parameters.persona")
    if "persona_id" in body:
        body.setdefault("task", wire.PERSONA)
    _check_source(draft)
    if source is not None:
        body[wire.NAMING.get(body.get("task", ""), "continue_clip_id")] = _clip_of(source)
        if source.upstream_id is not None:
            body["task_id"] = source.upstream_id


def joined(draft: Draft) -> None:
    """A clip with all that came before it. Raises GatewayError."""
    if draft.request.count > 1:
        raise invalid("Suno puts one song together at a time.", "count")
    _check_source(draft)
    draft.body.setdefault("is_infill", False)
    if draft.source is not None:
        draft.body["clip_id"] = _clip_of(draft.source)


def _check_source(draft: Draft) -> None:
    followed = draft.request.source
    if followed is not None and followed.task is not None and followed.output is None and followed.item is None:
        raise invalid("source: a song goes on from one of its clips; name that, and not its task.", "source")


def _clip_of(source: Source) -> str:
    if source.output_id is None:
        raise invalid("source: is no clip that the upstream knows.", "source")
    return source.output_id


def outputs_of(told: Told) -> Succeeded | str:
    """The songs, or the lyrics, that a job has made; or why that cannot be told."""
    clips = clips_of(told.job)
    if not clips:
        return words_of(told.job.get("data"))
    made = [one for one in clips if word(one.get("status")) != "error"]
    outputs = [part for item, one in enumerate(made) for part in _parts(item, one, told.now + KEPT)]
    if not made or sum(one.part == MAIN for one in outputs) < len(made):
        return "a success without a song"
    return Succeeded(tuple(outputs), Usage(seconds=total(made, at("metadata.duration"))))


def _parts(item: int, clip: dict[str, Any], until: float) -> list[UpstreamOutput]:
    """The song, its cover, its video and its words; what the vendor says of it goes with the song, without links."""
    facts = Facts.of("suno", {name: said for name, said in clip.items() if not name.endswith("_url")})
    words = at("metadata.prompt")(clip)
    found = (
        file(clip.get("audio_url"), "audio", clip.get("id"), until, item=item, facts=facts),
        file(clip.get("image_large_url") or clip.get("image_url"), "image", None, until, item=item, part="cover"),
        file(clip.get("video_url"), "video", None, until, item=item, part="video"),
        UpstreamOutput(kind="text", item=item, part="lyrics", text=words) if words and isinstance(words, str) else None,
    )
    return [one for one in found if one is not None]


def words_of(made: Any) -> Succeeded | str:
    """The same of lyrics."""
    words = made.get("text") if isinstance(made, dict) else None
    if not isinstance(words, str) or not words:
        return "a success without songs or lyrics"
    return Succeeded((UpstreamOutput(kind="text", text=words, facts=Facts.of("suno", made)),))

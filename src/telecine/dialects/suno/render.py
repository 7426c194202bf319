"""From tasks and errors to Suno's objects."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

import msgspec

from telecine.dialects.base import Media
from telecine.dialects.errors import Errors
from telecine.dialects.fields import Fields
from telecine.nouns.errors import ErrorCode, GatewayError
from telecine.nouns.ids import UUID, output_id
from telecine.nouns.operations import makes_of
from telecine.nouns.parameters import MusicParameters
from telecine.nouns.task import Output, Status
from telecine.tasks.view import View, made_seconds, results
from telecine.wires import suno

# By our status, the words of a task and of a clip.
_WORDS: Final[dict[Status, tuple[str, str]]] = {
    "draft": ("NOT_START", "submitted"),
    "queued": ("SUBMITTED", "submitted"),
    "running": ("IN_PROGRESS", "streaming"),
    "succeeded": ("SUCCESS", "complete"),
    "failed": ("FAILURE", "error"),
    "cancelled": ("FAILURE", "error"),
}
# Suno-API has two words for what goes wrong, new-api two more; where none of them says it, our own does.
_CODES: Final[dict[ErrorCode, tuple[int, str]]] = {
    **dict.fromkeys(("unsupported_parameter", "upstream_refused"), (400, suno.INVALID)),
    **dict.fromkeys(("upstream_failed", "submission_unknown", "expired", "internal"), (500, suno.INTERNAL)),
    "authentication": (401, suno.INVALID),
    "permission": (403, suno.INVALID),
    "insufficient_balance": (403, suno.NO_QUOTA),
}
FIELDS: Final = Fields(
    {"model": "mv", "source": "continue_clip_id"}
    | {f"parameters.{ours}": theirs for ours, theirs in suno.PARAMETERS.items()}
)


class Answer(msgspec.Struct, frozen=True):
    """Every answer: the id of a new task, a task, or tasks; null and another code than `success` for an error."""

    data: str | suno.Task | list[suno.Task] | None
    code: str = suno.SUCCESS
    message: str = ""


def task_object(view: View, media: Media) -> suno.Task:
    """The whole task. Clips are there once they are made."""
    task, status = view.task, _WORDS[view.task.status][0]
    writes = makes_of(task.request) == "text"
    songs = results(view, "audio") if task.status == "succeeded" else []
    reason = FIELDS.error(task.error) if task.error is not None else "The task was cancelled."
    return suno.Task(
        task_id=UUID.write(task.id),
        notify_hook=task.request.callback_url or "",
        action=suno.LYRICS if writes else suno.MUSIC,
        status=status,
        fail_reason=reason if status == "FAILURE" else "",
        submit_time=int(task.created_at),
        start_time=int(task.started_at or 0),
        finish_time=int(task.ended_at or 0),
        progress=f"{100 if task.status == 'succeeded' else task.progress}%",
        data=_lyrics(view) if writes else [clip_object(view, one, media) for one in songs],
    )


def clip_object(view: View, song: Output, media: Media) -> suno.Clip:
    """What the vendor said of it, where that is kept, with our own ids and links: whose account it was made with is
    nobody's business, and an upstream's links end."""
    known = (song.facts.read("suno", suno.Clip) if song.facts is not None else None) or suno.Clip()
    request, said = view.task.request, known.metadata
    music = request.parameters if isinstance(request.parameters, MusicParameters) else MusicParameters()
    beside = {one.part if one.kind != "video" else "video": one for one in view.outputs if one.item == song.item}
    links = {part: media.link(one) for part, one in beside.items()}
    words = beside["lyrics"].text if "lyrics" in beside else None
    lost = song.state == "lost"
    return msgspec.structs.replace(
        known,
        id=output_id(view.task.id, song.index),
        title=known.title or music.title or "",
        status="error" if lost else "complete",
        audio_url=media.link(song) or "",
        video_url=links.get("video") or "",
        image_url=links.get("cover"),
        image_large_url=links.get("cover"),
        model_name=known.model_name or view.task.model,
        metadata=suno.ClipMetadata(
            tags=said.tags or music.style,
            prompt=words or said.prompt or music.lyrics or "",
            gpt_description_prompt=request.prompt or said.gpt_description_prompt,
            audio_prompt_id=parent_of(view),
            type=said.type or "gen",
            duration=made_seconds(view, view.outputs.index(song)) or said.duration,
            error_message="The clip's file is lost." if lost else None,
        ),
        **dict.fromkeys(("user_id", "display_name", "handle"), ""),
        created_at=created(view),
    )


def created(view: View) -> str:
    """When it was asked for."""
    return datetime.fromtimestamp(view.task.created_at, UTC).isoformat().replace("+00:00", "Z")


def parent_of(view: View) -> str | None:
    """The clip that it was made of."""
    source = view.task.request.source
    return output_id(source.task, source.output or 0) if source is not None and source.task is not None else None


def _lyrics(view: View) -> suno.Lyrics:
    made = next(iter(results(view, "text")), None)
    text, facts = (made.text or "", made.facts) if made is not None else ("", None)
    known = (facts.read("suno", suno.Lyrics) if facts is not None else None) or suno.Lyrics()
    return suno.Lyrics(UUID.write(view.task.id), text, known.title or "", _WORDS[view.task.status][1])


def _finer(error: GatewayError) -> tuple[int, str] | None:
    """A task or a clip that is not there is an error of the request; such a path is none of the protocol's."""
    word = {"id": suno.UNKNOWN_TASK, "source": suno.INVALID, "clip_id": suno.INVALID}.get(error.param or "")
    return (400, word) if error.code == "not_found" and word is not None else None


ERRORS: Final = Errors(
    envelope=lambda told: Answer(None, str(told.code), told.message),
    shape=Answer,
    codes=_CODES,
    finer=_finer,
    fields=FIELDS,
)

"""`/suno/generate…` and `/suno/feed/…`: the form without tasks, in which clips are named before they are made.

Guarantees: a clip's id is its task's UUID with its number at the end; it is the same in the answer to `generate`, in a
feed, and where a clip goes on; a feed takes the other form's ids too, and shows each clip under the id that was asked.

Reconstructed: errors are told in both shapes that clients read (`detail`, `error.message`); a clip that is being made
is `queued`, because `streaming` would promise a sound that is there to be played.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from msgspec.structs import replace

from telecine.dialects.base import Media
from telecine.dialects.bodies import Body
from telecine.dialects.call import Call
from telecine.dialects.dialect import Claim, Dialect
from telecine.dialects.errors import Errors, Told
from telecine.dialects.lookup import missing
from telecine.dialects.rows import Create, Parsed, Plain, Read, ReadMany, Row, by_name, making
from telecine.dialects.suno.account import credits_of
from telecine.dialects.suno.create import parse_concat, parse_lyrics, parse_music
from telecine.dialects.suno.render import FIELDS, clip_object, created, parent_of
from telecine.nouns.errors import invalid
from telecine.nouns.ids import UUID, clip_id, parse_clip_id, parse_output_id, uuid_form
from telecine.nouns.parameters import MusicParameters
from telecine.nouns.request import GenerationRequest
from telecine.nouns.task import Output, Status
from telecine.tasks.view import View, results
from telecine.wires import suno_feed as wire
from telecine.wires.suno import Clip, ClipMetadata, Credits, Lyrics, SubmitConcat, SubmitLyrics, SubmitMusic

_WORDS: Final[dict[Status, tuple[str, str]]] = {
    "draft": ("submitted", "submitted"),
    "queued": ("submitted", "submitted"),
    "running": ("queued", "running"),
    "succeeded": ("complete", "complete"),
    "failed": ("error", "error"),
    "cancelled": ("error", "error"),
}
"""By our status, the words of a clip and of lyrics."""
_CLIP: Final = "03bd2f0c-1a2b-8c3d-8400-000000000001"


def parse_generate(body: Body) -> Parsed:
    """A song; with a `prompt` that is there and empty, one without words. Raises GatewayError naming the field."""
    said = body.fields
    described = said.get("gpt_description_prompt") not in (None, "")
    wordless = said.get("prompt") == "" and not described and said.get("make_instrumental") in (None, "")
    if wordless and any(said.get(name) not in (None, "") for name in ("tags", "title", "style")):
        body = replace(body, fields={**said, "make_instrumental": True})
    return parse_music(body)


def parse_described(body: Body) -> Parsed:
    """A song about something. Raises GatewayError naming the field."""
    if body.fields.get("gpt_description_prompt") in (None, ""):
        raise invalid("gpt_description_prompt: is required.", "gpt_description_prompt")
    return parse_music(body)


def generated(view: View, media: Media) -> wire.Generated:
    """The clips that are to come."""
    made = [clip_named(view, clip_id(view.task.id, item), media) for item in range(view.task.request.count)]
    return wire.Generated(uuid_form(view.task.id), made, _metadata(view), created(view))


def clip_named(view: View, name: str, media: Media) -> Clip:
    """The clip of a task that is called so, as far as it is made."""
    task = view.task
    song = _song(view, name) if task.status == "succeeded" else None
    if song is not None:
        return replace(clip_object(view, song, media), id=name)
    music = task.request.parameters if isinstance(task.request.parameters, MusicParameters) else MusicParameters()
    word, said = _WORDS[task.status][0], _metadata(view)
    if word in ("complete", "error"):
        word = "error"
        reason = "The task was cancelled." if task.status == "cancelled" else "No such clip was made."
        code = task.error.code if task.error is not None else task.status
        said = replace(said, error_type=code, error_message=FIELDS.error(task.error) if task.error else reason)
    return Clip(
        id=name, status=word, title=music.title or "", model_name=task.model, metadata=said, created_at=created(view)
    )


def _song(view: View, name: str) -> Output | None:
    songs, item, output = results(view, "audio"), parse_clip_id(name), parse_output_id(name)
    if item is not None:
        return next((one for one in songs if one.item == item[1]), None)
    return next((one for one in songs if output is not None and one.index == output[1]), None)


def _metadata(view: View) -> ClipMetadata:
    """What is asked for."""
    request: GenerationRequest = view.task.request
    music = request.parameters if isinstance(request.parameters, MusicParameters) else MusicParameters()
    return ClipMetadata(
        tags=music.style,
        prompt=music.lyrics or "",
        gpt_description_prompt=request.prompt or None,
        audio_prompt_id=parent_of(view),
        type="gen",
    )


async def _clips_task(call: Call, name: str) -> View:
    """The task of a clip. Raises GatewayError (`not_found`)."""
    found = parse_clip_id(name) or parse_output_id(name)
    if found is None:
        raise missing(name)
    return await by_name(call, str(found[0]))


def _feed(call: Call, views: Sequence[View]) -> list[Clip]:
    """Each clip under the name that it was asked for by."""
    tasks = {view.task.id: view for view in views}
    named = [(name, parse_clip_id(name) or parse_output_id(name) or (0, 0)) for name in dict.fromkeys(_names(call))]
    return [clip_named(tasks[task], name, call.edge.media) for name, (task, _) in named if task in tasks]


def _names(call: Call) -> list[str]:
    return [name for name in call.id.split(",") if name]


def _written(view: View) -> wire.Written:
    made = next(iter(results(view, "text")), None)
    facts = made.facts.read("suno", Lyrics) if made is not None and made.facts is not None else None
    error = view.task.error
    return wire.Written(
        UUID.write(view.task.id),
        _WORDS[view.task.status][1],
        (made.text or "") if made is not None else "",
        (facts.title or "") if facts is not None else "",
        FIELDS.error(error) if error is not None else "",
    )


def _envelope(told: Told) -> wire.Failure:
    return wire.Failure(told.message, wire.Fault(told.message, str(told.code)))


def _song_row(path: str, summary: str, described: bool) -> Create:
    parse = parse_described if described else parse_generate
    return Create(
        path,
        summary,
        answer=wire.Generated,
        body=SubmitMusic,
        example={"gpt_description_prompt": "A shanty"} if described else {"prompt": "[Verse] La", "mv": "chirp-v4"},
        parse=lambda _, body: parse(body),
        hook="notify_hook",
        show=lambda call, view: generated(view, call.edge.media),
    )


def _write_row(path: str) -> Create:
    return Create(
        path,
        "Write lyrics, to be read by the id",
        answer=wire.Named,
        body=SubmitLyrics,
        example={"prompt": "A paper boat that finds the sea"},
        parse=lambda _, body: parse_lyrics(body),
        hook="notify_hook",
        show=lambda _, view: wire.Named(UUID.write(view.task.id)),
    )


_ROWS: Final[tuple[Row, ...]] = (
    _song_row(wire.GENERATE, "Make a song, as two clips that are named at once", described=False),
    _song_row(wire.DESCRIBED, "The same, of a description", described=True),
    Create(
        wire.CONCAT,
        "Put a song together, as a clip that is named at once",
        answer=Clip,
        body=SubmitConcat,
        example={"clip_id": _CLIP, "is_infill": False},
        parse=parse_concat,
        hook="notify_hook",
        names={"source": "clip_id"},
        show=lambda call, view: clip_named(view, clip_id(view.task.id, 0), call.edge.media),
    ),
    _write_row(f"{wire.WRITE}/"),
    _write_row(wire.WRITE),
    Read(
        f"{wire.LYRICS}/{{id}}", "Read lyrics", answer=wire.Written, find=making("text"), show=lambda _, v: _written(v)
    ),
    ReadMany(
        f"{wire.FEED}/{{id}}",
        "Read clips, whose ids stand in the path with commas between them",
        method="GET",
        answer=list[Clip],
        names=lambda call, _: _names(call),
        find=_clips_task,
        kinds=("audio",),
        most=wire.MOST_CLIPS,
        show=_feed,
    ),
    Plain(wire.CREDITS, "What the key has left", answer=Credits, handle=credits_of),
)
SUNO_FEED: Final = Dialect(
    name="suno",
    claimed=tuple(Claim(path) for path in (wire.GENERATE, wire.LYRICS, wire.FEED, wire.CREDITS)),
    rows=tuple(replace(row, error=wire.Failure) for row in _ROWS),
    id_form=UUID,
    errors=Errors(envelope=_envelope, shape=wire.Failure, fields=FIELDS),
)

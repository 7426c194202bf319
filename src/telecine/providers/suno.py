"""Suno, at any relay that offers it as Suno-API and new-api do (`/suno/submit/…` and `/suno/fetch`); the base URL may
end in `/suno` or not.

Nobody can be asked here about a job by a handle of ours, and none is refused for being there twice: a submit with an
unknown outcome ends as `submission_unknown`. There is no cancel. Many jobs are asked about at once.
"""

from __future__ import annotations

import re
from typing import Any, Final

from msgspec.structs import replace

from telecine.nouns.billed import Billed
from telecine.nouns.errors import invalid
from telecine.nouns.task import MAIN, Facts, Usage
from telecine.providers.base import Succeeded, Traits, UpstreamOutput
from telecine.providers.complaint import text, word
from telecine.providers.http.answers import file, total
from telecine.providers.http.body import Draft
from telecine.providers.http.facts import Field, Fields, Many, Objection, Op, Status, Told, Vendor, later, strip
from telecine.providers.http.getters import at, rows, says
from telecine.wires import suno as wire
from telecine.wires.suno import CLIPS, DONE, FETCH

_KEPT: Final = 7 * 86400.0
"""Seconds for which links are believed to work; nobody documents how long they do."""
_clips: Final = rows("data")
"""The clips of a task, as far as they are told."""
_NO_TASK: Final = re.compile(r"not exist|not found", re.IGNORECASE)
_ABSENT: Final = (Objection(400, {wire.UNKNOWN_TASK}), Objection(400, {wire.INVALID}, (_NO_TASK,)))
_MUSIC: Final[Fields] = {
    "model": "mv",
    "prompt": "gpt_description_prompt",
    "count": Field("", later),
    "source": Field("continue_clip_id", later),
    **{f"parameters.{name}": said for name, said in wire.PARAMETERS.items()},
}


def _song(draft: Draft) -> None:
    """The three modes: a song about something, one with words of one's own, a clip that goes on."""
    request, body, source = draft.request, draft.body, draft.source
    if request.count > CLIPS:
        raise invalid(f"Suno makes {CLIPS} songs at a time, not {request.count}.", "count")
    if "gpt_description_prompt" in body and ("prompt" in body or request.source is not None):
        raise invalid("Suno takes either what a song is about, or its words; a clip goes on with words.", "prompt")
    if not body.keys() & {"gpt_description_prompt", "prompt", "make_instrumental"}:
        raise invalid("Suno needs what the song is about, or its words.", "prompt")
    followed = request.source
    if followed is not None and followed.task is not None and followed.output is None:
        raise invalid("source: a song goes on from one of its clips; name that, and not its task.", "source")
    if source is not None:
        if source.output_id is None:
            raise invalid("source: is no clip that the upstream knows.", "source")
        body["continue_clip_id"] = source.output_id
        if source.upstream_id is not None:
            body["task_id"] = source.upstream_id


def _job(said: Any) -> Any:
    """The task; some versions of Suno-API answer with what it made alone, where one is asked for."""
    made = said.get("data")
    bare = isinstance(made, list) or (isinstance(made, dict) and not made.keys() & {"action", "task_id"})
    return {"data": made} if bare else made


def _status(job: Any) -> Any:
    """The task's word, else that of what it made. A song that is still streamed is not done; where no clip came, it has
    failed."""
    said, clips = job.get("status"), _clips(job)
    words = {word(one.get("status")) for one in clips} or {word(at("data.status")(job))}
    if said in DONE or (said is None and words != {""}):
        return "FAILURE" if words == {"error"} else "SUCCESS" if words <= {"complete", "error", ""} else "IN_PROGRESS"
    return said


def _reason(job: Any) -> str:
    """Why no clip came."""
    return next(filter(None, (text(at("metadata.error_message")(one)) for one in _clips(job))), "")


def _outputs(told: Told) -> Succeeded | str:
    clips = _clips(told.job)
    if not clips:
        return _lyrics(told.job.get("data"))
    made = [one for one in clips if word(one.get("status")) != "error"]
    outputs = [part for item, one in enumerate(made) for part in _parts(item, one, told.now + _KEPT)]
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


def _lyrics(made: Any) -> Succeeded | str:
    words = made.get("text") if isinstance(made, dict) else None
    if not isinstance(words, str) or not words:
        return "a success without songs or lyrics"
    return Succeeded((UpstreamOutput(kind="text", text=words, facts=Facts.of("suno", made)),))


_MANY: Final = Many(
    ask=f"POST {FETCH}", body=lambda ids: {"ids": ids}, id=at("task_id"), items=rows("data"), most=wire.MOST_FETCHED
)
_TRAITS: Final = Traits(_KEPT, poll_floor=5.0, usual=120.0, listed=True)
SUNO: Final = Vendor(
    name="suno",
    title="Suno",
    speaks=frozenset({"suno"}),
    root=strip(wire.PREFIX),
    ops={
        "music": Op(
            create=f"POST {wire.SUBMIT_MUSIC}",
            poll=f"GET {FETCH}/{{id}}",
            fields=_MUSIC,
            shape=_song,
            ours=frozenset(wire.SubmitMusic.__struct_fields__),
            billed=lambda _: Billed(count=CLIPS),
            many=_MANY,
        ),
        "lyrics": Op(
            create=f"POST {wire.SUBMIT_LYRICS}",
            poll=f"GET {FETCH}/{{id}}",
            fields={"prompt": "prompt"},
            needs=("prompt",),
            ours=frozenset(wire.SubmitLyrics.__struct_fields__),
            billed=lambda _: Billed(),
            traits=replace(_TRAITS, usual=20.0, submit_timeout=wire.LYRICS_SECONDS),
            many=_MANY,
        ),
    },
    traits=_TRAITS,
    billed=wire.BILLED,
    free=frozenset({"prompt"}),
    callback="notify_hook",
    fine=says("code", wire.SUCCESS),
    made=at("data"),
    job=_job,
    status=Status(_status, queued=wire.QUEUED, running=wire.RUNNING, done=DONE, failed=wire.FAILED),
    progress=at("progress"),
    reasons=(at("fail_reason"), _reason),
    outputs=_outputs,
    missing=_ABSENT,
    ping=f"{FETCH}/0",
    pinged=lambda said: "" if said.get("code") == wire.SUCCESS else ", no such task",
    known=_ABSENT,
    genuine=lambda *_: True,  # whoever knows the address; it only wakes the task
)

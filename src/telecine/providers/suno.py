"""Suno, at any relay that offers it as Suno-API and new-api do (`/suno/submit/…` and `/suno/fetch`), or in the other
form (`telecine.providers.suno_feed`) where its channel says so; the base URL may end in `/suno` or not.

Nobody can be asked here about a job by a handle of ours, and none is refused for being there twice: a submit with an
unknown outcome ends as `submission_unknown`. There is no cancel. Many jobs are asked about at once.
"""

from __future__ import annotations

import re
from typing import Any, Final, Literal

from msgspec.structs import replace

from telecine.nouns.billed import Billed
from telecine.providers.base import Traits
from telecine.providers.complaint import text, word
from telecine.providers.http.facts import HttpOptions, Many, Objection, Op, Status, Vendor, strip
from telecine.providers.http.getters import at, rows, says
from telecine.providers.suno_feed import FEED
from telecine.providers.suno_songs import CONCAT, KEPT, MUSIC, clips_of, joined, outputs_of, song
from telecine.wires import suno as wire
from telecine.wires.suno import CLIPS, DONE, FETCH

_NO_TASK: Final = re.compile(r"not exist|not found", re.IGNORECASE)
_ABSENT: Final = (Objection(400, {wire.UNKNOWN_TASK}), Objection(400, {wire.INVALID}, (_NO_TASK,)))


def _job(said: Any) -> Any:
    """The task; some versions of Suno-API answer with what it made alone, where one is asked for."""
    made = said.get("data")
    bare = isinstance(made, list) or (isinstance(made, dict) and not made.keys() & {"action", "task_id"})
    return {"data": made} if bare else made


def _status(job: Any) -> Any:
    """The task's word, else that of what it made. A song that is still streamed is not done; where no clip came, it has
    failed."""
    said, clips = job.get("status"), clips_of(job)
    words = {word(one.get("status")) for one in clips} or {word(at("data.status")(job))}
    if said in DONE or (said is None and words != {""}):
        return "FAILURE" if words == {"error"} else "SUCCESS" if words <= {"complete", "error", ""} else "IN_PROGRESS"
    return said


def _reason(job: Any) -> str:
    """Why no clip came."""
    return next(filter(None, (text(at("metadata.error_message")(one)) for one in clips_of(job))), "")


_MANY: Final = Many(
    ask=f"POST {FETCH}", body=lambda ids: {"ids": ids}, id=at("task_id"), items=rows("data"), most=wire.MOST_FETCHED
)


class SunoOptions(HttpOptions, frozen=True, forbid_unknown_fields=True):
    """What a channel of Suno may say."""

    form: Literal["submit", "generate"] = "submit"
    """In which of the two forms that share the prefix it is spoken to."""


_TRAITS: Final = Traits(KEPT, poll_floor=5.0, usual=120.0, listed=True)
_SUBMIT: Final = Vendor(
    name="suno",
    title="Suno",
    speaks=frozenset({"suno"}),
    options=SunoOptions,
    root=strip(wire.PREFIX),
    ops={
        "music": Op(
            create=f"POST {wire.SUBMIT_MUSIC}",
            poll=f"GET {FETCH}/{{id}}",
            fields=MUSIC,
            shape=song,
            ours=frozenset(wire.SubmitMusic.__struct_fields__),
            billed=lambda _: Billed(count=CLIPS),
            many=_MANY,
        ),
        "suno:concat": Op(
            create=f"POST {wire.SUBMIT_CONCAT}",
            poll=f"GET {FETCH}/{{id}}",
            fields=CONCAT,
            shape=joined,
            ours=frozenset(wire.SubmitConcat.__struct_fields__),
            billed=lambda _: Billed(count=1),
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
    outputs=outputs_of,
    missing=_ABSENT,
    ping=f"{FETCH}/0",
    pinged=lambda said: "" if said.get("code") == wire.SUCCESS else ", no such task",
    known=_ABSENT,
    genuine=lambda *_: True,  # whoever knows the address; it only wakes the task
)
SUNO: Final[Vendor] = replace(
    _SUBMIT,
    forms={"submit": _SUBMIT, "generate": replace(FEED, options=SunoOptions)},
    form=lambda channel: channel.option(SunoOptions).form,
)

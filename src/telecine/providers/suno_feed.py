"""Suno in its other form, generate and feed (`telecine.wires.suno_feed`): SunoAI-API, and relays that pass it on.

A job is its clips: it is named by all of their ids, in one order, and asked about by all of them at once. An answer
that leaves one out, or that has an unknown word, is no verdict. SunoAI-API answers each failure with HTTP 500, from
which nobody can tell whether there is a song now. There is no callback, and no question about many jobs.
"""

from __future__ import annotations

from typing import Any, Final

from msgspec.structs import replace

from telecine.nouns.billed import Billed
from telecine.providers.base import Traits
from telecine.providers.complaint import text, word
from telecine.providers.http.body import Draft
from telecine.providers.http.facts import Objection, Op, Status, Told, Vendor, strip
from telecine.providers.http.getters import at
from telecine.providers.outcomes import Succeeded
from telecine.providers.suno_songs import CONCAT, KEPT, MUSIC, clips_of, joined, outputs_of, song, words_of
from telecine.wires import suno, suno_feed
from telecine.wires.suno_feed import DONE, FAILED, QUEUED, RUNNING

_ENDED: Final = DONE | FAILED
_POLL: Final = f"GET {suno_feed.FEED}/{{id}}"


def _asked(draft: Draft) -> None:
    """The path by the mode, with a text in each field that has to be there. Raises GatewayError."""
    song(draft)
    draft.body.pop("task_id", None)  # there are no tasks
    if "gpt_description_prompt" in draft.body:
        draft.create = f"POST {suno_feed.DESCRIBED}"
        draft.body.setdefault("prompt", "")
        return
    for name in suno_feed.REQUIRED:
        draft.body.setdefault(name, "")


def _names(clips: list[dict[str, Any]]) -> str | None:
    """What a job with these clips is called."""
    names = [one.get("id") for one in clips]
    told = sorted(name for name in names if isinstance(name, str) and name and "," not in name)
    return ",".join(told) if told and len(told) == len(names) else None


def _made(said: Any) -> str | None:
    """Of an answer to a create: its clips, or the one clip that it is."""
    clips = said.get("clips")
    return _names(clips) if isinstance(clips, list) and all(isinstance(one, dict) for one in clips) else _names([said])


def _status(job: Any) -> str:
    """The word of the clip that is least far, as an unknown one is; where none came to anything, they have failed."""
    words = {word(one.get("status")) for one in clips_of(job)}
    for among in (words - QUEUED - RUNNING - _ENDED, words & QUEUED, words & RUNNING, words & DONE, words):
        if among:
            return min(among)
    return ""


def _reason(job: Any) -> str:
    return next(filter(None, (text(at("metadata.error_message")(one)) for one in clips_of(job))), "")


def _words(told: Told) -> Succeeded | str:
    return words_of(told.job)


_TRAITS: Final = Traits(KEPT, poll_floor=5.0, usual=120.0)
_ABSENT: Final = (Objection(404),)
FEED: Final = Vendor(
    name="suno",
    title="Suno",
    speaks=frozenset({"suno"}),
    root=strip(suno.PREFIX),
    ops={
        "music": Op(
            create=f"POST {suno_feed.GENERATE}",
            poll=_POLL,
            fields=MUSIC,
            shape=_asked,
            ours=frozenset(suno.SubmitMusic.__struct_fields__),
            billed=lambda _: Billed(count=suno.CLIPS),
        ),
        "suno:concat": Op(
            create=f"POST {suno_feed.CONCAT}",
            poll=_POLL,
            fields=CONCAT,
            shape=joined,
            ours=frozenset(suno.SubmitConcat.__struct_fields__),
            billed=lambda _: Billed(count=1),
        ),
        "lyrics": Op(
            create=f"POST {suno_feed.WRITE}/",
            poll=f"GET {suno_feed.LYRICS}/{{id}}",
            fields={"prompt": "prompt"},
            needs=("prompt",),
            ours=frozenset(suno.SubmitLyrics.__struct_fields__),
            billed=lambda _: Billed(),
            traits=replace(_TRAITS, usual=20.0),
            unlike={
                "made": at("id"),
                "id": None,
                "absent": lambda _: False,
                "status": Status(at("status"), queued=QUEUED, running=RUNNING, done=DONE, failed=FAILED),
                "reasons": (at("error_message"),),
                "outputs": _words,
            },
        ),
    },
    traits=_TRAITS,
    billed=suno.BILLED,
    free=frozenset({"prompt"}),
    made=_made,
    bare=True,
    id=lambda job: _names(clips_of(job)),
    status=Status(_status, queued=QUEUED, running=RUNNING, done=DONE, failed=FAILED),
    reasons=(_reason,),
    outputs=outputs_of,
    missing=_ABSENT,
    absent=lambda said: said.get("data") == [],
    ping=suno_feed.CREDITS,
)

"""Suno as relays have it: `/suno/submit/…` and `/suno/fetch` (Suno-API, new-api), and `/suno/generate…` and
`/suno/feed/…` beside them, which only share the prefix (SunoAI-API): see `telecine.dialects.suno.feed`.

Guarantees: the envelope `{code, message, data}`, the words of status of tasks and clips, and times in whole seconds are
the protocol's; a task's id is a UUID, a clip's is its output's id, and both are followed up wherever they were made.
A song is two clips, each with its sound, picture and words as far as the upstream makes them.
Not here: uploads, and making personas, which answer 404.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from telecine.dialects.bodies import Body, typed
from telecine.dialects.dialect import Claim, Dialect, each_status
from telecine.dialects.document import Sent
from telecine.dialects.rows import Create, Parsed, Plain, Read, ReadMany, making
from telecine.dialects.suno.account import AccountAnswer, told
from telecine.dialects.suno.create import parse_concat, parse_lyrics, parse_music
from telecine.dialects.suno.feed import SUNO_FEED
from telecine.dialects.suno.render import ERRORS, Answer, task_object
from telecine.nouns.ids import UUID
from telecine.wires.suno import (
    ACCOUNT,
    FETCH,
    PREFIX,
    SUBMIT_CONCAT,
    SUBMIT_LYRICS,
    SUBMIT_MUSIC,
    FetchTasks,
    SubmitConcat,
    SubmitLyrics,
    SubmitMusic,
    Task,
)

__all__ = ["SUNO", "SUNO_FEED"]

_ID: Final = "03bd2f0c-1a2b-8c3d-8400-000000000000"
_EXAMPLE: Final = {"task_id": _ID, "action": "MUSIC", "status": "SUCCESS", "data": []}


def _submit(path: str, what: str, parse: Callable[[Body], Parsed], body: type, **example: str) -> Create:
    return Create(
        path,
        what,
        answer=Answer,
        body=body,
        example=example,
        parse=lambda _, sent: parse(sent),
        hook="notify_hook",
        show=lambda _, view: Answer(UUID.write(view.task.id)),
    )


SUNO: Final = Dialect(
    name="suno",
    title="Suno",
    about="Songs and lyrics as Suno-API and relays have them: submit and fetch.",
    claimed=(Claim(PREFIX),),
    rows=(
        _submit(SUBMIT_MUSIC, "Make a song, as two clips", parse_music, SubmitMusic, gpt_description_prompt="A shanty"),
        _submit(SUBMIT_LYRICS, "Write lyrics", parse_lyrics, SubmitLyrics, prompt="A paper boat that finds the sea"),
        Create(
            SUBMIT_CONCAT,
            "Put a song together",
            answer=Answer,
            body=SubmitConcat,
            example={"clip_id": "06xx11d95wm5j00", "is_infill": False},
            parse=parse_concat,
            hook="notify_hook",
            names={"source": "clip_id"},
            show=lambda _, view: Answer(UUID.write(view.task.id)),
        ),
        ReadMany(
            FETCH,
            "Read tasks",
            answer=Answer,
            body=FetchTasks,
            example={"ids": [_ID]},
            names=lambda _, body: typed(body.fields, FetchTasks).ids,
            kinds=("audio", "text"),
            show=lambda call, views: Answer([task_object(view, call.edge.media) for view in views]),
        ),
        Read(
            f"{FETCH}/{{id}}",
            "Read a task",
            answer=Answer,
            find=making("audio", "text"),
            show=lambda call, view: Answer(task_object(view, call.edge.media)),
        ),
        Plain(ACCOUNT, "What the key has left", answer=AccountAnswer, handle=told),
    ),
    id_form=UUID,
    errors=ERRORS,
    announce=each_status(lambda view, edge: task_object(view, edge.media)),
    sent=(Sent("suno", "suno", "A task's new status, to its notify_hook", Task, _EXAMPLE),),
)

"""Suno as Suno-API and new-api serve it: jobs are submitted under `/suno/submit`, and fetched one or many at a time.

github.com/Suno-API/Suno-API (`model.go`, `entity/po/task_data.go`) and new-api's relay of it (docs.newapi.pro, Suno).
Both answer with one envelope: `{code, message, data}`, where `code` is the word `success` or what is wrong.
"""

from __future__ import annotations

from typing import Annotated, Any, Final

import msgspec

from telecine.wires.scalars import Word

PREFIX: Final = "/suno"
SUBMIT_MUSIC: Final = "/suno/submit/music"
SUBMIT_LYRICS: Final = "/suno/submit/lyrics"
FETCH: Final = "/suno/fetch"
"""`POST` with `{ids}` answers with the tasks that are known, and says nothing of others; `GET` with an id below it asks
for one, which some versions of Suno-API answer with its clips alone, without the task around them."""
ACCOUNT: Final = "/suno/account"
"""Suno-API only: what credits are left. It tells the account's cookie too."""
MOST_FETCHED: Final = 50
"""Ids in one request. Neither names a bound; so many make no long query anywhere."""

SUCCESS: Final = "success"
INVALID: Final = "invalid_request"
FAILED: Final = "internal_error"
UNKNOWN_TASK: Final = "task_not_exist"
NO_QUOTA: Final = "quota_not_enough"
NO_ANSWER: Final = "fail_to_fetch_task"
"""Codes of the envelope. Suno-API has the first three, and says `invalid_request` of a task that it does not know too,
and of a wrong key (HTTP 401); new-api has all but `internal_error`, and OpenAI's errors for a wrong key."""

MUSIC: Final = "MUSIC"
LYRICS: Final = "LYRICS"
"""What a task is (`action`)."""
QUEUED: Final = frozenset({"NOT_START", "SUBMITTED", "QUEUED"})
RUNNING: Final = frozenset({"IN_PROGRESS"})
DONE: Final = frozenset({"SUCCESS"})
FAILURE: Final = frozenset({"FAILURE", "FAIL"})
"""Status words of tasks. new-api's documents write FAIL. UNKNOWN is no verdict."""
COMPLETE: Final = "complete"
ERROR: Final = "error"
"""Status words of a clip that has ended; before that it is `submitted`, `queued` or `streaming`, and what `audio_url`
names while it streams is not the file."""

CLIPS: Final = 2
"""Songs that one submission makes."""
DEFAULT_MODEL: Final = "chirp-v3-0"
"""What `mv` means where it is not said."""
LYRICS_SECONDS: Final = 120.0
"""How long Suno-API may take to answer a submission of lyrics: it waits for them itself."""
BILLED: Final = frozenset({"mv"})
"""Fields that change the price."""


class Submit(msgspec.Struct, omit_defaults=True):
    """The body of both submissions; lyrics take a prompt alone. A song has one of three modes: by a description
    (`gpt_description_prompt`), with lyrics (`prompt`) and a style (`tags`), or the same as the continuation of a clip.
    """

    prompt: str | None = None
    gpt_description_prompt: str | None = None
    title: str | None = None
    tags: str | None = None
    negative_tags: str | None = None
    mv: Word | None = None
    make_instrumental: bool | None = None
    vocal_gender: Word | None = None
    continue_clip_id: Annotated[str, msgspec.Meta(max_length=512)] | None = None
    continue_at: float | None = None
    """Seconds."""
    task_id: Annotated[str, msgspec.Meta(max_length=512)] | None = None
    """The task that made the clip; Suno-API refuses a continuation without it."""
    notify_hook: str | None = None


class Fetch(msgspec.Struct):
    """The body of `POST /suno/fetch`."""

    ids: list[str]
    action: str | None = None


class Metadata(msgspec.Struct):
    """What a clip was made from, and how long it is (`duration`, in seconds, once it is complete)."""

    tags: str | None = None
    prompt: str | None = None
    gpt_description_prompt: Any = None
    audio_prompt_id: Any = None
    """The clip that this one continues."""
    history: Any = None
    """`[{id, continue_at}]` of those before it."""
    concat_history: Any = None
    type: str | None = None
    duration: Any = None
    refund_credits: Any = None
    stream: bool | None = None
    error_type: Any = None
    error_message: Any = None


class Clip(msgspec.Struct):
    """One song. `created_at` is ISO 8601."""

    id: str = ""
    title: str | None = None
    status: str | None = None
    audio_url: str | None = None
    video_url: str | None = None
    image_url: str | None = None
    image_large_url: str | None = None
    model_name: str | None = None
    major_model_version: str | None = None
    user_id: str | None = None
    display_name: str | None = None
    handle: str | None = None
    created_at: str | None = None
    is_liked: bool | None = None
    is_trashed: bool | None = None
    is_public: bool | None = None
    is_video_pending: bool | None = None
    is_handle_updated: bool | None = None
    reaction: Any = None
    play_count: Any = None
    upvote_count: Any = None
    metadata: Metadata | None = None


class Lyrics(msgspec.Struct):
    """What a task of lyrics made."""

    id: str = ""
    text: str | None = None
    title: str | None = None
    status: str | None = None


class Task(msgspec.Struct):
    """One submission. Times are whole seconds since the Unix epoch, 0 before they are."""

    task_id: str
    action: str
    status: str
    fail_reason: str = ""
    submit_time: int = 0
    start_time: int = 0
    finish_time: int = 0
    progress: str = ""
    """`100%` (new-api)."""
    notify_hook: str = ""
    data: list[Clip] | Lyrics | None = None


class Envelope(msgspec.Struct):
    """Every answer: to a submission `data` is the task's id, to a fetch the task, or a list of them."""

    code: str = SUCCESS
    message: str = ""
    data: Any = None

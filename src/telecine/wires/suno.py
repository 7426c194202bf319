"""Suno as relays offer it (Suno-API, `/suno/submit/…` and `/suno/fetch`; new-api has the same).

An answer is `{code, message, data}`, and good where `code` is `success`; times are whole seconds. A submit's `data` is
the task's id; a song is made twice, as two clips. `telecine.wires.suno_feed` is the other form under the same prefix.

`submit/concat` stands in new-api's documents, which mark it as not served there; relays serve it. A cover and a song by
a persona are as relays' documents have them.

Reconstructed: that a persona may be named without the clip that it was made of; that `account` tells Suno's own four
numbers (Suno-API answers with all that it knows of the account, its cookie among it).
"""

from __future__ import annotations

from typing import Annotated, Any, Final

import msgspec

from telecine.wires.scalars import Number, Word

PREFIX: Final = "/suno"
SUBMIT_MUSIC: Final = "/suno/submit/music"
SUBMIT_LYRICS: Final = "/suno/submit/lyrics"
SUBMIT_CONCAT: Final = "/suno/submit/concat"
ACCOUNT: Final = "/suno/account"
FETCH: Final = "/suno/fetch"
"""One task by GET with its id behind it, which some versions of Suno-API answer with its clips alone; many by POST with
`FetchTasks`, where those that are not known are left out."""
MOST_FETCHED: Final = 50
"""Ids in one request. Neither names a bound; so many make no long query anywhere."""
SUCCESS: Final = "success"
INVALID: Final = "invalid_request"
INTERNAL: Final = "internal_error"
UNKNOWN_TASK: Final = "task_not_exist"
NO_QUOTA: Final = "quota_not_enough"
"""Codes of what is wrong. Suno-API has the first two, and says the first of a task that it does not know and of a wrong
key (HTTP 401) too; new-api has all but the second, `fail_to_fetch_task` for what its own upstream did, and OpenAI's
errors for a wrong key."""
CLIPS: Final = 2
"""What a song is made as."""
DEFAULT_MODEL: Final = "chirp-v3-0"
LYRICS_MODEL: Final = "suno_lyrics"
"""Lyrics have no model of their own on the wire; this is the name under which new-api bills them."""
QUEUED: Final = frozenset({"NOT_START", "SUBMITTED", "QUEUED"})
RUNNING: Final = frozenset({"IN_PROGRESS"})
DONE: Final = frozenset({"SUCCESS"})
FAILED: Final = frozenset({"FAILURE", "FAIL"})
"""Status words of a task; `UNKNOWN` is one too, and says nothing."""
MUSIC: Final = "MUSIC"
LYRICS: Final = "LYRICS"
"""What a task is (`action`)."""
LYRICS_SECONDS: Final = 120.0
"""How long Suno-API may take to answer a submission of lyrics: it waits for them itself."""
BILLED: Final = frozenset({"mv"})
"""Fields that change the price."""
VOICES: Final = ("m", "f")
EXTEND: Final = "extend"
COVER: Final = "cover"
PERSONA: Final = "artist_consistency"
USES: Final = (EXTEND, COVER, PERSONA)
"""What is made of a clip (`task`). Relays know more words (`upload_extend`, `infill`, `gen_stem` …)."""
NAMING: Final = {COVER: "cover_clip_id", PERSONA: "artist_clip_id"}
"""By such a word, the field that names the clip, where it is not `continue_clip_id`."""

PARAMETERS: Final = {
    "lyrics": "prompt",
    "title": "title",
    "style": "tags",
    "negative_style": "negative_tags",
    "instrumental": "make_instrumental",
    "continue_at": "continue_at",
    "voice": "vocal_gender",
    "style_weight": "style_weight",
    "weirdness": "weirdness_constraint",
    "audio_weight": "audio_weight",
    "use": "task",
    "persona": "persona_id",
}
"""By the neutral name of a parameter of a song, the field that says it."""

Share = Annotated[float, msgspec.Meta(ge=0, le=1)]


class SubmitMusic(msgspec.Struct, omit_defaults=True):
    """Three modes: a description (`gpt_description_prompt`, beside which `prompt` is ignored); words that are sung
    (`prompt`); or a clip that goes on (`continue_clip_id`). The last twelve are newer relays'."""

    prompt: str | None = None
    mv: Word | None = None
    """The model."""
    title: str | None = None
    tags: str | None = None
    gpt_description_prompt: str | None = None
    make_instrumental: bool | str | None = None
    task_id: str | None = None
    """The task of the clip that goes on."""
    continue_clip_id: str | None = None
    continue_at: Number | None = None
    notify_hook: str | None = None

    custom_mode: bool | str | None = None
    """Whether `prompt` is what is sung, and not what a song is about."""
    instrumental: bool | str | None = None
    style: str | None = None
    negative_tags: str | None = None
    vocal_gender: Word | None = None
    style_weight: Share | None = None
    weirdness_constraint: Share | None = None
    audio_weight: Share | None = None
    task: Word | None = None
    """What is made of the clip that is named: see `USES`."""
    cover_clip_id: str | None = None
    """The clip that is sung anew."""
    persona_id: str | None = None
    """Who sings: a singer whom a relay has made of a clip."""
    artist_clip_id: str | None = None
    """The clip that the singer was made of."""


class SubmitLyrics(msgspec.Struct, omit_defaults=True):
    """What they are to be about."""

    prompt: str | None = None
    notify_hook: str | None = None


class SubmitConcat(msgspec.Struct, omit_defaults=True):
    """A clip that went on from another, to be put together with all that came before it."""

    clip_id: str | None = None
    is_infill: bool | str | None = None
    """What was made anew lies within the song, and not behind it."""
    notify_hook: str | None = None


class Credits(msgspec.Struct, frozen=True):
    """What an account has left."""

    credits_left: float
    period: str | None
    monthly_limit: float
    monthly_usage: float


class FetchTasks(msgspec.Struct, omit_defaults=True):
    """The tasks that are asked about; `action` narrows nothing."""

    ids: list[str]
    action: str | None = None


class ClipMetadata(msgspec.Struct, frozen=True):
    """What a clip was made of. `duration` in seconds."""

    tags: str | None = None
    prompt: str | None = None
    gpt_description_prompt: str | None = None
    audio_prompt_id: str | None = None
    history: Any = None
    concat_history: Any = None
    type: str | None = None
    duration: float | None = None
    refund_credits: bool | None = None
    stream: bool | None = None
    error_type: str | None = None
    error_message: str | None = None


class Clip(msgspec.Struct, frozen=True):
    """One of the two songs. Its own words of status: submitted, queued, streaming, complete, error."""

    id: str = ""
    title: str | None = ""
    status: str = ""
    audio_url: str | None = ""
    """A live stream while `streaming`."""
    video_url: str | None = ""
    image_url: str | None = None
    image_large_url: str | None = None
    model_name: str | None = ""
    major_model_version: str | None = ""
    metadata: ClipMetadata = ClipMetadata()
    user_id: str | None = ""
    display_name: str | None = ""
    handle: str | None = ""
    created_at: str | None = ""
    is_liked: bool | None = False
    is_trashed: bool | None = False
    is_public: bool | None = False
    is_video_pending: bool | None = False
    is_handle_updated: bool | None = False
    reaction: Any = None
    play_count: int | None = 0
    upvote_count: int | None = 0


class Lyrics(msgspec.Struct, frozen=True):
    """A text that was made, with a clip's words of status."""

    id: str = ""
    text: str | None = ""
    title: str | None = ""
    status: str | None = ""


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """A task; what has not happened yet is at the time 0. `data` is a list of clips, or lyrics."""

    task_id: str
    notify_hook: str = ""
    action: str
    """MUSIC or LYRICS."""
    status: str
    fail_reason: str = ""
    submit_time: int = 0
    start_time: int = 0
    finish_time: int = 0
    progress: str = ""
    """Such as `42%`: new-api's."""
    data: list[Clip] | Lyrics | None = None

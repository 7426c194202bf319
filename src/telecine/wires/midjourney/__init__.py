"""Midjourney as its proxies have it: `/mj/submit/…` and `/mj/task/…` (novicezk/midjourney-proxy, where it began;
litter-coder's Plus and trueai-org's, which added buttons; new-api, which relays all of them).

Every answer to a submit is `{code, description, result, properties}`, with HTTP status 200 wherever the job was taken,
or a full queue or a word refused it; times are milliseconds. Ids of tasks are text. Bodies stand in `bodies`, what a
prompt says in `prompt`.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from telecine.wires.midjourney.buttons import Button

PREFIX: Final = "/mj"
MODES: Final = {"/mj-fast": "fast", "/mj-relax": "relax", "/mj-turbo": "turbo"}
"""What may stand before it, and says how soon a task is wanted (trueai, new-api)."""
KEY_HEADER: Final = "mj-api-secret"
"""The header of the key; new-api's own clients send `Authorization: Bearer …` as well."""
NO_KEY: Final = "midjourney-proxy"
"""What a client writes as its bearer token where the key is in `KEY_HEADER` (new-api reads it so)."""

IMAGINE: Final = "/submit/imagine"
CHANGE: Final = "/submit/change"
SIMPLE_CHANGE: Final = "/submit/simple-change"
ACTION: Final = "/submit/action"
MODAL: Final = "/submit/modal"
BLEND: Final = "/submit/blend"
DESCRIBE: Final = "/submit/describe"
SHORTEN: Final = "/submit/shorten"
EDITS: Final = ("/submit/edits", "/submit/edit")
"""trueai has both names; others the first."""
RETEXTURE: Final = "/submit/retexture"
VIDEO: Final = "/submit/video"
UPLOAD: Final = "/submit/upload-discord-images"
SWAP: Final = "/insight-face/swap"
VIDEO_SWAP: Final = "/insight-face/video-swap"
FETCH: Final = "/task/{id}/fetch"
LIST_BY_CONDITION: Final = "/task/list-by-condition"
LIST_BY_IDS: Final = "/task/list-by-ids"
LIST: Final = "/task/list"
QUEUE: Final = "/task/queue"
CANCEL: Final = "/task/{id}/cancel"
SEED: Final = "/task/{id}/image-seed"
IMAGE: Final = "/image/{id}"
"""Paths, each behind one of the prefixes. `LIST_BY_IDS`, `CANCEL` and `EDITS`' second are trueai's alone."""
MOST_LISTED: Final = 100
"""Ids in one request. Nobody names a bound; so many make no long query anywhere."""

# Codes, as the sources of the servers have them. (new-api's document has other meanings for 21, 23, 24 and 25, which no
# server sends.)
DONE: Final = 1
NOT_FOUND: Final = 3
INVALID: Final = 4
FAILED: Final = 9
EXISTING: Final = 21
"""Two things: the very same upscale exists (novicezk: `result` is the old task); or the task waits for a modal, which
is completed with `result` as its `taskId` (Plus, trueai)."""
IN_QUEUE: Final = 22
"""Accepted, and waits for others; `properties.numberOfQueues` says for how many."""
QUEUE_FULL: Final = 23
BANNED: Final = 24
"""A word of the prompt is not allowed: `properties.bannedWord`."""
BUSY: Final = 30
"""new-api: too much is asked; HTTP 429."""
ACCEPTED: Final = frozenset({DONE, EXISTING, IN_QUEUE})

NOT_START: Final = "NOT_START"
SUBMITTED: Final = "SUBMITTED"
IN_PROGRESS: Final = "IN_PROGRESS"
SUCCESS: Final = "SUCCESS"
FAILURE: Final = "FAILURE"
WAITS: Final = "MODAL"
"""A task that waits for its modal (Plus, trueai)."""
CANCELLED: Final = "CANCEL"
"""trueai's. Clients of the others know the first five alone, and go on polling for ever."""

FAST: Final = "fast"
SPEEDS: Final = ("relax", "fast", "turbo")
MIDJOURNEY_BOT: Final = "MID_JOURNEY"
NIJI_BOT: Final = "NIJI_JOURNEY"
BOTS: Final = (MIDJOURNEY_BOT, NIJI_BOT)
MODEL: Final = "midjourney"
NIJI: Final = "niji"
"""Our names of the models: no body names one, but by its bot."""
GRID: Final = 4
"""Pictures of one imagine."""
DIMENSIONS: Final = {"PORTRAIT": "2:3", "SQUARE": "1:1", "LANDSCAPE": "3:2"}
"""Of a blend, with the proportions that they stand for."""
VIDEO_TYPES: Final = {"vid_1.1_i2v_480": "480p", "vid_1.1_i2v_720": "720p"}
MOTIONS: Final = ("low", "high")
BATCH_SIZES: Final = (1, 2, 4)
CLIPS: Final = 4
"""Videos of one submit that names no `batchSize` (trueai)."""

ACTIONS: Final = {
    "text_to_image": "IMAGINE",
    "image_to_image": "IMAGINE",
    "image_variation": "VARIATION",
    "expand": "OUTPAINT",
    "blend": "BLEND",
    "upscale": "UPSCALE",
    "vary": "VARIATION",
    "reroll": "REROLL",
    "zoom": "ZOOM",
    "pan": "PAN",
    "inpaint": "INPAINT",
    "midjourney:retexture": "RETEXTURE",
    "midjourney:action": "ACTION",
    "describe": "DESCRIBE",
    "shorten": "SHORTEN",
    "swap_face": "SWAP_FACE",
    "image_to_video": "VIDEO",
    "text_to_video": "VIDEO",
    "extend": "VIDEO_EXTEND",
}
"""By operation, what a task is. The first server has IMAGINE, UPSCALE, VARIATION, REROLL, DESCRIBE and BLEND; Plus adds
ZOOM, PAN and SHORTEN; trueai the others."""
EDIT: Final = "EDIT"
"""Of an `image_to_image` whose picture is changed, and no mere prompt."""


class Submitted(msgspec.Struct, frozen=True):
    """The answer to a submit, and to an error. `result`: the id of a task; links for pictures that were uploaded; a
    seed."""

    code: int = DONE
    description: str = "提交成功"
    result: str | list[str] | None = None
    properties: dict[str, Any] = {}


class Link(msgspec.Struct, frozen=True):
    """One of several files (trueai)."""

    url: str
    thumbnail: str | None = None


class Task(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A task. Times in milliseconds since the Unix epoch, 0 (or null, at the first server) before that has happened;
    what stands below `buttons` is Plus' and trueai's."""

    id: str
    action: str | None = None
    status: str | None = None
    prompt: str | None = ""
    prompt_en: str | None = ""
    description: str | None = ""
    state: str | None = ""
    """What the client wrote into the field of that name."""
    submit_time: int | None = 0
    start_time: int | None = 0
    finish_time: int | None = 0
    progress: str | None = ""
    """`0%` … `100%`; nothing once it has failed."""
    image_url: str | None = None
    """The grid, or the one picture; while it is made, the newest preview."""
    fail_reason: str | None = None
    properties: dict[str, Any] | None = {}
    """`finalPrompt` (the texts of `DESCRIBE` and `SHORTEN` too), `notifyHook`, `botType`, `messageHash` …"""
    buttons: list[Button] | None = []
    bot_type: str | None = None
    mode: str | None = None
    image_width: int | None = None
    image_height: int | None = None
    image_urls: list[Link] | None = None
    """The pictures of a grid, each by itself (trueai)."""
    thumbnail_url: str | None = None
    video_url: str | None = None
    video_urls: list[Link] | None = None
    parent_id: str | None = None
    seed: str | int | None = None
    job_id: str | None = None
    custom_id: str | None = None


class Said(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What a Midjourney upstream said beside a job, as a task keeps it (`telecine.nouns.task.Facts`): what its client
    may see, and what the next action on it is asked for with."""

    prompt_en: str | None = None
    description: str | None = None
    properties: dict[str, Any] = {}
    buttons: list[Button] = []
    seed: str | None = None
    image_width: int | None = None
    image_height: int | None = None
    job_id: str | None = None

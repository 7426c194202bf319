"""Kling's wire, new generation: the model stands in the path (API reference at klingai.com/document-api: video 3.0,
motion control 2.6, tasks, callbacks).

Errors, and how a client signs in, are those of the generation before it (`telecine.wires.kling`). Statuses end in
`succeeded`, what was made is in `outputs`, what it took in `billing`.
"""

from __future__ import annotations

import re
from typing import Final, Literal

import msgspec

from telecine.wires.kling.parts import WatermarkInfo
from telecine.wires.scalars import Number, Word

TEXT_TO_VIDEO: Final = "/text-to-video"
IMAGE_TO_VIDEO: Final = "/image-to-video"
MOTION_CONTROL: Final = "/motion-control"
"""With the model behind each."""
TASKS: Final = "/tasks"
"""By GET the tasks with these ids (`task_ids`, or `external_task_ids`, separated by commas), by POST a list."""
MODELS: Final = re.compile(r"kling-[0-9]+\.[0-9]+(?:-[a-z0-9]+)*")
"""Its models are called with a point (`kling-3.0-turbo`), those of the generation before it without (`kling-v3`)."""
MAX_FILE: Final = 50 * 1024 * 1024
"""Bytes of one file, before base64."""
MOST_PROMPT: Final = 3072
MOST_ELEMENTS: Final = 3
MOST_ASKED: Final = 100
"""Ids in one question. Kling names no bound [reconstructed]: so many make a path of two kilobytes."""
MOST_LISTED: Final = 500
LISTED: Final = 100
"""Tasks on one page of a list, at the most and where nobody says."""
LISTED_DAYS: Final = 30
"""A list without a time begins so many days ago."""
SECONDS: Final = 5
"""Of a video, where nobody says."""
RESOLUTIONS: Final = ("720p", "1080p", "4k")
"""The first of these, of the ratios and of the sounds is what is made where nobody says."""
RATIOS: Final = ("16:9", "9:16", "1:1")
SOUNDS: Final = ("off", "native")
KEPT_SOUNDS: Final = ("original", "off")
"""Of motion control. Which of the two is its default nobody writes; the generation before it keeps the sound
[reconstructed]."""
ORIENTATIONS: Final = ("image", "video")
BILLED: Final = frozenset(
    {
        *("model", "model_name", "mode", "duration", "sound", "audio", "n", "count", "resolution"),
        *(f"settings.{name}" for name in ("mode", "duration", "sound", "audio", "n", "count", "resolution")),
    }
)
"""Fields that change the price, or may."""


class Options(msgspec.Struct, omit_defaults=True):
    """`options`, of every create."""

    callback_url: str | None = None
    external_task_id: str | None = None
    watermark_info: WatermarkInfo | None = None


class VideoSettings(msgspec.Struct, omit_defaults=True):
    """`settings` of what makes a video. Absent means that Kling's own default holds."""

    multi_shot: bool | None = None
    """Several shots, as the model sees fit; true where nobody says."""
    audio: Word | None = None
    resolution: Word | None = None
    aspect_ratio: Word | None = None
    """Of a video from text: one from a picture follows that [reconstructed]."""
    duration: Number | None = None
    """Whole seconds, as a number."""


class MotionSettings(msgspec.Struct, omit_defaults=True):
    """`settings` of motion control."""

    character_orientation: Word | None = None
    """Whether the character faces as in the picture, or as in the video; required."""
    audio: Word | None = None
    resolution: Word | None = None


class Content(msgspec.Struct, omit_defaults=True, forbid_unknown_fields=True):
    """One of `contents`, by its type: a prompt has a text, a frame, picture or video a URL (or base64), an element the
    id that it has at Kling. What else an element's `id` may be is not written; it passes as it is [reconstructed]."""

    type: str
    text: str | None = None
    url: str | None = None
    element_id: int | str | None = None
    id: int | str | None = None


class TextToVideo(msgspec.Struct, omit_defaults=True):
    """The body of `/text-to-video/{model}`."""

    prompt: str = ""
    settings: VideoSettings = msgspec.field(default_factory=VideoSettings)
    options: Options = msgspec.field(default_factory=Options)


class ImageToVideo(msgspec.Struct, omit_defaults=True):
    """The body of `/image-to-video/{model}`."""

    contents: list[Content] = []
    settings: VideoSettings = msgspec.field(default_factory=VideoSettings)
    options: Options = msgspec.field(default_factory=Options)


class MotionControl(msgspec.Struct, omit_defaults=True):
    """The body of `/motion-control/{model}`."""

    contents: list[Content] = []
    settings: MotionSettings = msgspec.field(default_factory=MotionSettings)
    options: Options = msgspec.field(default_factory=Options)


class Narrowed(msgspec.Struct, forbid_unknown_fields=True):
    """One of `filters`: only tasks of which `key` is one of `values`."""

    key: Literal["status", "product_type"]
    values: list[str]


class ListTasks(msgspec.Struct, omit_defaults=True):
    """The body of `POST /tasks`. Times are milliseconds, as text; a cursor goes before them."""

    start_time: Number | None = None
    end_time: Number | None = None
    cursor: str | None = None
    limit: Number | None = None
    filters: list[Narrowed] = []


class VideoOutput(msgspec.Struct, frozen=True, omit_defaults=True, tag="video", tag_field="type", kw_only=True):
    """A video; `duration` is a text of seconds."""

    id: str = ""
    url: str
    watermark_url: str | None = None
    duration: str = ""


class ImageOutput(msgspec.Struct, frozen=True, omit_defaults=True, tag="image", tag_field="type", kw_only=True):
    """A picture; those of one series have one `group_id`."""

    url: str
    watermark_url: str | None = None
    group_id: str | None = None


class AudioOutput(msgspec.Struct, frozen=True, omit_defaults=True, tag="audio", tag_field="type", kw_only=True):
    """A sound, in one form or two; the durations are texts of seconds."""

    id: str = ""
    mp3_url: str | None = None
    wav_url: str | None = None
    mp3_duration: str | None = None
    wav_duration: str | None = None


class Billing(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What was taken: units of a resource pack, or money."""

    charge_type: Literal["unit", "cash"]
    amount: str
    package_type: Literal["video", "image", "audio"] | None = None


class Created(msgspec.Struct, frozen=True, kw_only=True):
    """A task as the answer to its create tells it. Times are milliseconds since the Unix epoch."""

    id: str
    status: str
    create_time: int
    update_time: int
    external_id: str = ""


class Task(Created, frozen=True, kw_only=True):
    """A task in an answer to a question, and the whole body of a callback."""

    message: str = ""
    outputs: list[VideoOutput | ImageOutput | AudioOutput] = []
    billing: list[Billing] = []


class TaskPage(msgspec.Struct, frozen=True, kw_only=True):
    """One page of a list. `count` is how many tasks are on it [reconstructed]."""

    result: list[Task]
    count: int
    next_cursor: str = ""
    has_more: bool

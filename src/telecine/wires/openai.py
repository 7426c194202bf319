"""OpenAI's Videos API (platform.openai.com/docs/api-reference/videos), and how relays bend it.

Relays name the same things in many ways, and one odd field must not hide a job that is done. So answers have no type
here: whoever reads them takes only what has the form that it needs.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from telecine.wires.scalars import Number, Word

PATH: Final = "/v1/videos"
EDITS: Final = f"{PATH}/edits"
EXTENSIONS: Final = f"{PATH}/extensions"
CHARACTERS: Final = f"{PATH}/characters"
RELAY_CHARACTERS: Final = "/sora/v1/characters"
PATIENCE: Final = 590.0
"""Seconds for which an answer may be kept back; OpenAI's own clients hang up after 600."""
MAX_IMAGES: Final = 50 * 1024 * 1024
"""Bytes of all pictures of a request together."""
MAX_VIDEO: Final = 100 * 1024 * 1024
"""Bytes of a video that comes as a file; nobody documents a limit."""
RETENTION: Final = 86400.0
"""Seconds for which a result can be had, where the upstream does not say (OpenAI: one day at the most)."""
MOST_LISTED: Final = 100
"""Videos on one page of the list (`limit`)."""

SHAPES: Final = {
    ("16:9", "720p"): "1280x720",
    ("9:16", "720p"): "720x1280",
    ("7:4", "1k"): "1792x1024",
    ("4:7", "1k"): "1024x1792",
}
"""The four official sizes (`size`) by aspect ratio and by what the shorter side is called."""
DEFAULT_SIZE: Final = "720x1280"

_OTHERS_BILLED: Final = (
    *("mode", "sound", "audio", "generate_audio", "generateaudio", "service_tier", "tools", "req_key", "result_type"),
    *("duration_seconds", "durationseconds", "video_length", "frames", "n_frames", "num_frames"),
    *("count", "n_variants", "sample_count", "samplecount", "number_of_videos", "numberofvideos", "num_outputs"),
    *("num_images", "batch_size", "image_size", "imagesize", "series_amount", "hd", "upscale"),
    *("sequential_image_generation", "sequential_image_generation_options", "frame_rate", "framerate"),
)
"""Of the vendors whose models relays sell: they hand on what they do not know themselves."""
BILLED: Final = frozenset(
    {"model", "model_name", "seconds", "size", "n", "duration", "resolution", "quality", *_OTHERS_BILLED}
)
"""Fields that change the price, in lower case; all but `model`, `seconds` and `size` at relays alone."""
RELAYED: Final = ("private", "style", "style_id", "storyboard", "character_url", "character_timestamps")
"""Parameters that relays have beside `watermark` (wire table C.2), each under its own name."""
OURS: Final = frozenset({"prompt", "model", "seconds", "size", "input_reference", "watermark", *RELAYED})
"""Fields that we alone write."""
QUEUED: Final = frozenset(
    {
        "queued",
        "pending",
        "submitted",
        "not_start",
        "created",
        "queueing",
        "queuing",
        "in_queue",
        "throttled",
        "starting",
    }
)
RUNNING: Final = frozenset({"in_progress", "processing", "running", "preparing", "saving", "dreaming"})
DONE: Final = frozenset({"completed", "succeeded", "success", "succeed"})
FAILED: Final = frozenset({"failed", "fail", "failure", "cancelled", "canceled"})
"""Status words of OpenAI, of new-api (in capitals there) and of the relays, in lower case."""

NO_TASK_CODES: Final = frozenset({"task_not_exist", "task_not_found", "video_not_found"})
"""What a query answers for a job that is not there; new-api does so with status 400."""


COMPONENTS: Final = "components"
"""In the name of a model that makes a video of what its pictures show (wire table C.7)."""
HOOKS: Final = ("webhook_url", "callback_url", "notify_hook")
"""Fields that say where to tell of a new status; the last at gpt-best (wire table C.6)."""
Note = str | int | float | bool | None


class CreateVideo(msgspec.Struct):
    """The official fields, then the relays' (wire table C.2), then those of our neutral form that have one name."""

    prompt: str | None = None
    model: str | None = None
    model_name: str | None = None
    """What Kling's clients send for `model`."""
    seconds: Number | None = None
    size: Word | None = None
    input_reference: Any = None

    duration: Number | None = None
    images: Any = None
    image: Any = None
    watermark: bool | str | None = None
    aspect_ratio_camel: Word | None = msgspec.field(default=None, name="aspectRatio")
    resolution: Word | None = None
    webhook_url: str | None = None
    notify_hook: str | None = None
    private: bool | str | None = None
    """Not published, so that nobody else can make a remix of it."""
    style: str | None = None
    """thanksgiving, comic, news, selfie, nostalgic, anime."""
    style_id: str | None = None
    """festive, retro, news, selfie, handheld, anime."""
    storyboard: Any = None
    """Relays do not say of what type."""
    character_url: str | None = None
    """A video with somebody in it who is to be in this one."""
    character_timestamps: str | None = None
    """`1,3`: from which second to which they are seen there."""
    orientation: str | None = None
    """portrait, landscape."""
    tier: Word | None = None
    """genrelay 0.1.1: 720p, 1080p, 4k."""
    reference_images: Any = None
    """genrelay 0.1.1: URLs of what is to be seen."""

    negative_prompt: str | None = None
    aspect_ratio: Word | None = None
    seed: Number | None = None
    n: Number | None = None
    callback_url: str | None = None
    metadata: dict[str, Note] | None = None


class FollowVideo(CreateVideo):
    """An edit or an extension: the same fields, and the video that it is made from."""

    video: Any = None
    """A file, `{"id": …}`, an id, a URL or a data URL."""


class CreateCharacter(msgspec.Struct):
    """Official: `name` and `video`. Relays: `url` or `from_task`, and `timestamps` (wire table C.4)."""

    name: str | None = None
    video: Any = None
    url: str | None = None
    from_task: str | None = None
    """The id of the video with somebody in it."""
    timestamps: str | None = None
    """`1,3`: from which second to which they are seen there."""
    model: str | None = None
    model_name: str | None = None
    webhook_url: str | None = None
    callback_url: str | None = None
    notify_hook: str | None = None
    metadata: dict[str, Note] | None = None


class Character(msgspec.Struct, frozen=True, omit_defaults=True):
    """What an upstream says of a character that it has made; as JSON, the text that the operation makes. `username` is
    what a prompt calls it, behind an `@`."""

    id: str | None = None
    username: str | None = None
    permalink: str | None = None
    profile_picture_url: str | None = None

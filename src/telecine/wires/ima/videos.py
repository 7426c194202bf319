"""IMA-Pro videos, in two forms.

The first is that of the SDKs: `prompt`, `images`, and the rest in `metadata`. The second has `content`, as Volcengine's
Ark does; its words (`text_to_video requires one text content item`) are in the documented errors, its fields are
reconstructed from Ark. Either is taken at either path, and one body has all their fields.
"""

from __future__ import annotations

from typing import Any, Final, Literal

import msgspec
from msgspec import UNSET, UnsetType

from telecine.wires.scalars import Number, Word

PRO: Final = "ima-pro"
"""The model where none is named."""
SECONDS: Final = 5
RESOLUTION: Final = "720p"
RATIO: Final = "16:9"
"""What is made where nothing is said."""
MOST_FRAMES: Final = 2
MOST_IMAGES: Final = 14
MOST_VIDEOS: Final = 3
MOST_AUDIOS: Final = 1
"""Of pictures in `frame` mode and in the other, and of what a video is to be like."""
REFERENCE: Final = "reference"
FRAME: Final = "frame"
"""`metadata.role_mode`; the first where nothing is said."""
ROLES: Final[dict[str, Literal["reference", "first_frame", "last_frame", "video", "audio"]]] = {
    "reference_image": "reference",
    "first_frame": "first_frame",
    "last_frame": "last_frame",
    "reference_video": "video",
    "reference_audio": "audio",
}
"""Roles in `content`, and of what our inputs call them."""
ONE_TEXT: Final = "text_to_video requires one text content item"
"""The documented words for a body that asks for nothing."""
OBJECT: Final = "video"
BILLED: Final = frozenset(
    {"model", "duration", "seconds", "size", "resolution", "ratio", "aspect_ratio", "generate_audio", "audio", "n"}
)
"""Fields that change the price, in `metadata` too."""


class ImaLink(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A link, a `data:` URL or `asset://…`."""

    url: str


class ImaContent(msgspec.Struct, kw_only=True):
    """One item of the second form. `type`: text, image_url, video_url, audio_url; `role`: one of `ROLES`, of a picture
    the first frame where nothing is said, as at Ark."""

    type: str
    text: str | None = None
    image_url: ImaLink | None = None
    video_url: ImaLink | None = None
    audio_url: ImaLink | None = None
    role: Word | None = None


class ImaVideoMetadata(msgspec.Struct, kw_only=True):
    """The rest of the first form. What is unknown here reaches an upstream of this kind as it came."""

    aspect_ratio: Word | None = None
    resolution: Word | None = None
    audio: bool | str | None = None
    role_mode: Word | None = None
    reference_video_urls: list[str] | None = None
    reference_audio_urls: list[str] | None = None
    watermark: bool | str | None = None
    seed: Number | None = None


class ImaProVideoCreateRequest(msgspec.Struct, kw_only=True):
    """Either `content`, or `prompt` and what stands around it; the last seven are of the second form."""

    model: Word | None = None
    prompt: str | None = None
    image: str | None = None
    images: list[str] | None = None
    input_reference: str | None = None
    duration: Number | None = None
    seconds: Number | None = None
    size: Word | None = None
    aspect_ratio: Word | None = None
    metadata: dict[str, Any] | None = None
    """`ImaVideoMetadata`, and what IMA's own upstreams know (`mcp_list`)."""
    callback_url: str | None = None

    content: list[ImaContent] | None = None
    resolution: Word | None = None
    ratio: Word | None = None
    generate_audio: bool | str | None = None
    watermark: bool | str | None = None
    seed: Number | None = None
    """-1: any."""


class ImaVideoResult(msgspec.Struct, frozen=True, kw_only=True):
    """One video. `duration` in whole seconds, `size` in bytes."""

    url: str
    width: int | UnsetType = UNSET
    height: int | UnsetType = UNSET
    duration: int | UnsetType = UNSET
    size: int | UnsetType = UNSET
    content_type: str | UnsetType = UNSET


class ImaVideoLink(msgspec.Struct, frozen=True, kw_only=True):
    """Where the first video is."""

    url: str


class ImaVideoUsage(msgspec.Struct, frozen=True, kw_only=True):
    """Tokens."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    total_tokens: int = 0


class ImaVideoError(msgspec.Struct, frozen=True, kw_only=True):
    """Why it failed."""

    code: str
    message: str


class ImaProCreateResponse(msgspec.Struct, frozen=True, kw_only=True):
    """The new task, flat. Times in seconds since the Unix epoch."""

    id: str
    task_id: str
    object: str = OBJECT
    model: str
    status: str
    progress: int
    amount_usd: float | UnsetType = UNSET
    created_at: int


class ImaProQueryResponse(ImaProCreateResponse, frozen=True, kw_only=True):
    """A task as a query tells of it."""

    completed_at: int | UnsetType = UNSET
    metadata: ImaVideoLink | UnsetType = UNSET
    results: list[ImaVideoResult] | UnsetType = UNSET
    usage: ImaVideoUsage | UnsetType = UNSET
    error: ImaVideoError | UnsetType = UNSET

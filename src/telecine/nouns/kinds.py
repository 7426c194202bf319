"""What a task may make."""

from __future__ import annotations

from typing import Final, Literal

Kind = Literal["video", "image", "audio", "text", "file"]

EXTENSIONS: Final[dict[str, str]] = {
    "video/mp4": "mp4",
    "video/webm": "webm",
    "video/quicktime": "mov",
    "image/png": "png",
    "image/jpeg": "jpg",
    "image/webp": "webp",
    "image/gif": "gif",
    "audio/mpeg": "mp3",
    "audio/wav": "wav",
    "audio/mp4": "m4a",
    "audio/ogg": "ogg",
    "audio/flac": "flac",
}
"""How files of the media types that we know are named."""

"""Requests and jobs that the tests of the OpenAI provider share."""

from __future__ import annotations

import base64
import io
from typing import Any

from PIL import Image

from telecine.nouns.request import GenerationRequest, MediaInput
from telecine.providers.base import Job, Submission
from tests.providers.stand_ins import NOW

MODEL = "sora-2"
URL = "https://example.com/a.png"
FRAME = MediaInput("first_frame", object_key="first")
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


def drawn(kind: str, side: int = 4) -> bytes:
    """A small picture of a format that Pillow knows."""
    target = io.BytesIO()
    Image.new("RGB", (side, side)).save(target, kind)
    return target.getvalue()


def text(**fields: Any) -> GenerationRequest:
    return GenerationRequest(**{"operation": "text_to_video", "model": "public-name", "prompt": "a fox"} | fields)


def picture(*inputs: MediaInput, **fields: Any) -> GenerationRequest:
    return text(operation="image_to_video", inputs=inputs or (FRAME,), **fields)


def submission(request: GenerationRequest | None = None, **fields: Any) -> Submission:
    told: dict[str, Any] = {"request": request or text(), "model": MODEL, "handle": "42", "callback_url": None}
    return Submission(**told | fields)


def job(upstream_id: str | None, operation: str = "text_to_video") -> Job:
    return Job(operation, MODEL, "42", upstream_id, NOW)

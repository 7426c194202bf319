"""Requests, jobs and stand-ins that the tests of the Kling provider share."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import msgspec

from telecine.nouns.request import GenerationRequest, MediaInput
from telecine.providers.base import Channel, Job, Provider, Submission
from tests.upstreams.files import FileServer

NOW = 1_800_000_000.0
MODEL = "kling-v2-5-turbo"
JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01" + bytes(range(256))
ENCODED = base64.b64encode(JPEG).decode()
URL = "https://example.com/a.png"
FRAME = MediaInput("image", object_key="p")


class Shelf:
    """Media of the request, by object key."""

    def __init__(self, **objects: bytes | Exception) -> None:
        self.objects = objects
        self.limits: list[int] = []

    async def read(self, item: MediaInput, limit: int) -> bytes:
        self.limits.append(limit)
        content = self.objects[item.object_key or ""]
        if isinstance(content, Exception):
            raise content
        return content

    async def local(self, item: MediaInput) -> Path:
        raise AssertionError(f"{item.role} is not needed as a file")


def text(**fields: Any) -> GenerationRequest:
    return GenerationRequest(**{"operation": "text_to_video", "model": "public-name", "prompt": "a fox"} | fields)


def picture(*inputs: MediaInput, **fields: Any) -> GenerationRequest:
    return text(operation="image_to_video", inputs=inputs or (MediaInput("first_frame", url=URL),), **fields)


def submission(request: GenerationRequest | None = None, **fields: Any) -> Submission:
    told: dict[str, Any] = {"request": request or text(), "model": MODEL, "handle": "42", "callback_url": None}
    return Submission(**told | fields)


def job(upstream_id: str | None = None, operation: str = "text_to_video") -> Job:
    return Job(operation, MODEL, "42", upstream_id, NOW)


async def sent(provider: Provider, request: GenerationRequest, media: Shelf | None = None) -> dict[str, Any]:
    """The body that `request` becomes, as an upstream that takes anything sees it."""
    return msgspec.json.decode(await sent_bytes(provider, submission(request), media))  # type: ignore[no-any-return]


async def sent_bytes(provider: Provider, what: Submission, media: Shelf | None = None) -> bytes:
    async with FileServer() as server:
        await provider.submit(Channel("k", server.url(""), api_key="key"), what, media or Shelf())
        (asked,) = server.asked
        return asked.body

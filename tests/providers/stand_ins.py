"""What providers need from the house, small enough for their tests."""

from __future__ import annotations

import asyncio
import base64
import shutil
import tempfile
import weakref
from pathlib import Path

from telecine.nouns.request import MediaInput

NOW = 1_800_000_000.0


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

    async def as_url(self, item: MediaInput) -> str:
        return item.url or f"https://media.test/{item.object_key}"

    async def as_base64(self, item: MediaInput, limit: int) -> str:
        return base64.b64encode(await self.read(item, limit)).decode()

    async def as_upload(self, item: MediaInput, limit: int | None = None) -> Path:
        content = await self.read(item, 2**40 if limit is None else limit)
        folder = Path(tempfile.mkdtemp())
        weakref.finalize(self, shutil.rmtree, folder)
        await asyncio.to_thread((folder / "file").write_bytes, content)
        return folder / "file"

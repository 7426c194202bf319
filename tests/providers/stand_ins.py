"""What providers need from the house, small enough for their tests."""

from __future__ import annotations

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

    async def local(self, item: MediaInput) -> Path:
        raise AssertionError(f"{item.role} is not needed as a file")

"""Pictures that are made of what is kept: the grid that shows a task's pictures together, and what an upstream is sent
in the place of a picture that it is to go on from."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final

from telecine.media.collect import Collector
from telecine.media.decoders import UndecodableError
from telecine.media.spool import borrowed, scratch
from telecine.media.storage import CHUNK, Storage, input_key
from telecine.net.client import FetchError
from telecine.nouns.request import MediaInput, Role
from telecine.nouns.task import Output

_PNG: Final = "image/png"
Growth = tuple[float, float, float, float]
"""How far a picture grows up, down, left and right: as shares of its own height and width."""


class Pictures:
    """Draws in worker processes. Every method raises FetchError where nothing could be drawn, and FileNotFoundError
    where what it would be made of is gone."""

    def __init__(self, storage: Storage, collector: Collector, folder: Path) -> None:
        """`folder` holds pictures while they are made."""
        self._storage = storage
        self._collector = collector
        self._folder = folder

    async def grid(self, keys: Sequence[str], output: Output, account_id: int) -> Output:
        """The pictures under `keys` as one, kept as `output`. Drawn again, it lies under the same key."""
        async with AsyncExitStack() as stack:
            paths = [await stack.enter_async_context(borrowed(self._storage, key, self._folder)) for key in keys]
            target = await stack.enter_async_context(scratch(self._folder, ".jpg"))
            try:
                await self._collector.decoders.grid(paths, target, account_id)
            except UndecodableError as error:
                raise FetchError(f"the pictures cannot be shown together: {error}") from None
            return await self._collector.collect(_chunks(target), output, account_id)

    async def canvas(self, key: str, growth: Growth, account_id: int, roles: Sequence[Role]) -> list[MediaInput]:
        """The picture under `key` on a larger ground, of which all that is new is transparent: an input for each of
        `roles`."""
        async with borrowed(self._storage, key, self._folder) as path, scratch(self._folder, ".png") as target:
            try:
                size = await self._collector.decoders.canvas(path, target, growth, account_id)
            except UndecodableError as error:
                raise FetchError(f"the picture cannot be drawn on: {error}") from None
            return [await self._kept(role, target, account_id, size) for role in roles]

    async def hole(self, key: str, size: tuple[int, int], account_id: int) -> MediaInput:
        """The mask under `key`, transparent where it says that the picture is drawn anew."""
        async with borrowed(self._storage, key, self._folder) as path, scratch(self._folder, ".png") as target:
            try:
                await self._collector.decoders.hole(path, target, size, account_id)
            except UndecodableError as error:
                raise FetchError(f"the mask cannot be read: {error}") from None
            return await self._kept("mask", target, account_id, size)

    async def _kept(self, role: Role, path: Path, account_id: int, size: tuple[int, int]) -> MediaInput:
        key = input_key(account_id, "png")
        length, sha256 = await asyncio.to_thread(_measured, path)
        await self._storage.put_file(key, path, _PNG)
        width, height = size
        return MediaInput(role, None, key, _PNG, length, sha256, width, height)


def _measured(path: Path) -> tuple[int, str]:
    with path.open("rb") as file:
        return path.stat().st_size, hashlib.file_digest(file, "sha256").hexdigest()


async def _chunks(path: Path) -> AsyncIterator[bytes]:
    with await asyncio.to_thread(path.open, "rb") as file:
        while chunk := await asyncio.to_thread(file.read, CHUNK):
            yield chunk

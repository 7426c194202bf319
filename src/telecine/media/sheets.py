"""Spritesheets: made when somebody first asks for one, kept beside the video from then on."""

from __future__ import annotations

import asyncio
from pathlib import Path
from weakref import WeakValueDictionary

from telecine.media.decoders import Decoders, UndecodableError
from telecine.media.spool import borrowed, scratch
from telecine.media.storage import Storage, beside, owner_of
from telecine.nouns.errors import ErrorCode, GatewayError
from telecine.nouns.task import Output


class Sheets:
    """Makes each spritesheet once, however many ask for it at the same time."""

    def __init__(self, storage: Storage, decoders: Decoders, folder: Path) -> None:
        """`folder` holds pictures while they are made."""
        self._storage = storage
        self._decoders = decoders
        self._folder = folder
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def ensure(self, output: Output) -> None:
        """Return once `output` has a spritesheet. Raises GatewayError (`not_found`) where it can have none."""
        if output.object_key is None or output.kind != "video":
            raise GatewayError("not_found", "This output has no spritesheet.")
        key = sheet_key(output.object_key)
        lock = self._locks.setdefault(key, asyncio.Lock())
        async with lock:
            if await self._storage.size(key) is None:
                await self._make(output.object_key, key)

    async def _make(self, source: str, key: str) -> None:
        try:
            async with (
                borrowed(self._storage, source, self._folder) as video,
                scratch(self._folder, ".jpg") as target,
            ):
                await self._decoders.spritesheet(video, target, owner_of(source))
                await self._storage.put_file(key, target, "image/jpeg")
        except (UndecodableError, FileNotFoundError) as error:
            declined = isinstance(error, FileNotFoundError) or error.declined
            code: ErrorCode = "not_found" if declined else "capacity"
            raise GatewayError(code, "No spritesheet can be made of this output.") from None


def sheet_key(key: str) -> str:
    """Where the spritesheet of the video at `key` lies."""
    return beside(key, "spritesheet", "jpg")

"""Still pictures of videos, stored beside them."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Final

from telecine.media.decoders import Decoders, UndecodableError
from telecine.media.spool import scratch
from telecine.media.storage import Storage, beside
from telecine.net.spool import Spooled

_MOST_KNOWN: Final = 256


class Posters:
    """Makes them. `folder` holds files while they are made."""

    def __init__(self, storage: Storage, decoders: Decoders, folder: Path) -> None:
        self._storage = storage
        self._decoders = decoders
        self._folder = folder
        self._known = dict[str, str]()
        """By the SHA-256 of a video, the poster that was made of it lately."""

    async def make(self, file: Spooled, key: str, account_id: int) -> str | None:
        """The key of a picture of the video at `key`, whose bytes are in `file`; None where none can be made, which is
        no reason to lose the video."""
        poster_key = beside(key, "poster", "jpg")
        if (made := self._known.get(file.sha256)) is not None:
            with suppress(FileNotFoundError):
                await self._storage.copy(made, poster_key)
                return poster_key
        async with scratch(self._folder, ".jpg") as target:
            try:
                await self._decoders.poster(file.path, target, account_id)
            except UndecodableError:
                return None
            await self._storage.put_file(poster_key, target, "image/jpeg")
        if len(self._known) >= _MOST_KNOWN:
            self._known.clear()
        self._known[file.sha256] = poster_key
        return poster_key

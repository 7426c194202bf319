"""What the steps of tasks need of media: keep what was made, forget it, read what was sent."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from pathlib import Path
from typing import Final

from telecine.media.collect import Collector
from telecine.media.pictures import Growth, Pictures
from telecine.media.reader import Reader, Scope
from telecine.media.sheets import sheet_key
from telecine.media.spool import spool
from telecine.media.storage import Storage, input_key, linked
from telecine.net.spool import Spool, Spooled
from telecine.nouns.request import MediaInput, Role
from telecine.nouns.task import Output
from telecine.providers.base import Channel, Provider
from telecine.providers.outcomes import UpstreamOutput
from telecine.shares import Shares

DOWNLOADS: Final = 128
"""Results that are fetched and kept at a time for one account alone."""


class MediaLibrary:
    """Implements telecine.tasks.context.Library."""

    def __init__(self, storage: Storage, collector: Collector, reader: Reader, folder: Path) -> None:
        """`folder` holds files while they come."""
        self._storage = storage
        self._folder = folder
        self._collector = collector
        self._reader = reader
        self.downloads: Shares[int] = Shares(DOWNLOADS)
        """By account."""
        self.pictures = Pictures(storage, collector, folder)
        """What is drawn from what is kept here."""

    async def keep(self, provider: Provider, channel: Channel, output: Output, account_id: int) -> Output:
        """Stream one output to storage; the output as stored. Raises FetchError when it cannot be had now."""
        found = UpstreamOutput(output.upstream_url or "", output.kind, output.upstream_id, output.upstream_expires_at)
        here = linked(output.upstream_url)
        async with self.downloads.place(account_id):
            chunks: AsyncIterator[bytes] = self._storage.read(here) if here else provider.collect(channel, found)
            return await self._collector.collect(chunks, output, account_id)

    def spool(self) -> Spool:
        """Where the files go that come inside one answer."""
        return Spool(self._folder)

    async def take(self, key: str, content: Spooled | bytes) -> None:
        """Store a file that came inside an answer, whole or not at all. Raises what the storage raises."""
        if isinstance(content, Spooled):
            await self._storage.put_file(key, content.path, "application/octet-stream")
            return
        async with spool(_once(content), self._folder, len(content)) as file:
            await self._storage.put_file(key, file.path, "application/octet-stream")

    async def forget(self, keys: Sequence[str]) -> None:
        """Delete stored files; those that are gone already do not matter."""
        for key in keys:
            await self._storage.delete(key)
            if key.count(".") == 1:  # not a poster, which has no sheet of its own
                await self._storage.delete(sheet_key(key))

    async def put(self, key: str, content: bytes) -> None:
        """Store a small document, whole or not at all. Raises OSError."""
        async with spool(_once(content), self._folder, len(content)) as file:
            await self._storage.put_file(key, file.path, "application/json")

    async def get(self, key: str) -> bytes | None:
        """What was `put` there; None where there is nothing."""
        try:
            return b"".join([chunk async for chunk in self._storage.read(key)])
        except FileNotFoundError:
            return None

    async def grid(self, keys: Sequence[str], output: Output, account_id: int) -> Output:
        """The pictures under `keys` as one, kept as `output`. Raises FetchError where none can be drawn, OSError."""
        return await self.pictures.grid(keys, output, account_id)

    async def canvas(self, key: str, growth: Growth, account_id: int, roles: Sequence[Role]) -> list[MediaInput]:
        """The picture under `key` on a larger ground, once for each of `roles`. Raises as `Pictures` does."""
        return await self.pictures.canvas(key, growth, account_id, roles)

    async def hole(self, key: str, size: tuple[int, int], account_id: int) -> MediaInput:
        """The mask under `key`, transparent where the picture is drawn anew. Raises as `Pictures` does."""
        return await self.pictures.hole(key, size, account_id)

    async def duplicate(self, key: str, target: str) -> None:
        """Keep the file under `key` under `target` as well. Raises FileNotFoundError, and what the storage raises."""
        await self._storage.copy(key, target)

    async def copy(self, account_id: int, keys: Sequence[str]) -> list[str]:
        """The same files under new keys of the account. Raises FileNotFoundError, and then has copied nothing."""
        made: list[str] = []
        try:
            for key in keys:
                target = input_key(account_id, key.rpartition(".")[2])
                await self._storage.copy(key, target)
                made.append(target)
        except FileNotFoundError:
            await self.forget(made)
            raise
        return made

    def reading(
        self, account_id: int, aside: Callable[[], AbstractAsyncContextManager[None]] = nullcontext
    ) -> AbstractAsyncContextManager[Scope]:
        """Access to the media of a request of this account, for as long as the block lasts; see `Reader.scope`."""
        return self._reader.scope(account_id, aside)


async def _once(content: bytes) -> AsyncIterator[bytes]:
    yield content

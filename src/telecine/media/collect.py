"""Results outlive the upstream's link: each output is streamed to our storage, hashed and looked at."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

from msgspec.structs import replace

from telecine.media.decoders import Decoders, Seen, UndecodableError
from telecine.media.formats import extension_of
from telecine.media.posters import Posters
from telecine.media.spool import OversizeError, spool
from telecine.media.storage import Storage, output_key
from telecine.net.client import FetchError
from telecine.net.spool import Spooled
from telecine.nouns.task import Output

MAX_OUTPUT: Final = 8 * 1024 * 1024 * 1024
_MOST_SEEN: Final = 256
_PLAIN: Final[dict[str, str]] = {"file": "application/octet-stream", "text": "text/plain"}
"""What is kept as it came, by kind: nobody looks into it, and it is served as a download."""


class Collector:
    """Stores outputs. Collecting one again puts the same bytes under the same key."""

    def __init__(self, storage: Storage, decoders: Decoders, folder: Path, max_bytes: int = MAX_OUTPUT) -> None:
        """`folder` holds files while they come."""
        self._storage = storage
        self.decoders = decoders
        self._folder = folder
        self._max_bytes = max_bytes
        self._seen = dict[str, Seen]()
        """By its SHA-256, what a file is that was looked at lately: equal ones come from a sandbox."""
        self._posters = Posters(storage, decoders, folder)

    async def collect(self, chunks: AsyncIterator[bytes], output: Output, account_id: int) -> Output:
        """Keep one output and return it as `stored`. Files that are no media are kept as they come.

        Raises FetchError where the bytes cannot be had, or are no file of the output's kind (an HTML page that came
        with status 200); nothing is kept then.
        """
        try:
            async with spool(chunks, self._folder, self._max_bytes) as file:
                kept = replace(output, state="stored", bytes=file.bytes, sha256=file.sha256)
                plain = _PLAIN.get(output.kind)
                if plain is not None:
                    return replace(
                        kept, content_type=plain, object_key=await self._put(file.path, kept, account_id, plain)
                    )
                seen = await self._look(file, output, account_id)
                key = await self._put(file.path, kept, account_id, seen.content_type)
                poster_key = await self._posters.make(file, key, account_id) if seen.kind == "video" else None
        except OversizeError:
            raise FetchError(f"the output is larger than {self._max_bytes} bytes", refused=True) from None
        return replace(
            kept,
            object_key=key,
            poster_key=poster_key,
            content_type=seen.content_type,
            width=seen.width,
            height=seen.height,
            duration=seen.duration,
            frame_rate=seen.frame_rate,
        )

    async def _put(self, path: Path, output: Output, account_id: int, content_type: str) -> str:
        key = output_key(account_id, output.task_id, output.index, extension_of(content_type))
        await self._storage.put_file(key, path, content_type)
        return key

    async def _look(self, file: Spooled, output: Output, account_id: int) -> Seen:
        try:
            seen = self._seen.get(file.sha256) or await self.decoders.probe(file.path, account_id)
        except UndecodableError:
            raise FetchError(f"what the upstream sent is no {output.kind}") from None
        if len(self._seen) >= _MOST_SEEN:
            self._seen.clear()
        self._seen[file.sha256] = seen
        if seen.kind != output.kind:
            raise FetchError(f"the upstream sent a file of kind {seen.kind}, not {output.kind}")
        return seen

"""Files of libraries on their way into storage: looked at, and kept with a still picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from telecine.assets.asset import Asset
from telecine.media.decoders import Decoders
from telecine.media.formats import Kind, extension_of
from telecine.media.intake import look
from telecine.media.posters import Posters
from telecine.media.storage import Storage, asset_key
from telecine.net.spool import Spooled
from telecine.nouns.errors import invalid
from telecine.nouns.kinds import EXTENSIONS


class Shelf:
    """Where they lie. `folder` holds files while they come."""

    def __init__(self, storage: Storage, decoders: Decoders, folder: Path) -> None:
        self.storage = storage
        self.folder = folder
        self._decoders = decoders
        self._posters = Posters(storage, decoders, folder)

    async def put(self, file: Spooled, asset: Asset, *, param: str, wanted: Kind | None) -> Asset:
        """`asset`, ready, with `file` in storage.

        Raises GatewayError (`invalid_request` naming `param`) for what is not of the kind that is `wanted`, or of no
        type that is kept; FetchError where we failed to look; and what the storage raises.
        """
        account_id = asset.account_id
        seen = await look(self._decoders, file.path, wanted, param, account_id)
        if seen.content_type not in EXTENSIONS:
            kept = ", ".join(EXTENSIONS)
            raise invalid(f"'{param}' is of the type {seen.content_type}; what is kept is {kept}.", param)
        key = asset_key(account_id, asset.id, extension_of(seen.content_type))
        await self.storage.put_file(key, file.path, seen.content_type)
        try:
            poster = await self._posters.make(file, key, account_id) if seen.kind == "video" else None
        except BaseException:
            await self.drop([key])
            raise
        return msgspec.structs.replace(
            asset,
            state="ready",
            kind=seen.kind,
            object_key=key,
            poster_key=poster,
            content_type=seen.content_type,
            bytes=file.bytes,
            sha256=file.sha256,
            width=seen.width,
            height=seen.height,
            duration=seen.duration,
            frame_rate=seen.frame_rate,
        )

    async def drop(self, keys: Sequence[str | None]) -> None:
        """Delete what lies under `keys`; None, and what is gone already, does not matter."""
        for key in keys:
            if key is not None:
                await self.storage.delete(key)

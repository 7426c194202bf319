"""The room of assets: what dialects and the server may do with the files that an account keeps."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any, Final, Literal

import msgspec
from msgspec import UNSET
from sqlalchemy import Connection, select, update

from telecine.accounts.principal import Principal
from telecine.assets.asset import Asset, AssetPage, Changes, Filter, Quota, Wanted
from telecine.assets.counting import check, quota_of
from telecine.assets.groups import Groups
from telecine.assets.names import checked_name, name_of
from telecine.assets.outputs import as_asset
from telecine.assets.rows import asset_of, asset_page, one_asset, one_group
from telecine.assets.shelf import Shelf
from telecine.assets.uploads import Uploads
from telecine.assets.writes import TakenError, insert_asset, tombstone
from telecine.clock import Clock
from telecine.config import LimitsConfig
from telecine.media.service import MediaService
from telecine.media.spool import OversizeError, spool
from telecine.net.client import FetchError
from telecine.nouns.errors import ErrorCode, GatewayError
from telecine.nouns.ids import IdSource
from telecine.nouns.request import MediaInput
from telecine.nouns.task import Output
from telecine.shares import Shares
from telecine.store import tables
from telecine.store.database import Database
from telecine.store.inserts import DRAWS

AT_ONCE: Final = 32
"""Files that are sent at the same time, by one account alone."""
_A: Final = tables.assets
_UNREADY: Final = {
    "uploading": "is still being uploaded",
    "processing": "is not ready yet",
    "failed": "could not be stored, and cannot be used",
}


class Assets:
    """The libraries of this installation. Another account's file is `not_found` everywhere."""

    def __init__(
        self,
        database: Database,
        shelf: Shelf,
        media: MediaService,
        *,
        clock: Clock,
        ids: IdSource,
        limits: Callable[[], LimitsConfig],
    ) -> None:
        """`limits`: as they are now."""
        self.groups = Groups(database, clock, ids)
        self.uploads = Uploads(database, shelf, self.note, self._tell, clock)
        self.told: Callable[[], None] = lambda: None
        """Called when a file is to be fetched, or to be put together."""
        self._database = database
        self._shelf = shelf
        self._media = media
        self._clock = clock
        self._ids = ids
        self._limits = limits
        self._sent: Shares[int] = Shares(AT_ONCE)
        """By account."""

    def sending(self, principal: Principal) -> AbstractAsyncContextManager[None]:
        """A place, waited for, among those that send files: these lie on the disk before they are counted, and no
        account is to fill it with what may never be."""
        return self._sent.place(principal.account_id)

    async def add(
        self,
        principal: Principal,
        chunks: AsyncIterator[bytes],
        wanted: Wanted,
        *,
        param: str = "file",
        size: int | None = None,
    ) -> Asset:
        """Stream a file into the library; it is ready then. `size`: bytes, where its client has said so before.

        Raises GatewayError: `invalid_request` naming `param` for what is no image, video or sound, or not what it is
        `wanted` to be; `too_large`; `permission` (param `quota`) where the library is full; `not_found` for its group;
        `capacity` where it could not be looked at.
        """
        limits = self._limits()
        new, quota = await self._new(principal, wanted, limits)
        room = quota.most_bytes - quota.bytes
        too_large = GatewayError(
            "too_large", f"The file in '{param}' is larger than {limits.asset_size} bytes.", param=param
        )
        if size is not None and size > limits.asset_size:
            raise too_large
        check(quota, size=size or 0)
        try:
            async with spool(chunks, self._shelf.folder, min(limits.asset_size, room)) as file:
                for _ in range(DRAWS):
                    asset = await self._shelf.put(file, new, param=param, wanted=wanted.kind)
                    if await self._kept(asset, limits):
                        return asset
                    new = msgspec.structs.replace(new, id=self._ids.next(self._clock.now()))
        except OversizeError:
            if room < limits.asset_size:
                check(quota, size=max(room, 0) + 1)
            raise too_large from None
        except FetchError as error:
            raise GatewayError("capacity", f"'{param}' could not be stored: {error.reason}.", param=param) from None
        raise LookupError(f"no free id for an asset was drawn in {DRAWS} tries")

    async def add_url(self, principal: Principal, url: str, wanted: Wanted, *, param: str = "url") -> Asset:
        """Note a file that is to be fetched; its `state` says how far that is.

        Raises GatewayError: `invalid_request` naming `param` for a URL that we would never fetch; `permission`;
        `not_found`.
        """
        self._media.check_url(url, param=param)
        if wanted.name is None:
            wanted = msgspec.structs.replace(wanted, name=name_of(url))
        noted = await self.note(principal, wanted, more={"url": url, "due": self._clock.now()})
        self._tell()
        return noted

    async def add_output(self, principal: Principal, task_id: int, index: int, wanted: Wanted) -> Asset:
        """Keep the file of an output of one of the account's tasks, which is not copied: it stays for as long as either
        the task or the library has it. Raises GatewayError as `outputs.as_asset`; `permission`; `not_found`."""
        limits = self._limits()
        new, _ = await self._new(principal, wanted, limits)

        def keep(connection: Connection) -> Asset:
            asset = as_asset(connection, new, task_id, index, named=wanted.name is not None)
            return insert_asset(connection, asset, limits, draw=lambda: self._ids.next(asset.created_at))

        return await self._database.change(keep)

    async def note(
        self, principal: Principal, wanted: Wanted, *, size: int | None = None, more: Mapping[str, Any]
    ) -> Asset:
        """Note a file that is still to come: of `size` bytes, in parts, or to be fetched. `more`: columns about its way
        here. Raises GatewayError as `add` does."""
        limits = self._limits()
        if size is not None and not 0 < size <= limits.asset_size:
            code: ErrorCode = "invalid_request" if size <= 0 else "too_large"
            raise GatewayError(code, f"A file must have 1 to {limits.asset_size} bytes.", param="size")
        asset, quota = await self._new(principal, wanted, limits)
        check(quota, size=size or 0)
        if size is not None:
            asset = msgspec.structs.replace(asset, state="uploading", bytes=size)

        def insert(connection: Connection) -> Asset:
            return insert_asset(connection, asset, limits, more=more, draw=lambda: self._ids.next(asset.created_at))

        return await self._database.change(insert)

    async def get(self, principal: Principal, asset_id: int) -> Asset:
        """Raises GatewayError (`not_found`)."""
        return await self._database.read(lambda connection: one_asset(connection, principal.account_id, asset_id))

    async def list(self, principal: Principal, wanted: Filter) -> AssetPage:
        """The account's, newest first."""
        return await self._database.snapshot(lambda connection: asset_page(connection, principal.account_id, wanted))

    async def update(self, principal: Principal, asset_id: int, changes: Changes) -> Asset:
        """Rename a file, or move it to another group; as it is then. Raises GatewayError (`not_found`,
        `invalid_request`)."""
        values: dict[str, Any] = {"updated_at": self._clock.now()}
        if changes.name is not UNSET:
            values["name"] = checked_name(changes.name)
        if changes.group_id is not UNSET:
            values["group_id"] = changes.group_id

        def change(connection: Connection) -> Asset:
            if values.get("group_id") is not None:
                one_group(connection, principal.account_id, values["group_id"], lock=True)
            before = one_asset(connection, principal.account_id, asset_id, lock=True)
            connection.execute(update(_A).where(_A.c.id == asset_id).values(values))
            return msgspec.structs.replace(before, **values)

        return await self._database.change(change)

    async def remove(self, principal: Principal, asset_id: int) -> Asset:
        """Delete a file: nothing can refer to it any more, and it counts no more. Its bytes go once no link to it works
        and no task that uses it is left to end. Raises GatewayError (`not_found`)."""
        now = self._clock.now()

        def remove(connection: Connection) -> Asset:
            found = one_asset(connection, principal.account_id, asset_id, lock=True)
            tombstone(connection, [found], now)
            return found

        return await self._database.change(remove)

    async def quota(self, principal: Principal) -> Quota:
        """What the account keeps, and what it may."""
        limits = self._limits()
        return await self._database.read(lambda connection: quota_of(connection, principal.account_id, limits))

    async def resolve(self, principal: Principal, asset_id: int) -> MediaInput:
        """The file as an input that names it (`asset_id`) and where it lies, in the role of its kind: `image`, `video`
        or `audio`. It stays the library's.

        Raises GatewayError: `not_found`; `conflict` for one that is not there yet, or never will be.
        """
        asset = await self.get(principal, asset_id)
        if asset.kind is None or asset.object_key is None or asset.state != "ready":
            why = _UNREADY.get(asset.state, "is not ready yet")
            raise GatewayError("conflict", f"The asset '{asset.name}' {why}.", may_retry=False)
        return MediaInput(
            asset.kind,
            object_key=asset.object_key,
            content_type=asset.content_type,
            bytes=asset.bytes,
            sha256=asset.sha256,
            width=asset.width,
            height=asset.height,
            asset_id=asset.id,
        )

    def link(self, asset: Asset, variant: Literal["file", "poster"] = "file") -> str | None:
        """A signed public URL, good for as long as all are, or until the file is deleted; None where there is none."""
        key = asset.object_key if variant == "file" else asset.poster_key
        return None if key is None else self._media.asset_link(asset.id, key, variant)

    async def served(self, asset_id: int) -> Output | None:
        """The file for whoever has a signed link to it; None where it is gone."""
        row = await self._database.rows(select(_A).where(_A.c.id == asset_id, _A.c.deleted_at.is_(None)))
        return asset_of(row[0]._mapping).served if row else None

    @property
    def most_size(self) -> int:
        """Bytes of one file."""
        return self._limits().asset_size

    def _tell(self) -> None:
        self.told()

    async def _new(self, principal: Principal, wanted: Wanted, limits: LimitsConfig) -> tuple[Asset, Quota]:
        """An asset that nothing is known of yet, and the quota that has room for one more file. Raises GatewayError,
        before anything of the file is read."""
        account_id, group_id, now = principal.account_id, wanted.group_id, self._clock.now()
        name = name_of(None) if wanted.name is None else checked_name(wanted.name)

        def look(connection: Connection) -> Quota:
            if group_id is not None:
                one_group(connection, account_id, group_id)
            return quota_of(connection, account_id, limits)

        quota = await self._database.read(look)
        check(quota, files=1)
        asset = Asset(
            id=self._ids.next(now),
            account_id=account_id,
            group_id=group_id,
            name=name,
            state="processing",
            kind=wanted.kind,
            created_at=now,
            updated_at=now,
        )
        return asset, quota

    async def _kept(self, asset: Asset, limits: LimitsConfig) -> bool:
        """Commit a file that lies in storage; False where its id is taken. What was refused lies there no more; where
        nobody knows whether it was committed, it stays, and is swept where it was not."""
        keys = [asset.object_key, asset.poster_key]
        try:
            await self._database.change(lambda connection: insert_asset(connection, asset, limits))
        except TakenError:
            await self._shelf.drop(keys)
            return False
        except GatewayError:
            await self._shelf.drop(keys)
            raise
        return True

"""Large files in parts: each may be sent again, in any order, through any process, and a client that lost count asks.

Guarantees: the bytes that are to come are counted when the upload begins, so that none is refused at its end; a part is
there whole or not at all; completing twice is completing once; one of which nothing has come for a day is deleted.
"""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from typing import Any, Final, Protocol

import msgspec
from sqlalchemy import Connection, select, update

from telecine.accounts.principal import Principal
from telecine.assets.asset import Asset, Wanted
from telecine.assets.rows import one_asset
from telecine.assets.shelf import Shelf
from telecine.clock import Clock
from telecine.media.spool import OversizeError, spool
from telecine.media.storage import part_key
from telecine.nouns.errors import GatewayError, invalid
from telecine.store import tables
from telecine.store.database import Database
from telecine.store.inserts import upsert

PART: Final = 16 * 1024 * 1024
"""Bytes of a part, unless there would be too many."""
_MOST_PARTS: Final = 1000
ABANDONED: Final = 86400.0
"""Seconds after the last part."""
_SHA256: Final = 64
_A: Final = tables.assets
_P: Final = tables.asset_parts


class Note(Protocol):
    """Notes a file that is still to come, as `Assets.note` does."""

    def __call__(
        self, principal: Principal, wanted: Wanted, *, size: int | None = None, more: Mapping[str, Any]
    ) -> Coroutine[Any, Any, Asset]: ...


class Part(msgspec.Struct, frozen=True):
    """A part that has come."""

    number: int
    bytes: int
    sha256: str


class Upload(msgspec.Struct, frozen=True):
    """A file that comes in parts of `part_size` bytes, the last one of what is left, numbered from 1."""

    asset: Asset
    expires_at: float | None
    """When it is given up, unless more comes; None once it is complete."""
    parts: tuple[Part, ...] = ()

    @property
    def part_size(self) -> int:
        return part_size(self.asset.bytes)


def part_size(size: int) -> int:
    """Bytes of each part but the last of a file of so many."""
    return max(1, math.ceil(size / _MOST_PARTS / PART)) * PART


class Uploads:
    """The uploads of this installation. Another account's is `not_found`."""

    def __init__(self, database: Database, shelf: Shelf, note: Note, arrived: Callable[[], None], clock: Clock) -> None:
        """`arrived` is called when all parts of a file are there."""
        self._database = database
        self._shelf = shelf
        self._noted = note
        self._arrived = arrived
        self._clock = clock

    async def create(self, principal: Principal, size: int, wanted: Wanted) -> Upload:
        """Begin one of `size` bytes. Raises GatewayError: `invalid_request`, `too_large`, `permission` where the
        library is full, `not_found` for its group."""
        due = self._clock.now() + ABANDONED
        asset = await self._noted(principal, wanted, size=size, more={"due": due})
        return Upload(asset, due)

    async def get(self, principal: Principal, asset_id: int) -> Upload:
        """How far it is, so that a client can go on with it. Raises GatewayError (`not_found`)."""
        return await self._database.read(lambda connection: _upload(connection, principal.account_id, asset_id))

    async def expected(self, principal: Principal, asset_id: int, number: int) -> int:
        """The bytes of part `number`. Raises GatewayError, as `put`."""
        return _expected((await self.get(principal, asset_id)).asset, number)

    async def put(self, principal: Principal, asset_id: int, number: int, chunks: AsyncIterator[bytes]) -> Part:
        """Keep a part; one that is there already is replaced.

        Raises GatewayError: `not_found`; `conflict` where the upload is complete; `invalid_request` for a number or a
        size that is not due, `too_large` for more.
        """
        asset = (await self.get(principal, asset_id)).asset
        expected = _expected(asset, number)
        key = part_key(principal.account_id, asset_id, number)
        try:
            async with spool(chunks, self._shelf.folder, expected) as file:
                if file.bytes != expected:
                    raise invalid(f"number: part {number} has {expected} bytes, and {file.bytes} came.", "number")
                await self._shelf.storage.put_file(key, file.path, "application/octet-stream")
        except OversizeError:
            raise GatewayError(
                "too_large", f"Part {number} has {expected} bytes, and more came.", param="number"
            ) from None
        part = Part(number, file.bytes, file.sha256)
        try:
            old = await self._database.change(lambda connection: self._note(connection, principal, asset, part, key))
        except GatewayError:
            await self._shelf.drop([key])
            raise
        await self._shelf.drop([old])
        return part

    async def complete(self, principal: Principal, asset_id: int, sha256: str | None = None) -> Asset:
        """Have the parts put together; the state of the file says how far that is. `sha256`: what the whole has to
        have, in hexadecimal digits.

        Raises GatewayError: `not_found`; `invalid_request` where parts are missing.
        """
        if sha256 is not None and (len(sha256) != _SHA256 or not set(sha256.lower()) <= set("0123456789abcdef")):
            raise invalid(f"sha256: must be {_SHA256} hexadecimal digits.", "sha256")
        now = self._clock.now()
        values = {"state": "processing", "due": now, "updated_at": now, "sha256": sha256 and sha256.lower()}

        def complete(connection: Connection) -> Asset:
            asset = one_asset(connection, principal.account_id, asset_id, lock=True)
            if asset.state != "uploading":
                return asset
            _check_whole(connection, asset)
            connection.execute(update(_A).where(_A.c.id == asset_id).values(values))
            return msgspec.structs.replace(asset, state="processing", updated_at=now)

        found = await self._database.change(complete)
        self._arrived()
        return found

    def _note(self, connection: Connection, principal: Principal, asset: Asset, part: Part, key: str) -> str | None:
        """Note a part that lies under `key`; where the one lies that it replaces."""
        there = one_asset(connection, principal.account_id, asset.id, lock=True)
        if there.state != "uploading":
            raise _complete(asset)
        mine = (_P.c.asset_id == asset.id, _P.c.number == part.number)
        old: str | None = connection.execute(select(_P.c.object_key).where(*mine)).scalar()
        upsert(connection, _P, [{"asset_id": asset.id, "object_key": key, **msgspec.structs.asdict(part)}])
        now = self._clock.now()
        connection.execute(update(_A).where(_A.c.id == asset.id).values(due=now + ABANDONED, updated_at=now))
        return old


def _upload(connection: Connection, account_id: int, asset_id: int) -> Upload:
    asset = one_asset(connection, account_id, asset_id)
    due: float | None = connection.execute(select(_A.c.due).where(_A.c.id == asset_id)).scalar()
    parts = connection.execute(
        select(_P.c.number, _P.c.bytes, _P.c.sha256).where(_P.c.asset_id == asset_id).order_by(_P.c.number)
    )
    return Upload(asset, due if asset.state == "uploading" else None, tuple(Part(*row) for row in parts.all()))


def _expected(asset: Asset, number: int) -> int:
    """The bytes of part `number`. Raises GatewayError."""
    if asset.state != "uploading":
        raise _complete(asset)
    size = part_size(asset.bytes)
    count = math.ceil(asset.bytes / size)
    if not 1 <= number <= count:
        raise invalid(f"number: there are parts 1 to {count} of {size} bytes.", "number")
    return size if number < count else asset.bytes - size * (count - 1)


def _check_whole(connection: Connection, asset: Asset) -> None:
    """Raise GatewayError (`invalid_request`) naming the parts that have not come."""
    there = set(connection.execute(select(_P.c.number).where(_P.c.asset_id == asset.id)).scalars())
    count = math.ceil(asset.bytes / part_size(asset.bytes))
    missing = [str(number) for number in range(1, count + 1) if number not in there]
    if missing:
        more = f" and {len(missing) - 10} more" if len(missing) > 10 else ""
        raise invalid(f"parts: {', '.join(missing[:10])}{more} of {count} have not come.", "parts")


def _complete(asset: Asset) -> GatewayError:
    return GatewayError("conflict", f"The upload of '{asset.name}' is complete.", param="id", may_retry=False)

"""The room of assets with what is below it, and nothing above."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Self

import msgspec
import pytest
from sqlalchemy import insert, select

from telecine.accounts.principal import Principal
from telecine.assets.arrivals import Arrivals
from telecine.assets.asset import Asset, Wanted
from telecine.assets.library import Assets
from telecine.assets.shelf import Shelf
from telecine.config import LimitsConfig
from telecine.media import spool
from telecine.media.intake import Intake
from telecine.media.links import Signer
from telecine.media.reader import Reader
from telecine.media.service import MediaService
from telecine.media.sheets import Sheets
from telecine.media.storage import Storage
from telecine.net.client import Client
from telecine.net.guard import AddressPolicy
from telecine.nouns.ids import IdSource
from telecine.store import tables
from telecine.store.database import Database
from tests.clock import HandClock
from tests.media.fakes import PNG, FakeDecoders, chunked, files_in
from tests.records import writing

BOTH = pytest.mark.parametrize("house", ["sqlite", "postgres"], indirect=True)
ME = Principal(1, 10, "me")
OTHER = Principal(2, 20, "other")


class House:
    """Another one with the same `folder` and `url` is another process."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder, self.url = folder, url
        self.clock = HandClock()
        self.root, self.tmp = folder / "media", folder / "tmp"
        self.database = Database(url)
        self.storage = Storage.on_disk(self.root)
        self.decoders = FakeDecoders()
        self.limits = LimitsConfig()
        intake = Intake(self.storage, self.decoders, AddressPolicy(["127.0.0.0/8"]), self.tmp)
        signer = Signer(b"s" * 32, "http://gateway")
        sheets = Sheets(self.storage, self.decoders, self.tmp)
        self.media = MediaService(self.storage, intake, signer, sheets, self.clock)
        self.shelf = Shelf(self.storage, self.decoders, self.tmp)
        self.client = Client(AddressPolicy(["127.0.0.0/8"]), stall=5)
        self.reader = Reader(self.storage, self.client, self.decoders, self.tmp)
        self.arrivals = Arrivals(self.database, self.shelf, self.reader, self.clock, lambda: self.limits)
        self.other = OTHER
        self.assets = Assets(
            self.database, self.shelf, self.media, clock=self.clock, ids=IdSource(), limits=lambda: self.limits
        )

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[Self]:
        """With two accounts."""
        spool.prepare(self.tmp)
        await self.database.open()
        row = {"created_at": 0, "limited": False, "balance": 0, "held": 0, "spent": 0, "source": "admin"}
        async with writing(self.database) as connection:
            for number, name in ((1, "me"), (2, "other")):
                await connection.execute(insert(tables.accounts).values(id=number, name=name, **row))
        try:
            yield self
        finally:
            await self.arrivals.stop()
            await self.client.close()
            await self.database.close()

    def twin(self) -> House:
        """Another process on the same records and files, with the same time."""
        twin = House(self.folder, self.url)
        twin.clock = twin.arrivals._clock = self.clock
        twin.limits = self.limits
        return twin

    async def arrive(self) -> None:
        """Whatever is due comes, or fails to."""
        await self.arrivals.turn()
        while running := [task for _, task in self.arrivals._running.values()]:
            await asyncio.wait(running)
            await asyncio.sleep(0)

    async def column(self, asset_id: int, *names: str) -> tuple[Any, ...]:
        """What the row of a file says."""
        table = tables.assets
        return tuple(
            (await self.database.rows(select(*(table.c[one] for one in names)).where(table.c.id == asset_id)))[0]
        )

    async def add(self, content: bytes = PNG, principal: Principal = ME, **wanted: Any) -> Asset:
        """A file in the library, later than those before it."""
        self.clock.advance(1)
        return await self.assets.add(principal, chunked(content), Wanted(**wanted))

    def bounded(self, **limits: int) -> None:
        """Change what a library may hold."""
        self.limits = msgspec.structs.replace(self.limits, **limits)

    async def totals(self, account_id: int = 1) -> tuple[int, int, int]:
        """What is counted: files, bytes, bytes of those that were deleted."""
        table = tables.asset_totals
        rows = await self.database.rows(
            select(table.c.files, table.c.bytes, table.c.leaving).where(table.c.account_id == account_id)
        )
        return tuple(rows[0]) if rows else (0, 0, 0)

    @property
    def files(self) -> list[str]:
        """What lies in storage."""
        return files_in(self.root)

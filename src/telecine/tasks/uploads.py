"""Files that a channel's upstream keeps: each file of a library is uploaded there once, for all tasks that use it."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Final

from telecine.nouns.request import MediaInput
from telecine.nouns.task import Attempt
from telecine.providers.base import EachAnew, Put, Uploaded
from telecine.providers.outcomes import NeverSent, Refused
from telecine.tasks.context import Context
from telecine.tasks.writes.uploads import Where, find_upload, forget_upload, keep_upload

_MARGIN: Final = 600.0
"""Seconds for which the upstream has to keep a file at the least, for a job that is to begin with it."""


class Uploads:
    """What the upstream of an attempt's channel calls them. Implements telecine.providers.base.Uploads."""

    def __init__(self, context: Context, attempt: Attempt) -> None:
        self._context = context
        self._attempt = attempt

    async def name_of(self, item: MediaInput, put: Put, place: str = "") -> str | Refused | NeverSent:
        """Tasks of this process that want the same file uploaded wait for the first of them."""
        where = self._where(item, place)
        if where is None:
            return await EachAnew().name_of(item, put)
        context = self._context
        async with context.uploading.setdefault(where, asyncio.Lock()):
            found = partial(find_upload, where=where, until=context.now() + _MARGIN)
            name = await context.database.read(found)
            if name is not None:
                return name
            made = await put()
            if not isinstance(made, Uploaded):
                return made
            await context.database.change(partial(keep_upload, where=where, made=made, now=context.now()))
            return made.upstream_id

    async def forget(self, item: MediaInput, place: str = "") -> None:
        """The next task that wants it uploads it anew."""
        where = self._where(item, place)
        if where is not None:
            await self._context.database.change(partial(forget_upload, where=where))

    def _where(self, item: MediaInput, place: str) -> Where | None:
        address = f"{self._attempt.address}#{place}" if place else self._attempt.address
        return None if item.asset_id is None else (item.asset_id, self._attempt.channel, address)

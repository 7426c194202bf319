"""The media of a request as providers read them: from storage, or fetched from the client's URL."""

from __future__ import annotations

import asyncio
import binascii
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, nullcontext
from pathlib import Path
from typing import Final

from telecine.media.decoders import Decoders
from telecine.media.fetches import Fetches
from telecine.media.formats import kind_of
from telecine.media.intake import look
from telecine.media.spool import borrowed, spool
from telecine.media.storage import Storage
from telecine.net.client import Client, FetchError
from telecine.net.spool import Spooled
from telecine.nouns.errors import GatewayError, invalid
from telecine.nouns.request import MediaInput, Role
from telecine.providers.base import no_address

_PARAM: Final = "inputs"
_MAX_FETCH: Final = 512 * 1024 * 1024
_FETCH_SECONDS: Final = 600.0
_SLICE: Final = 3 * 256 * 1024
"""Bytes; whole groups of three, so that the base64 of slices is that of the whole."""
LEAST_RATE: Final = 16 * 1024.0
"""Bytes a second in which an input has to come, on the whole, once its grace is over."""
GRACE: Final = 40.0
"""Seconds; longer than silence is waited for, which may pass."""
# What a server answers that may well answer otherwise in a while.
_LATER: Final = frozenset({408, 425, 429})


class Reader:
    """Opens scopes. `max_bytes` is the largest file that is fetched from a URL."""

    def __init__(
        self,
        storage: Storage,
        client: Client,
        decoders: Decoders,
        folder: Path,
        max_bytes: int = _MAX_FETCH,
        *,
        fetches: Fetches | None = None,
        grace: float = GRACE,
        link: Callable[[str], str] | None = None,
    ) -> None:
        """`client` should be one of its own, so that clients' slow servers take no connection from anything else.

        `folder` holds copies for as long as their scope is open. `grace`: seconds for which any rate will do. `link`:
        the URL at which upstreams can have a stored file, by its key; None where they cannot reach this machine.
        """
        self._storage = storage
        self._client = client
        self._decoders = decoders
        self._folder = folder
        self._max_bytes = max_bytes
        self.fetches = fetches or Fetches()
        self._grace = grace
        self._link = link

    async def url_of(self, key: str, role: Role) -> str:
        """Where an upstream can have the object. Raises GatewayError where it is gone, or nowhere."""
        if self._link is None:
            raise no_address(role)
        if await self._storage.size(key) is None:
            raise _gone()
        return self._link(key)

    @asynccontextmanager
    async def scope(
        self, account_id: int, aside: Callable[[], AbstractAsyncContextManager[None]] = nullcontext
    ) -> AsyncIterator[Scope]:
        """A MediaReader for one step of one task of an account; its copies are deleted when the block ends.

        Each fetch, which takes as long as the client's server likes, is done within an `aside()`.
        """
        async with AsyncExitStack() as copies:
            yield Scope(self, account_id, aside, copies)

    @asynccontextmanager
    async def stored(self, key: str) -> AsyncIterator[Path]:
        """The object as a local file. Raises GatewayError where it is gone."""
        async with AsyncExitStack() as stack:
            try:
                path = await stack.enter_async_context(borrowed(self._storage, key, self._folder))
            except FileNotFoundError:
                raise _gone() from None
            yield path

    @asynccontextmanager
    async def fetched(self, item: MediaInput, limit: int, account_id: int) -> AsyncIterator[Path]:
        """What lies at the item's URL, as a local file. Raises GatewayError and, for what may pass, FetchError."""
        cap = min(limit, self._max_bytes)
        async with self.brought(item.url or "", item.role, cap, account_id) as file:
            await look(self._decoders, file.path, kind_of(item.role), _PARAM, account_id)
            yield file.path

    @asynccontextmanager
    async def brought(self, url: str, what: str, cap: int, account_id: int) -> AsyncIterator[Spooled]:
        """What lies at `url`, of at most `cap` bytes, as a local file; `what` is the word for it in errors. Raises
        GatewayError and, for what may pass, FetchError."""
        async with AsyncExitStack() as stack:
            try:
                async with self.fetches.one(account_id, url):
                    file = await self._fetch(url, what, cap, stack)
            except FetchError as error:
                if error.refused:
                    raise invalid(f"The {what} URL cannot be used: {error.reason}.", _PARAM) from None
                raise
            yield file

    async def _fetch(self, url: str, role: str, cap: int, stack: AsyncExitStack) -> Spooled:
        """The file at `url`, which lives as long as `stack`. Raises GatewayError where it drips, and FetchError."""
        try:
            async with (
                asyncio.timeout(self._grace) as limit,
                self._client.stream(url, timeout=_FETCH_SECONDS, max_bytes=cap) as answer,
            ):
                _judge(answer.status, role)
                return await stack.enter_async_context(spool(_extending(answer.chunks, limit), self._folder, cap))
        except TimeoutError:
            message = (
                f"The {role} URL sends its file too slowly: after {self._grace:g} seconds, "
                f"{LEAST_RATE:.0f} bytes a second have to come."
            )
            raise invalid(message, _PARAM) from None


async def _extending(chunks: AsyncIterator[bytes], limit: asyncio.Timeout) -> AsyncIterator[bytes]:
    """`chunks`; each moves the limit on by as long as it may take at the least rate."""
    try:
        async for chunk in chunks:
            when = limit.when()
            if when is not None:
                limit.reschedule(when + len(chunk) / LEAST_RATE)
            yield chunk
    finally:
        if isinstance(chunks, AsyncGenerator):
            await chunks.aclose()


class Scope:
    """Implements telecine.providers.base.MediaReader. Asking again for the same item costs nothing."""

    def __init__(
        self,
        reader: Reader,
        account_id: int,
        aside: Callable[[], AbstractAsyncContextManager[None]],
        copies: AsyncExitStack,
    ) -> None:
        self._reader = reader
        self._account_id = account_id
        self._aside = aside
        self._copies = copies
        self._paths: dict[str, Path] = {}

    async def as_url(self, item: MediaInput) -> str:
        """The client's own URL; of a stored file, one of ours that ends in some hours. Raises GatewayError."""
        if item.object_key is None and item.url is not None:
            return item.url
        return await self._reader.url_of(item.object_key or "", item.role)

    async def as_base64(self, item: MediaInput, limit: int) -> str:
        """The whole of a file of at most `limit` bytes. Raises GatewayError and, for what may pass, FetchError."""
        return await asyncio.to_thread(_base64_of, await self.as_upload(item, limit))

    async def as_upload(self, item: MediaInput, limit: int | None = None) -> Path:
        """A local copy of the file, to be read only; it lives as long as the scope. Raises as `as_base64` does."""
        limit = _MAX_FETCH if limit is None else limit
        path = await self._path(item, limit)
        size = (await asyncio.to_thread(path.stat)).st_size
        if size > limit:
            raise GatewayError(
                "too_large", f"The {item.role} has {size} bytes; at most {limit} can be sent on.", param=_PARAM
            )
        return path

    async def _path(self, item: MediaInput, limit: int) -> Path:
        name = item.object_key or f"{item.role} {item.url}"
        if name not in self._paths:
            if item.object_key is not None:
                self._paths[name] = await self._copies.enter_async_context(self._reader.stored(item.object_key))
            else:
                async with self._aside():
                    fetched = self._reader.fetched(item, limit, self._account_id)
                    self._paths[name] = await self._copies.enter_async_context(fetched)
        return self._paths[name]


def _base64_of(path: Path) -> str:
    """The file in base64. Other threads have their turn between its slices."""
    text = bytearray()
    with path.open("rb") as file:
        while part := file.read(_SLICE):
            text += binascii.b2a_base64(part, newline=False)
    return text.decode("ascii")


def _gone() -> GatewayError:
    return invalid("A file that the request refers to is no longer kept.", _PARAM)


def _judge(status: int, role: str) -> None:
    if status == 200:
        return
    if 400 <= status < 500 and status not in _LATER:
        raise invalid(f"The {role} URL answers with HTTP {status}; it must be readable without signing in.", _PARAM)
    raise FetchError(f"the {role} URL answers with HTTP {status}", status=status)

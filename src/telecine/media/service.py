"""Everything about media that dialects and the server may use, in one place (telecine.dialects.base.Media)."""

from __future__ import annotations

import math
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from typing import Final, Literal, Protocol

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from telecine.clock import Clock
from telecine.media.formats import Variant
from telecine.media.intake import Intake
from telecine.media.links import OBJECT_SECONDS, Signer
from telecine.media.serve import serve, serve_object
from telecine.media.sheets import Sheets
from telecine.media.storage import Storage
from telecine.nouns.errors import GatewayError
from telecine.nouns.request import MediaInput, Role
from telecine.nouns.task import Output

Find = Callable[[int, int], Awaitable[Output | None]]
FindAsset = Callable[[int], Awaitable[Output | None]]
# A link outlives what `link_expires_at` says, asked up to a minute later.
_MARGIN: Final = 60.0


async def _no_asset(_: int) -> Output | None:
    return None


class Owner(Protocol):
    """What storing needs of a principal; `accounts/` is this package's neighbour, not below it."""

    @property
    def account_id(self) -> int: ...


class MediaService:
    """Stores what clients send, links to what we keep, and serves it."""

    def __init__(self, storage: Storage, intake: Intake, signer: Signer, sheets: Sheets, clock: Clock) -> None:
        self._storage = storage
        self._intake = intake
        self._signer = signer
        self._sheets = sheets
        self._clock = clock

    async def store(
        self, principal: Owner, role: Role, chunks: AsyncIterator[bytes], *, param: str, max_bytes: int
    ) -> MediaInput:
        """Stream an inline file to storage and look at what it is. Raises GatewayError, as Intake.store."""
        return await self._intake.store(principal.account_id, role, chunks, param=param, max_bytes=max_bytes)

    async def discard(self, inputs: Sequence[MediaInput]) -> None:
        """Delete what `store` kept for a request that then came to nothing."""
        for item in inputs:
            if item.object_key is not None and item.asset_id is None:
                await self._storage.delete(item.object_key)

    def check_url(self, url: str, *, param: str) -> None:
        """Raise GatewayError (`invalid_request` naming `param`) for a URL that we would never fetch."""
        self._intake.check_url(url, param=param)

    def link(self, output: Output, variant: Literal["file", "poster"] = "file", *, until: float = 0.0) -> str | None:
        """A signed public URL, good until `until` at the least (seconds since the Unix epoch) and for as long as all
        are; the upstream's own while the file is not stored; None where there is nothing."""
        if output.object_key is None:
            return output.upstream_link if variant == "file" else None
        if variant == "poster" and output.poster_key is None:
            return None
        return self._signer.make(output, variant, self._signer.expiry(self._clock.now() + _MARGIN, until))

    def asset_link(self, asset_id: int, key: str, variant: Literal["file", "poster"] = "file") -> str:
        """A signed public URL of a file of a library, which lies under `key`; good for as long as all are."""
        return self._signer.make_asset(asset_id, key, variant, self._signer.expiry(self._clock.now() + _MARGIN))

    def link_expires_at(self, output: Output) -> float | None:
        """Seconds since the Unix epoch until which `link` certainly works; never later than the link's own end."""
        if output.object_key is None:
            return output.upstream_expires_at
        return float(self._signer.expiry(self._clock.now()))

    def object_link(self, key: str) -> str:
        """A signed public URL of the object under `key`, for an upstream; it ends in some hours."""
        return self._signer.make_object(key, math.ceil(self._clock.now()) + OBJECT_SECONDS)

    def object_of(self, url: str) -> str | None:
        """The key of what an `object_link` that is still good leads to; None for any other URL."""
        return self._signer.object_of(url, self._clock.now())

    def read_object(self, key: str) -> AsyncGenerator[bytes]:
        """The bytes under `key`, in chunks of constant size. Raises FileNotFoundError where they are gone."""
        return self._storage.read(key)

    def ticket(self, name: str) -> str:
        """What opens the thing with this name to whoever has no key, for as long as links are good."""
        return self._signer.ticket(name, self._signer.expiry(self._clock.now() + _MARGIN))

    def admits(self, name: str, ticket: str) -> bool:
        """Whether `ticket` is one that `ticket` made for `name`, and still good."""
        return self._signer.admits(name, ticket, self._clock.now())

    def read(self, output: Output) -> AsyncGenerator[bytes]:
        """The bytes of a stored output, in chunks of constant size. Raises FileNotFoundError where it is gone."""
        if output.object_key is None:
            raise FileNotFoundError("the output is not stored")
        return self._storage.read(output.object_key)

    async def serve(self, request: Request, output: Output, variant: Variant) -> Response:
        """The bytes, with `Range`, `ETag` and the right type, in constant memory. Raises GatewayError (`not_found`)."""
        if variant == "spritesheet":
            await self._sheets.ensure(output)
        return await serve(request, self._storage, output, variant)

    def endpoint(self, find: Find, find_asset: FindAsset = _no_asset) -> Callable[[Request], Awaitable[Response]]:
        """The handler of links.MEDIA_PATH. `find` answers with an output by task id and index, None once deleted;
        `find_asset` with a file of a library, as if it were an output.

        Whoever holds a link needs no key: 403 for a forged or expired one, 404 for what is gone.
        """

        async def media_endpoint(request: Request) -> Response:
            parts = request.path_params
            found = self._signer.verify(parts["output"], parts["ticket"], parts["name"], self._clock.now())
            if found is None:
                return _refusal(GatewayError("permission", "This link is not valid, or has expired."))
            number, index, variant = found
            output = await (find_asset(number) if index is None else find(number, index))
            if output is None:
                return _refusal(GatewayError("not_found", "This file no longer exists."))
            try:
                return await self.serve(request, output, variant)
            except GatewayError as error:
                return _refusal(error)

        return media_endpoint

    async def serve_object(self, request: Request) -> Response:
        """The handler of links.OBJECT_PATH: 403 for a forged or expired link, 404 for what is gone."""
        parts = request.path_params
        folder = f"{parts['account']}/{parts['folder']}"
        key = self._signer.verify_object(folder, parts["ticket"], parts["name"], self._clock.now())
        if key is None:
            return _refusal(GatewayError("permission", "This link is not valid, or has expired."))
        try:
            return await serve_object(request, self._storage, key)
        except GatewayError as error:
            return _refusal(error)


def _refusal(error: GatewayError) -> Response:
    return JSONResponse(
        {"error": {"code": error.code, "message": error.message}},
        status_code=error.status,
        headers={"cache-control": "no-store"},
    )

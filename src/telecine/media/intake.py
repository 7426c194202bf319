"""Media that clients send: inline files go to storage before the task exists, URLs are judged before they are kept."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

from telecine.media.decoders import Decoders, Seen, UndecodableError
from telecine.media.formats import Kind, extension_of, kind_of
from telecine.media.spool import OversizeError, spool
from telecine.media.storage import Storage, input_key
from telecine.net.client import FetchError, checked
from telecine.net.guard import AddressPolicy
from telecine.nouns.errors import GatewayError, invalid
from telecine.nouns.request import MediaInput, Role

_MAX_URL: Final = 8192
NOUNS: Final[dict[Kind, str]] = {"image": "an image", "video": "a video", "audio": "a sound"}
_ANY: Final = "an image, a video or a sound"


class Intake:
    """Takes in what a client sends. Nothing of a request that fails stays behind."""

    def __init__(self, storage: Storage, decoders: Decoders, policy: AddressPolicy, folder: Path) -> None:
        """`folder` holds files while they come."""
        self._storage = storage
        self._decoders = decoders
        self._policy = policy
        self._folder = folder

    async def store(
        self, account_id: int, role: Role, chunks: AsyncIterator[bytes], *, param: str, max_bytes: int
    ) -> MediaInput:
        """Stream one file to storage and look at what it is.

        Raises GatewayError: `too_large`, `invalid_request` naming `param` where it is not what `role` needs, or
        `capacity` where no decoder could be had.
        """
        try:
            async with spool(chunks, self._folder, max_bytes) as file:
                seen = await look(self._decoders, file.path, kind_of(role), param, account_id)
                key = input_key(account_id, extension_of(seen.content_type))
                await self._storage.put_file(key, file.path, seen.content_type)
        except OversizeError:
            message = f"The file in '{param}' is larger than {max_bytes} bytes."
            raise GatewayError("too_large", message, param=param) from None
        except FetchError as error:
            raise GatewayError("capacity", f"'{param}' could not be stored: {error.reason}.", param=param) from None
        return MediaInput(
            role=role,
            object_key=key,
            content_type=seen.content_type,
            bytes=file.bytes,
            sha256=file.sha256,
            width=seen.width,
            height=seen.height,
        )

    def check_url(self, url: str, *, param: str) -> None:
        """Raise GatewayError (`invalid_request` naming `param`) for a URL that we would never fetch.

        Only what the URL itself says is judged; the addresses behind a name are, whenever it is dialled.
        """
        if len(url) > _MAX_URL:
            raise invalid(f"The URL in '{param}' is longer than {_MAX_URL} characters.", param)
        try:
            checked(url, self._policy)
        except FetchError as error:
            raise invalid(f"The URL in '{param}' cannot be used: {error.reason}.", param) from None


async def look(decoders: Decoders, path: Path, wanted: Kind | None, param: str, account_id: int) -> Seen:
    """What the file is that an account sent.

    Raises GatewayError (`invalid_request` naming `param`) where it is not of the kind that is `wanted` (None: any that
    we know), and FetchError where we failed to look.
    """
    noun = _ANY if wanted is None else NOUNS[wanted]
    try:
        seen = await decoders.probe(path, account_id)
    except UndecodableError as error:
        if not error.declined:
            raise FetchError("the file could not be looked at") from None
        raise invalid(f"'{param}' needs {noun} that can be read: {error}.", param) from None
    if wanted is not None and seen.kind != wanted:
        raise invalid(f"'{param}' needs {noun}, not {NOUNS[seen.kind]}.", param)
    return seen

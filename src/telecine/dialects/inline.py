"""Media that come with a request: judged, and stored only once everything else about it is known to be good."""

from __future__ import annotations

import asyncio
import binascii
import hashlib
import re
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from typing import Final

import msgspec
from starlette.datastructures import UploadFile

from telecine.accounts.principal import Principal
from telecine.dialects.base import Edge, Media
from telecine.dialects.bodies import THREAD_FROM, strings
from telecine.dialects.library import check_kind, from_library, is_asset
from telecine.nouns.errors import GatewayError, invalid
from telecine.nouns.ids import ASSET_SCHEME as SCHEME
from telecine.nouns.parameters import Point, VideoParameters, WorkflowParameters
from telecine.nouns.request import GenerationRequest, MediaInput, Role

_CHUNK: Final = 1024 * 1024
_MOST_NAME: Final = 200
"""Characters of the name of an input that an error repeats."""
_FETCHED: Final = re.compile(r"\A\s*(?:https?|ftps?|file|gopher):", re.IGNORECASE)

Look = Callable[[MediaInput, str], None]
"""(stored input, field name): raises GatewayError where the dialect's vendor would refuse it."""


class Source(msgspec.Struct, frozen=True):
    """One input as the client gave it: a `url` (`asset://…` for a file of its library), base64 `data`, or a `file`.
    `param` is the dialect's own field name."""

    role: Role
    param: str
    url: str | None = None
    data: str | None = None
    file: UploadFile | None = None
    trajectory: tuple[Point, ...] = ()
    fills: str | None = None
    """The input of a workflow that it is for."""

    def same(self, other: Source) -> bool:
        """Whether both are one picture, as far as the request itself tells."""
        if self.file is None or other.file is None:
            return self.file is other.file and (self.url, self.data) == (other.url, other.data)
        return self.file.size == other.file.size and _digest(self.file) == _digest(other.file)

    def placeholder(self) -> MediaInput:
        """What is known before anything is read."""
        return MediaInput(self.role, url=self.url, trajectory=self.trajectory, fills=self.fills)


def merged(lists: Iterable[Sequence[Source]]) -> list[Source]:
    """The media that came under several names for one thing, each of them once, in the order of whoever names most."""
    found: list[Source] = []
    for more in lists:
        if not _without(more, found):
            continue
        rest = _without(found, more)
        found = [*more] if not rest else [*found, *_without(more, found)]
    return found


def _without(some: Sequence[Source], others: Sequence[Source]) -> list[Source]:
    """Those of `some` that are not among `others`; what is there twice must be there twice."""
    left = list(others)
    rest: list[Source] = []
    for one in some:
        twin = next((index for index, other in enumerate(left) if one.same(other)), None)
        if twin is None:
            rest.append(one)
        else:
            del left[twin]
    return rest


def is_url(text: str) -> bool:
    """Whether `text` is meant as an address: on the web, or in the client's library."""
    return text[:8].lower().startswith(("http://", "https://", SCHEME))


def _digest(file: UploadFile) -> bytes:
    """SHA-256 of a spooled file, which is then again at its beginning."""
    digest = hashlib.sha256()
    file.file.seek(0)
    while chunk := file.file.read(_CHUNK):
        digest.update(chunk)
    file.file.seek(0)
    return digest.digest()


def data_of(text: str, param: str) -> str | None:
    """The base64 text in a data URL, None where `text` is none. Raises GatewayError for one that is not base64."""
    if text[:5].lower() != "data:":
        return None
    head, comma, data = text.partition(",")
    if not comma or not head.lower().endswith(";base64"):
        raise invalid(f"{param}: a data URL must be base64 (data:image/png;base64,…).", param)
    return data


async def keep_media(
    edge: Edge,
    principal: Principal,
    request: GenerationRequest,
    sources: Sequence[Source],
    *,
    max_bytes: int,
    look: Look | None = None,
    hook: str = "callback_url",
) -> GenerationRequest:
    """`request` with its `sources` as inputs, inline ones in our storage. Raises GatewayError.

    Nothing is stored before the whole request has been checked and all base64 has been decoded, and nothing stays
    stored where an error is raised. `hook` is the dialect's own name of the URL for webhooks.
    """
    request, brought = files_of(request)
    check_urls(edge.media, request, hook)
    sources = [*sources, *brought]
    if not sources:
        return request
    for source in sources:
        if source.url is not None and not is_asset(source.url) and edge.media.object_of(source.url) is None:
            edge.media.check_url(source.url, param=source.param)
    there = [await _there(edge, principal, source, look) for source in sources]
    known = [one or source.placeholder() for one, source in zip(there, sources, strict=True)]
    planned = msgspec.structs.replace(request, inputs=tuple(known))
    if None not in there:
        return planned
    edge.tasks.check(principal, planned)
    inputs = await stored(edge, principal, sources, max_bytes=max_bytes, look=look, there=there)
    return msgspec.structs.replace(request, inputs=tuple(inputs))


async def stored(
    edge: Edge,
    principal: Principal,
    sources: Sequence[Source],
    *,
    max_bytes: int,
    look: Look | None = None,
    there: Sequence[MediaInput | None] = (),
) -> list[MediaInput]:
    """`sources` in our storage, all or none of them; `there` has those of which nothing has to be stored. Raises
    GatewayError, before anything is stored where one of them is no base64 or is too large."""
    there = there or [None for _ in sources]
    contents = [await _decoded(source, max_bytes) for source in sources]
    inputs: list[MediaInput] = []
    try:
        for source, content, one in zip(sources, contents, there, strict=True):
            if one is not None:
                inputs.append(one)
                continue
            chunks = chunks_of(source.file) if source.file is not None else _slices(content)
            if source.url is not None:
                chunks = _copied(edge.media, source)
            kept = await edge.media.store(principal, source.role, chunks, param=source.param, max_bytes=max_bytes)
            inputs.append(msgspec.structs.replace(kept, trajectory=source.trajectory, fills=source.fills))
            if look is not None:
                look(kept, source.param)
    except BaseException:
        await edge.media.discard(inputs)
        raise
    return inputs


async def _there(edge: Edge, principal: Principal, source: Source, look: Look | None) -> MediaInput | None:
    """The input where nothing of it has to be stored: at a URL of the client's, or in its library. What a link of our
    own leads to is copied, for it ends. Raises GatewayError."""
    if source.url is None or edge.media.object_of(source.url) is not None:
        return None
    if not is_asset(source.url):
        return source.placeholder()
    found = await from_library(edge.assets, principal, source.url, source.param)
    if source.fills is None:
        check_kind(found, source.role, source.param)
        found = msgspec.structs.replace(found, role=source.role, trajectory=source.trajectory)
    if look is not None:
        look(found, source.param)
    return msgspec.structs.replace(found, fills=source.fills)


def check_urls(media: Media, request: GenerationRequest, hook: str) -> None:
    """Raise GatewayError for a callback where we would never call, and where a field that is only passed on holds a URL
    that we would never fetch: the upstream might be asked to fetch it in our name."""
    if request.callback_url is not None:
        media.check_url(request.callback_url, param=hook)
    native, given = request.native, request.parameters
    if isinstance(given, VideoParameters) and given.character_url is not None:
        media.check_url(given.character_url, param="parameters.character_url")
    for name, raw in native.fields.items() if native is not None else ():
        check_texts(media, msgspec.json.decode(raw), name)
    for name, value in given.input_values.items() if isinstance(given, WorkflowParameters) else ():
        # Of several words nobody fetches the first: a prompt may begin with a URL.
        check_texts(media, [one for one in strings(value) if len(one.split(maxsplit=1)) == 1], name[:_MOST_NAME])


def check_texts(media: Media, value: object, param: str) -> None:
    """Raise GatewayError, naming `param`, where a JSON value that is only passed on holds a URL that we would never
    fetch."""
    for text in strings(value):
        if ":" in text and _FETCHED.match(text):
            media.check_url(text.strip(), param=param)


def files_of(request: GenerationRequest) -> tuple[GenerationRequest, list[Source]]:
    """`request` without the input values that are files, as URLs or data URLs, and these files. Raises GatewayError for
    a data URL that is none."""
    given = request.parameters
    if not isinstance(given, WorkflowParameters):
        return request, []
    files = [source for key, value in given.input_values.items() if (source := _file(key, value)) is not None]
    if not files:
        return request, []
    named = {one.fills for one in files}
    values = {key: value for key, value in given.input_values.items() if key not in named}
    return msgspec.structs.replace(request, parameters=msgspec.structs.replace(given, input_values=values)), files


def _file(key: str, value: object) -> Source | None:
    """The file that an input value is, if it is one. Raises GatewayError."""
    if not isinstance(value, str):
        return None
    text = value.strip()
    name = key.lower()
    role: Role = "video" if "video" in name else "audio" if "audio" in name else "image"
    if (_FETCHED.match(text) or is_asset(text)) and not any(one.isspace() for one in text):
        return Source(role, key, url=text, fills=key)
    data = data_of(text, key) if text[:5].lower() == "data:" and "," in text else None
    return None if data is None else Source(role, key, data=data, fills=key)


async def _decoded(source: Source, max_bytes: int) -> bytes:
    """The bytes behind base64; none for a file, whose size alone is looked at."""
    size = source.file.size if source.file is not None else len(source.data or "") * 3 // 4
    if (size or 0) > max_bytes:
        raise GatewayError(
            "too_large", f"{source.param}: the file is larger than {max_bytes} bytes.", param=source.param
        )
    if source.data is None:
        return b""
    large = len(source.data) >= THREAD_FROM
    content = await asyncio.to_thread(_from_base64, source.data) if large else _from_base64(source.data)
    if not content:
        raise invalid(f"{source.param}: is neither an http(s) URL nor base64.", source.param)
    return content


def _from_base64(text: str) -> bytes | None:
    """The bytes, None where `text` is not base64. Line breaks and a missing `=` are let pass, as `base64 -d` does."""
    if "\n" in text:
        text = text.replace("\r", "").replace("\n", "")
    found = bytearray()
    try:
        for start in range(0, len(text), _CHUNK):  # between slices, other threads have their turn
            part = text[start : start + _CHUNK]
            if start + _CHUNK < len(text) and "=" in part:
                return None
            found += binascii.a2b_base64(part + "=" * (-len(part) % 4), strict_mode=True)
    except ValueError:
        return None
    return bytes(found)


async def _copied(media: Media, source: Source) -> AsyncIterator[bytes]:
    """What a link of our own leads to. Raises GatewayError where that is gone."""
    try:
        async for chunk in media.read_object(media.object_of(source.url or "") or ""):
            yield chunk
    except FileNotFoundError:
        raise invalid(f"{source.param}: this file no longer exists.", source.param) from None


async def _slices(content: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(content), _CHUNK):
        yield content[start : start + _CHUNK]


async def chunks_of(file: UploadFile) -> AsyncIterator[bytes]:
    """The bytes of a file that came in a form."""
    while chunk := await file.read(_CHUNK):
        yield chunk

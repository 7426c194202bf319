"""Form bodies with bracket keys, which the OpenAI SDKs always send for `POST /v1/videos`.

`metadata[k]=v`, `images[]=a`, `nested[b][]=1`, `input_reference[image_url]=https://…` (measured with openai-python and
openai-node). Values stay strings; files are spooled to disk by Starlette.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import AsyncGenerator, Collection
from contextlib import aclosing
from tempfile import SpooledTemporaryFile
from typing import Any, Final

from python_multipart.multipart import parse_options_header
from starlette.datastructures import FormData, Headers, UploadFile
from starlette.formparsers import FormParser, MultiPartException, MultiPartParser
from starlette.requests import Request

from telecine.dialects.bodies import SPOOL_FROM, Allowance, Body, take_room
from telecine.nouns.errors import ErrorCode, GatewayError, invalid

_MAX_TEXT: Final = 1024 * 1024
_MAX_TEXTS: Final = 4 * 1024 * 1024
# A picture of 50 MB as a data URL would not fit; whoever sends a form can send the file itself.
_MAX_DATA_URL: Final = 32 * 1024 * 1024
_TOO_LONG: Final = f"Its texts exceeded maximum size of {_MAX_TEXTS // 1024}KB."
_MAX_FIELDS: Final = 200
_MAX_FILES: Final = 20
_MAX_KEYS: Final = 8
_NAME: Final = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)")
_EXTENDED: Final = re.compile(rb"(;\s*filename)\*(?=\s*=)", re.IGNORECASE)
_MEDIA: Final = ("image/", "video/", "audio/")
_LOOK: Final = 4096
_TYPES: Final = ("multipart/form-data", "application/x-www-form-urlencoded")


def is_form(request: Request) -> bool:
    """Whether the body says that it is a form; everything else is read as JSON."""
    return _type_of(request) in _TYPES


def _type_of(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


async def read_form(request: Request, media: Collection[str]) -> Body:
    """The form in the request's body. `media` fields may hold data URLs, may be there more than once, and become lists.

    The caller closes the request, which deletes the spooled files. Raises GatewayError (`invalid_request`,
    `too_large`, `capacity`).
    """
    try:
        form = await _parsed(request, media)
    except MultiPartException as error:
        code: ErrorCode = "too_large" if "exceeded maximum size" in error.message else "invalid_request"
        raise GatewayError(code, f"The form cannot be read: {error.message}") from None
    except (ValueError, KeyError) as error:
        raise invalid("The form cannot be read.") from error
    texts: list[tuple[str, str]] = []
    files: list[tuple[str, UploadFile]] = []
    for name, value in form.multi_items():
        if isinstance(value, str):
            texts.append((name, value))
        elif value.filename is None and not await _is_file(value):
            texts.append((name, await _text(request, name, value)))
        elif value.size or value.filename:  # a browser sends an empty part for a file field left alone
            files.append((name.partition("[")[0], value))
    return Body(nest(texts, media), files=tuple(files), parts=frozenset(form))


async def _is_file(value: UploadFile) -> bool:
    """Whether a part without a file name is a file all the same: its type says so, or it is no text."""
    if (value.content_type or "").strip().lower().startswith(_MEDIA):
        return bool(value.size)
    beginning = await value.read(_LOOK)
    await value.seek(0)
    try:
        codecs.getincrementaldecoder("utf-8")().decode(beginning)  # the last character may be cut
    except UnicodeDecodeError:
        return True
    return b"\0" in beginning


async def _text(request: Request, name: str, value: UploadFile) -> str:
    """What a media field holds that is no file: a URL, or a data URL. Raises GatewayError."""
    size = value.size or 0
    if size > _MAX_DATA_URL:
        raise GatewayError(
            "too_large", f"{name[:64]}: at most {_MAX_DATA_URL} bytes; send the file itself.", param=name[:64]
        )
    if size > SPOOL_FROM:
        await take_room(request, size)
    return (await value.read()).decode("utf-8", "replace")


class _WholeForm(MultiPartParser):
    """Refuses a body that ends before its last boundary: Starlette drops the part that is cut, without a word.

    Fields of `media` are spooled as files are, named or not, because they may be long. A file name that is there in the
    extended form alone (`filename*`, RFC 5987), which Starlette overlooks, is a file name.
    """

    def __init__(self, headers: Headers, stream: AsyncGenerator[bytes, None], media: Collection[str]) -> None:
        super().__init__(
            headers, self._whole(stream), max_files=_MAX_FILES, max_fields=_MAX_FIELDS, max_part_size=_MAX_TEXT
        )
        self._media = media
        self._texts = 0
        self._ended = False

    def on_headers_finished(self) -> None:
        part = self._current_part
        if b"filename" not in parse_options_header(part.content_disposition)[1]:
            part.content_disposition = _EXTENDED.sub(rb"\1", part.content_disposition or b"")
        super().on_headers_finished()
        if part.file is None and part.field_name.partition("[")[0] in self._media:
            file = SpooledTemporaryFile(max_size=self.spool_max_size)  # noqa: SIM115  closed with the request
            self._files_to_close_on_error.append(file)
            part.file = UploadFile(file, size=0, headers=Headers(raw=part.item_headers))  # type: ignore[arg-type]

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        if self._current_part.file is None:
            self._texts += end - start
            if self._texts > _MAX_TEXTS:
                raise MultiPartException(_TOO_LONG)
        super().on_part_data(data, start, end)

    def on_end(self) -> None:
        self._ended = True

    async def _whole(self, stream: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
        async for chunk in stream:
            yield chunk
        if not self._ended:
            raise MultiPartException("The body ends before its last boundary.")


async def _short(stream: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    """A body that is all text. Raises MultiPartException."""
    seen = 0
    async for chunk in stream:
        seen += len(chunk)
        if seen > _MAX_TEXTS:
            raise MultiPartException(_TOO_LONG)
        yield chunk


async def _parsed(request: Request, media: Collection[str]) -> FormData:
    """Raises MultiPartException."""
    multipart = _type_of(request) == _TYPES[0]
    allowance: Allowance | None = request.scope.get("allowance")
    if multipart and allowance is not None:
        allowance.most = allowance.form
    async with aclosing(request.stream()) as stream:
        if not multipart:
            text = FormParser(request.headers, _short(stream), max_fields=_MAX_FIELDS, max_part_size=_MAX_TEXT)
            return await text.parse()
        request._form = await _WholeForm(
            request.headers, stream, media
        ).parse()  # where `request.close` looks for files
        return request._form


def nest(pairs: list[tuple[str, str]], repeatable: Collection[str] = ()) -> dict[str, Any]:
    """The object that the bracket keys of `pairs` describe. Raises GatewayError (`invalid_request`)."""
    fields: dict[str, Any] = {}
    for name, value in pairs:
        match = _NAME.fullmatch(name)
        if match is None or "\0" in name or "\0" in value:
            raise invalid(f"The form field '{name[:64]}' cannot be read.", name[:64])
        keys = [match[1], *match[2][1:-1].split("][")] if match[2] else [match[1]]
        if len(keys) > _MAX_KEYS:
            raise invalid(f"'{name[:64]}' is nested more than {_MAX_KEYS} deep.", name[:64])
        if keys == [match[1]] and keys[0] in repeatable:
            keys.append("")
        _put(fields, keys, value, name)
    return fields


def _put(fields: dict[str, Any], keys: list[str], value: str, name: str) -> None:
    """Store `value` under the path of `keys`, making the lists and objects on the way."""
    holder: Any = fields
    for key, following in zip(keys, [*keys[1:], None], strict=True):
        fresh: Any = value if following is None else [] if _is_index(following) else {}
        held = _held(holder, key, following)
        if held is None:
            if isinstance(holder, list) and _is_index(key):
                if key and int(key[:4]) != len(holder):
                    raise invalid(f"'{name[:64]}' leaves out an index.", keys[0])
                holder.append(fresh)
            elif isinstance(holder, dict):
                holder[key] = fresh
            else:
                raise invalid(f"'{name[:64]}' is a list and an object at once.", keys[0])
            held = fresh
        elif following is None or type(held) is not type(fresh):
            raise invalid(f"The form field '{name[:64]}' is there twice.", keys[0])
        holder = held


def _held(holder: Any, key: str, following: str | None) -> Any:
    """What `holder` has under `key` already; None where something new is to be put there."""
    if isinstance(holder, dict):
        return holder.get(key)
    if not _is_index(key):
        return None
    if key:
        return holder[int(key)] if len(key) < 4 and int(key) < len(holder) else None
    last = holder[-1] if holder else None
    return last if isinstance(last, dict) and following is not None and following not in last else None


def _is_index(key: str) -> bool:
    return not key or (key.isascii() and key.isdigit())

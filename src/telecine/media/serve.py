"""Files over HTTP: one range at a time, strong tags, a type allow-list, constant memory (RFC 9110, 13 and 14)."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Final

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from telecine.media.formats import Variant, extension_of, type_of
from telecine.media.sheets import sheet_key
from telecine.media.storage import Storage
from telecine.nouns.errors import GatewayError
from telecine.nouns.ids import output_id
from telecine.nouns.kinds import EXTENSIONS
from telecine.nouns.task import Output

MAX_AGE: Final = 24 * 3600
_RANGE: Final = re.compile(r"bytes=[ \t]*(\d{0,18})-(\d{0,18})[ \t]*", re.IGNORECASE | re.ASCII)


class _UnsatisfiableError(Exception):
    """The range begins after the end."""


async def serve(request: Request, storage: Storage, output: Output, variant: Variant) -> Response:
    """One variant of a stored output, as GET or HEAD asks for it. Raises GatewayError (`not_found`)."""
    key = _key(output, variant)
    if key is None:
        raise _nothing()
    return await _served(request, storage, key, _headers(output, variant, key))


async def serve_object(request: Request, storage: Storage, key: str) -> Response:
    """The object under `key`, which says nothing of itself but its name. Raises GatewayError (`not_found`)."""
    return await _served(request, storage, key, _about(type_of(key), key.rpartition("/")[2], key))


async def _served(request: Request, storage: Storage, key: str, headers: dict[str, str]) -> Response:
    size = await storage.size(key)
    if size is None:
        raise _nothing()
    if _matches(request.headers.get("if-none-match"), headers["etag"]):
        return Response(status_code=304, headers=headers)
    if request.method == "HEAD":
        return Response(headers=headers | {"content-length": str(size)})
    try:
        part = _part(request, headers["etag"], size)
    except _UnsatisfiableError:
        refusal = {name: headers[name] for name in ("accept-ranges", "x-content-type-options")}
        return Response(status_code=416, headers=refusal | {"content-range": f"bytes */{size}"})
    start, end = part or (0, size)
    headers["content-length"] = str(end - start)
    if part:
        headers["content-range"] = f"bytes {start}-{end - 1}/{size}"
    return _Body(storage.read(key, start, end), status_code=206 if part else 200, headers=headers)


class _Body(StreamingResponse):
    """Ends the reading at once when the client hangs up, not when the garbage collector comes by."""

    def __init__(self, chunks: AsyncGenerator[bytes, None], *, status_code: int, headers: dict[str, str]) -> None:
        super().__init__(chunks, status_code=status_code, headers=headers)
        self._chunks = chunks

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with aclosing(self._chunks):
            await super().__call__(scope, receive, send)


def _nothing() -> GatewayError:
    return GatewayError("not_found", "There is no such file, or it is not stored yet.")


def _key(output: Output, variant: Variant) -> str | None:
    if output.object_key is None or variant == "file":
        return output.object_key
    return output.poster_key if variant == "poster" else sheet_key(output.object_key)


def _headers(output: Output, variant: Variant, key: str) -> dict[str, str]:
    """What every answer about this file carries. Only listed types are shown by a browser; the rest are downloads."""
    content_type = output.content_type if variant == "file" else type_of(key)
    name = output_id(output.task_id, output.index) + ("" if variant == "file" else f"-{variant}")
    return _about(content_type, f"{name}.{extension_of(content_type)}", f"{(output.sha256 or key)[:32]}-{variant}")


def _about(content_type: str | None, name: str, tag: str) -> dict[str, str]:
    shown = content_type in EXTENSIONS
    disposition = "inline" if shown else "attachment"
    return {
        "content-type": content_type if shown and content_type else "application/octet-stream",
        "content-disposition": f'{disposition}; filename="{name}"',
        "etag": f'"{tag}"',
        "accept-ranges": "bytes",
        "cache-control": f"private, max-age={MAX_AGE}, immutable",
        "x-content-type-options": "nosniff",
        "content-security-policy": "sandbox",
    }


def _matches(condition: str | None, tag: str) -> bool:
    """Whether `If-None-Match` names `tag`, weakly compared."""
    if condition is None:
        return False
    tags = [one.strip() for one in condition.split(",")]
    return tag in tags or f"W/{tag}" in tags or "*" in tags


def _part(request: Request, tag: str, size: int) -> tuple[int, int] | None:
    """The asked-for bytes as (start, exclusive end); None for the whole file.

    A header that we do not understand, several ranges, and a range of another version (`If-Range`) all mean the whole.
    """
    asked = _RANGE.fullmatch(request.headers.get("range", ""))
    condition = request.headers.get("if-range")
    if asked is None or (condition is not None and condition.strip() != tag):
        return None
    first, last = asked.groups()
    if not first:
        return _suffix(last, size)
    start = int(first)
    if last and int(last) < start:
        return None
    if start >= size:
        raise _UnsatisfiableError
    return start, min(int(last) + 1, size) if last else size


def _suffix(length: str, size: int) -> tuple[int, int] | None:
    if not length:
        return None
    if int(length) == 0 or size == 0:
        raise _UnsatisfiableError
    return max(0, size - int(length)), size

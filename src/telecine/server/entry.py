"""What is looked at in every request before anyone else sees it: its path, its `Host`, its coding."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Final
from urllib.parse import parse_qsl, unquote

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import Scope

from telecine.nouns.errors import GatewayError, invalid
from telecine.nouns.text import check_plain, control_in

_MOST_HEADER_BYTES: Final = 64 * 1024
_SLASHES: Final = re.compile(rb"/{2,}")
_CONTROL: Final = re.compile(rb"%(?:[01]|7[fF]|[cC]2%[89])")
"""How one may begin in a URL: C0, DEL and C1 in UTF-8."""
_NO_BODY: Final = ("GET", "HEAD", "OPTIONS")
_MARKS: Final = {
    b"\xef\xbb\xbf": "begins with a UTF-8 mark (the bytes EF BB BF); send it without one",
    b"\x1f\x8b": "is compressed with gzip; send it as it is, without compression",
    b"\xff\xfe": "is in UTF-16; send it in UTF-8",
    b"\xfe\xff": "is in UTF-16; send it in UTF-8",
    b"{\0": "is in UTF-16; send it in UTF-8",
    b"\0{": "is in UTF-16; send it in UTF-8",
}


_OPEN_PATHS: Final = frozenset({"/", "/healthz", "/readyz", "/metrics", "/openapi.json", "/docs", "/docs/style.css"})
_OPEN_FOLDERS: Final = ("/media/", "/callbacks/")
_CALLBACKS: Final = "/callbacks"
"""A callback that lost its token is told that there is nothing here, like one whose token is wrong."""


class Openness:
    """Which paths need no key: the server's own, and what dialects say: paths, and folders, which end in a slash."""

    def __init__(self, more: Collection[str] = ()) -> None:
        self._paths = _OPEN_PATHS | {one for one in more if not one.endswith("/")}
        self._folders = (*_OPEN_FOLDERS, *(one for one in more if one.endswith("/")))

    def of(self, path: str) -> bool:
        """Whether `path` needs none."""
        return path in self._paths or path == _CALLBACKS or path.startswith(self._folders)


def tidy(scope: Scope, openness: Openness, folded: Collection[str] = ()) -> None:
    """Take doubled slashes and those at the end out of the path, and the case where it does not matter (`folded`), so
    that all that looks at it sees the same one.

    A slash that is written `%2F` is part of a name, and stays.
    """
    path: str = scope["path"]
    scope["open"] = openness.of(path)
    if "//" in path or (path != "/" and path.endswith("/")):
        raw = _SLASHES.sub(b"/", scope["raw_path"]).rstrip(b"/") or b"/"
        scope["raw_path"], scope["path"] = raw, unquote(raw.decode("ascii"))
        scope["open"] = scope["open"] and openness.of(scope["path"])
    if (lower := scope["path"].lower()) in folded:
        scope["raw_path"], scope["path"] = lower.encode("ascii"), lower


def needs_key(scope: Scope) -> bool:
    """Whether a path that has been tidied is for those with a key. What a proxy is told to keep from the public, such
    as `/metrics`, is not open under other spellings."""
    return not scope["open"]


def check(scope: Scope, headers: Headers) -> None:
    """Raise HTTPException: 400 for a request that does not say which host it is for (RFC 9112, section 3.2), 415 for a
    body that is compressed, 431 for headers that are too large."""
    size = hosts = 0
    for name, value in scope["headers"]:
        size += len(name) + len(value)
        hosts += name == b"host"
    if size > _MOST_HEADER_BYTES:
        raise HTTPException(431, "The request's headers are larger than 64 KiB.")
    if hosts > 1 or (not hosts and scope["http_version"] == "1.1"):
        many = "more than one 'Host' header" if hosts else "no 'Host' header"
        raise HTTPException(400, f"The request has {many}; it needs exactly one.", {"connection": "close"})
    coding = headers.get("content-encoding", "").strip().lower()
    if coding not in ("", "identity") and scope["method"] not in _NO_BODY:
        told = f"The body is compressed ('Content-Encoding: {coding[:32]}'); send it as it is, without that header."
        raise HTTPException(415, told, {"accept-encoding": "identity"})


def check_target(scope: Scope) -> None:
    """Raise GatewayError for a control character in the path, which is no thing's name, or in the query: nothing of it
    may reach the records."""
    if _CONTROL.search(scope["raw_path"]) and (found := control_in(scope["path"])):
        raise GatewayError("not_found", f"There is nothing at this path: it holds the control character {found}.")
    query: bytes = scope["query_string"]
    if _CONTROL.search(query):
        for name, value in parse_qsl(query.decode("latin-1"), keep_blank_values=True):
            if found := control_in(name):
                raise invalid(f"The name of a query parameter holds the control character {found}.")
            check_plain(value, name)


def refuse_mark(beginning: bytes) -> None:
    """Raise GatewayError (`invalid_request`) where a body begins as no text that we read does."""
    for mark, what in _MARKS.items():
        if beginning.startswith(mark):
            raise invalid(f"The body {what}.")


def shown(path: str) -> str:
    """`path` as it may be logged: without a link's ticket and a callback's token, which open doors by themselves."""
    for prefix, parts in (("/media/", 3), ("/callbacks/", 2)):
        if path.startswith(prefix):
            return "/".join(path.split("/")[:parts])
    return path


def too_large(most: int) -> GatewayError:
    """For a body of more than `most` bytes."""
    return GatewayError("too_large", f"The request's body is larger than {most} bytes.")

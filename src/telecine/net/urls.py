"""URLs that others made: sent byte for byte, for a signature is over the bytes, and compared in one normal form."""

from __future__ import annotations

import re
import socket
from contextlib import suppress
from functools import lru_cache
from ipaddress import IPv4Address
from string import punctuation
from typing import Final
from urllib.parse import SplitResult, quote

from yarl import URL

_SPACE: Final = " \t\r\n\f\v"
_END: Final = re.compile(r"[/?#]")
"""What may end an authority."""
_QUERY: Final = re.compile(r"[?#]")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")


def sent_as(url: str) -> URL:
    """`url` as it goes out: its host is brought into the form that is resolved, path and query stay as they are.

    Only what no request line can hold is encoded: spaces, and whatever is not ASCII. A fragment is not sent. Raises
    ValueError for what is no URL, and for control characters, which other readers drop or take for a line's end.
    """
    beginning, path = divided(url)
    here = origin(beginning)
    # Path and query stand together as the path, which yarl hands on as it is: an empty query has its mark as well.
    return URL(SplitResult(here.scheme, here.raw_authority, path, "", ""), encoded=True)


def divided(url: str) -> tuple[str, str]:
    """(what stands before the path, path and query as they go out) of a URL. Raises ValueError as `sent_as`."""
    url = url.strip(_SPACE)
    if _CONTROL.search(url):
        raise ValueError("a control character")
    start = _start_of_path(url)
    return url[:start], _encoded(_path(url[start:]))


@lru_cache(maxsize=512)
def origin(beginning: str) -> URL:
    """Scheme and authority, as they go out, of a URL with this beginning. Raises ValueError for what is none."""
    read = URL(beginning)
    if not read.absolute or not read.raw_host or read.host_subcomponent is None:
        raise ValueError("no host")
    port = "" if read.explicit_port is None else f":{read.explicit_port}"
    user = f"{read.raw_user or ''}{':' if read.raw_password is not None else ''}{read.raw_password or ''}"
    authority = f"{user}{'@' if user else ''}{read.host_subcomponent}{port}"
    made = URL(SplitResult(read.scheme, authority, "/", "", ""), encoded=True)
    if made.raw_host != read.raw_host or made.port != read.port:
        raise ValueError("no plain host")
    return made


def joined(here: str, location: str) -> str:
    """Where a redirect from `here` to `location` leads (RFC 3986, section 5.2); an absolute one stays as it is."""
    location = location.strip(_SPACE)
    scheme, colon, _ = location.partition(":")
    if colon and scheme[:1].isalpha() and all(one.isalnum() or one in "+-." for one in scheme):
        return location
    here = here.strip(_SPACE)
    before, _, rest = here.partition("://")
    if location.startswith("//"):
        return f"{before}:{location}"
    origin = f"{before}://{rest[: _first(_END, rest)]}"
    path = _path(here[_start_of_path(here) :])
    if location.startswith("/"):
        return f"{origin}{location}"
    if location[:1] in ("", "#"):
        return f"{origin}{path}"
    path = path.partition("?")[0]
    if location.startswith("?"):
        return f"{origin}{path}{location}"
    cut = _first(_QUERY, location)
    return f"{origin}{_without_dots(path[: path.rfind('/') + 1] + location[:cut])}{location[cut:]}"


def origin_of(url: str) -> str:
    """Scheme, host and port in one form for all ways of writing them; `url` itself where it is none that is fetched.

    Case, a default port, the dot at a name's end, credentials, Unicode names and other spellings of an address make no
    difference.
    """
    try:
        target = sent_as(url)
    except ValueError:
        return url
    host = (target.raw_host or "").lower().rstrip(".")
    with suppress(OSError, ValueError):
        host = str(IPv4Address(socket.inet_aton(host)))  # as whoever resolves it reads 0x7f.1 and its like
    return f"{target.scheme}://{host}:{target.port}"


def _start_of_path(url: str) -> int:
    """Where the authority of an absolute URL ends."""
    scheme = url.find("://")
    return _first(_END, url, scheme + 3 if scheme >= 0 else len(url))


def _first(marks: re.Pattern[str], text: str, start: int = 0) -> int:
    """Where the first of `marks` stands, else the end."""
    found = marks.search(text, start)
    return len(text) if found is None else found.start()


def _path(rest: str) -> str:
    """Path and query of what stands behind the authority."""
    path = rest.partition("#")[0]
    return path if path.startswith("/") else f"/{path}"


def _encoded(text: str) -> str:
    if text.isascii() and " " not in text:
        return text
    return quote(text.encode("utf-8", "surrogateescape"), safe=punctuation)


def _without_dots(path: str) -> str:
    """`path` without `.` and `..` (RFC 3986, section 5.2.4)."""
    kept: list[str] = []
    *folders, last = path.split("/")[1:]
    for segment in folders:
        if segment == "..":
            del kept[-1:]
        elif segment != ".":
            kept.append(segment)
    if last in (".", ".."):
        del kept[len(kept) - (last == "..") :]
        last = ""
    return "/" + "/".join([*kept, last])

"""Offers to go on with another protocol (RFC 9110, section 7.8). Java's own client, `curl --http2` and much of Spring
make one with each request, and do without where it is not taken."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

_OFFER: Final = (b"upgrade", b"http2-settings")


def without_offer(method: bytes, url: bytes, version: str, headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """The head of a request, written again without the offer; names are in lower case."""
    lines = [b"%s %s HTTP/%s" % (method, url, version.encode())]
    for name, value in headers:
        if name in _OFFER:
            continue
        if name == b"connection":
            tokens = [token.strip() for token in value.split(b",")]
            value = b", ".join(token for token in tokens if token and token.lower() not in _OFFER)  # noqa: PLW2901
            if not value:
                continue
        lines.append(name + b": " + value)
    return b"\r\n".join([*lines, b"", b""])

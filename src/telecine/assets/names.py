"""What files and groups may be called."""

from __future__ import annotations

from typing import Final
from urllib.parse import unquote, urlsplit

from telecine.nouns.errors import invalid
from telecine.nouns.text import check_plain, plain

MOST_NAME: Final = 200
"""Characters."""
_NAMELESS: Final = "file"


def checked_name(text: str) -> str:
    """`text`, if it can name something. Raises GatewayError (`invalid_request`)."""
    text = checked_text(text, "name", MOST_NAME)
    if not text:
        raise invalid("name: must not be blank.", "name")
    return text


def checked_text(text: str, param: str, most: int) -> str:
    """`text` without blanks at its ends. Raises GatewayError (`invalid_request`) naming `param`."""
    text = check_plain(text, param).strip()
    if len(text) > most:
        raise invalid(f"{param}: at most {most} characters.", param)
    return text


def name_of(called: str | None) -> str:
    """A name for what its client has not named, from the name of its file, or its URL."""
    path = urlsplit(called).path if called and "://" in called[:16] else called or ""
    last = plain(unquote(path)).replace("\\", "/").rstrip("/").rpartition("/")[2].strip()
    return last[-MOST_NAME:].strip() or _NAMELESS

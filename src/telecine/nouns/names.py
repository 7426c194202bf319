"""What keys and accounts may be called: in the configuration file, in the admin API, everywhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from telecine.nouns.errors import invalid

ERASED: Final = "erased-"
"""How the pseudonyms of erased accounts begin."""
_MOST: Final = 100


def check_name(text: str) -> str:
    """`text`, if it can name something that is shown, and that has a path of its own in the admin API.

    Raises ValueError, whose text goes on from "a name": it must have 1 to 100 printable characters …
    """
    if not 1 <= len(text) <= _MOST or not text.isprintable() or "/" in text or text != text.strip():
        raise ValueError(f"must have 1 to {_MOST} printable characters, no '/', and no blank at its ends")
    if text in (".", ".."):
        raise ValueError("must not be '.' or '..'")
    return text


def check_account_name(text: str) -> str:
    """The same for accounts: no living one may look like one that was erased. Raises ValueError."""
    if text.startswith(ERASED):
        raise ValueError(f"must not begin with '{ERASED}'")
    return check_name(text)


def named(param: str, text: str, check: Callable[[str], str]) -> str:
    """`text` if `check` lets it pass. Raises GatewayError (`invalid_request`) naming the field."""
    try:
        return check(text)
    except ValueError as error:
        raise invalid(f"{param}: {error}.", param) from None

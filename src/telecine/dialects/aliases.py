"""Several names for one thing: what they say has to agree."""

from __future__ import annotations

from typing import TypeVar

from telecine.nouns.errors import invalid

T = TypeVar("T")


def agreed(*said: tuple[str, T | None]) -> T | None:
    """What the names that were sent say, each a pair of the name and its value, brought into one form before.

    None where nobody says anything. Raises GatewayError (`invalid_request`) where two say different things.
    """
    first, meant = "", None
    for name, value in said:
        if value is None or value == meant:
            continue
        if meant is not None:
            raise invalid(f"{first} and {name} say different things; send one of them.", first)
        first, meant = name, value
    return meant

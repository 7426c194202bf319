"""How hard a secret that somebody chose is to guess, as far as a look at it can tell."""

from __future__ import annotations

import string
from itertools import pairwise
from math import log2
from typing import Final

ENOUGH: Final = 96.0
"""Bits. An estimate cannot see 128 of them exactly; random texts that have them lie above this, also short ones."""
HOW: Final = "use a random text, such as `openssl rand -base64 32` prints"
_LEAST: Final = 22
"""128 bits in base 64."""
_FEW: Final = 7
"""Random texts of that length have more distinct characters."""
_CLASSES: Final = (string.ascii_lowercase, string.ascii_uppercase, string.digits)
_OTHERS: Final = 32


def is_strong(text: str) -> bool:
    """Whether `text` looks like 128 random bits."""
    return len(text) >= _LEAST and len(set(text)) >= _FEW and bits(text) >= ENOUGH


def bits(text: str) -> float:
    """An estimate of what is random in `text`: its characters without repetitions and runs, by their alphabet."""
    unit = _unit(text)
    codes = [ord(one) for one in unit]
    steps = [after - before for before, after in pairwise(codes)]
    runs = sum(1 for before, after in pairwise(steps) if before == after and abs(after) <= 1)
    return (len(unit) - runs) * log2(_alphabet(unit))


def _unit(text: str) -> str:
    """The shortest text of which `text` is a repetition."""
    return next((text[:size] for size in range(1, len(text)) if text[size:] == text[:-size]), text)


def _alphabet(text: str) -> int:
    """How many characters `text` seems to be drawn from."""
    if not text:
        return 1
    if any(set(text) <= set(digits) for digits in (string.hexdigits.lower(), string.hexdigits.upper())):
        return 10 if text.isdecimal() else 16
    size = sum(len(one) for one in _CLASSES if set(one) & set(text))
    return size + (0 if text.isalnum() and text.isascii() else _OTHERS)

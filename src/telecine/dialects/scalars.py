"""Small values as clients write them: numbers as strings, booleans as words, sizes as ratios."""

from __future__ import annotations

import math
import re
from typing import Annotated, Final

import msgspec

from telecine.nouns.errors import invalid
from telecine.nouns.text import check_plain
from telecine.wires.scalars import Number

Seed = Annotated[int, msgspec.Meta(ge=-(2**63))]

_NUMBER: Final = re.compile(r"\d{1,6}(\.\d{1,6})?", re.ASCII)
_INTEGER: Final = re.compile(r"(-?\d{1,20})(?:\.0{1,20})?", re.ASCII)
MOST: Final = 2**63 - 1
MOST_SEED: Final = 2**64 - 1
"""Seeds are unsigned numbers of 64 bits at some vendors and signed ones at others."""
_PAIR: Final = re.compile(r"([1-9]\d{0,4})[x:]([1-9]\d{0,4})", re.ASCII)
_RESOLUTION: Final = re.compile(r"[1-9]\d{2,3}p|[1-9]k", re.ASCII)
# "ture" is what the documents of one relay print.
_WORDS: Final = {"true": True, "ture": True, "1": True, "on": True, "false": False, "0": False, "off": False}


def seconds(value: Number | None, param: str) -> float | None:
    """A duration of up to a day. Raises GatewayError (`invalid_request`) naming `param`."""
    if value is None:
        return None
    if isinstance(value, str) and not _NUMBER.fullmatch(value):
        raise invalid(f"{param}: '{value[:40]}' is no number of seconds.", param)
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not 0 < number <= 86_400:
        raise invalid(f"{param}: must be more than 0 seconds and at most a day.", param)
    return number


def is_number(value: str) -> bool:
    """Whether `value` is a plain decimal number, 0 or more."""
    return _NUMBER.fullmatch(value) is not None


def integer(value: float | str | None, param: str, *, least: int = -(2**63), most: int = MOST) -> int | None:
    """A whole number, also as text, and with nothing but zeros behind its point (`1234.0`).

    Raises GatewayError (`invalid_request`) naming `param`.
    """
    if value is None:
        return None
    if isinstance(value, str):
        match = _INTEGER.fullmatch(value)
        if match is None:
            raise invalid(f"{param}: '{value[:40]}' is no whole number.", param)
        number = int(match[1])
    elif value % 1 == 0:
        number = int(value)
    else:
        raise invalid(f"{param}: {value:g} is no whole number.", param)
    if not least <= number <= most:
        raise invalid(f"{param}: is out of range; it must be from {least} to {most}.", param)
    return number


def seed(value: float | str | None, param: str) -> int | None:
    """A seed: a whole number, unsigned or signed, of 64 bits. Raises GatewayError naming `param`."""
    return integer(value, param, most=MOST_SEED)


def flag(value: bool | str | None, param: str) -> bool | None:
    """True or false, as JSON or as a word. Raises GatewayError (`invalid_request`) naming `param`."""
    if not isinstance(value, str):
        return value
    found = _WORDS.get(value.lower())
    if found is None:
        raise invalid(f"{param}: must be true or false, not '{value[:40]}'.", param)
    return found


def pair(value: str, param: str) -> tuple[int, int]:
    """`WIDTHxHEIGHT` or `W:H`. Raises GatewayError (`invalid_request`) naming `param`."""
    match = _PAIR.fullmatch(value.lower())
    if match is None:
        raise invalid(f"{param}: '{value[:40]}' is neither WIDTHxHEIGHT nor W:H.", param)
    return int(match[1]), int(match[2])


def is_pair(value: str) -> bool:
    """Whether `value` is `WIDTHxHEIGHT` or `W:H`."""
    return _PAIR.fullmatch(value.lower()) is not None


def aspect_ratio(value: str | None, param: str) -> str | None:
    """`W:H`, also from `WxH`. Raises GatewayError (`invalid_request`) naming `param`."""
    if value is None:
        return None
    width, height = pair(value, param)
    return f"{width}:{height}"


def resolution(value: str | None, param: str) -> str | None:
    """`720p`, `1080p`, `2k`, `4k` in lower case. Raises GatewayError (`invalid_request`) naming `param`."""
    if value is None:
        return None
    if not _RESOLUTION.fullmatch(value.lower()):
        raise invalid(f"{param}: '{value[:40]}' is no resolution such as 720p, 1080p or 4k.", param)
    return value.lower()


def metadata(value: dict[str, str] | None) -> dict[str, str] | None:
    """At most 16 short strings (OpenAI's limits). Raises GatewayError (`invalid_request`)."""
    if value and len(value) > 16:
        raise invalid(f"metadata: has {len(value)} entries; at most 16.", "metadata")
    for name, text in (value or {}).items():
        if len(name) > 64 or len(text) > 512:
            raise invalid("metadata: names have at most 64 characters and values 512.", "metadata")
        check_plain(name, "metadata")
    return value or None

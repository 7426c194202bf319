"""Ids: 63-bit integers, 41 bits of milliseconds since 2025-01-01 and 22 unpredictable bits.

A dialect changes only how an id is written; every form parses back, so a task made in one dialect can be read in any
other. Ids carry no routing and no secrets: whoever holds one still needs the owner's key.
"""

from __future__ import annotations

import re
import secrets
import threading
from collections.abc import Callable
from typing import Final

import msgspec

from telecine.nouns.reference import Reference, ReferenceKind

EPOCH_MS: Final = 1_735_689_600_000  # 2025-01-01T00:00:00Z
RANDOM_BITS: Final = 22
_ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32, lower case
_DIGITS: Final = {character: value for value, character in enumerate(_ALPHABET)}
_HEX: Final = "0123456789abcdef"
_WIDTH: Final = 13  # base-32 digits in 63 bits
_UUID_LENGTH: Final = 36
MAX_ID: Final = (1 << 63) - 1


class IdSource:
    """Makes ids that never repeat within this process, in whichever of its threads."""

    def __init__(self) -> None:
        self._millisecond = 0
        self._used: set[int] = set()
        self._one = threading.Lock()

    def next(self, now: float) -> int:
        """A new id for the moment `now` (seconds since the Unix epoch)."""
        with self._one:
            millisecond = max(int(now * 1000) - EPOCH_MS, self._millisecond)
            if millisecond != self._millisecond:
                self._millisecond = millisecond
                self._used.clear()
            while (random := secrets.randbits(RANDOM_BITS)) in self._used:
                pass
            self._used.add(random)
        return (millisecond << RANDOM_BITS) | random


def made_at(number: int) -> float:
    """The moment for which an id was made, in seconds since the Unix epoch."""
    return ((number >> RANDOM_BITS) + EPOCH_MS) / 1000


def to_base32(number: int) -> str:
    """`number` as 13 lower-case alphanumeric characters that sort as the numbers do."""
    return "".join(_ALPHABET[(number >> shift) & 31] for shift in range(5 * (_WIDTH - 1), -1, -5))


def from_base32(text: str) -> int | None:
    """The number that `to_base32` wrote, or None where `text` is no such thing."""
    if len(text) != _WIDTH:
        return None
    number = 0
    for character in text.lower():
        digit = _DIGITS.get(character)
        if digit is None:
            return None
        number = number << 5 | digit
    return number if number <= MAX_ID else None


def video_id(task_id: int) -> str:
    """The form of OpenAI's Videos API: `video_…`."""
    return f"video_{to_base32(task_id)}"


def image_id(task_id: int) -> str:
    """The form of OpenAI-like tasks that make pictures: `image_…`."""
    return f"image_{to_base32(task_id)}"


def tsk_id(task_id: int) -> str:
    """The form of our own task API: `tsk_…`."""
    return f"tsk_{to_base32(task_id)}"


ASSET_SCHEME: Final = "asset://"
"""What stands before the id of a file of a library, where media URLs are taken: as Volcengine's Ark has it, whose
Seedance models take such URLs."""


def asset_id(number: int) -> str:
    """The form of files that an account keeps: `asset_…`."""
    return f"asset_{to_base32(number)}"


def group_id(number: int) -> str:
    """The form of groups of such files: `group_…`."""
    return f"group_{to_base32(number)}"


def output_id(task_id: int, index: int) -> str:
    """One output's id, reversible and lower-case alphanumeric (google-genai cuts file ids at any other character)."""
    return f"{to_base32(task_id)}{index:02x}"


def parse_output_id(text: str) -> tuple[int, int] | None:
    """The (task id, index) in an output's id, or None."""
    task_id = from_base32(text[:_WIDTH])
    if task_id is None or len(text) != _WIDTH + 2:
        return None
    tail = text[_WIDTH:].lower()
    return (task_id, int(tail, 16)) if all(digit in _HEX for digit in tail) else None


def uuid_form(task_id: int) -> str:
    """A UUID of version 8 (RFC 9562): its first 16 digits are the id, apart from the version between them."""
    digits = f"{task_id:016x}"
    return f"{digits[:8]}-{digits[8:12]}-8{digits[12:15]}-8{digits[15]}00-000000000000"


def clip_id(task_id: int, item: int) -> str:
    """One of a task's results by its number (from 0 on), before it is made: the UUID of the task with that at its
    end, counted from 1."""
    return f"{uuid_form(task_id)[:-2]}{item + 1:02x}"


def parse_clip_id(text: str) -> tuple[int, int] | None:
    """The (task id, number of the result) in what `clip_id` wrote, or None."""
    number = parse_task_id(f"{text[:-2]}00")
    tail = text[-2:].lower()
    if number is None or len(text) != _UUID_LENGTH or tail == "00" or not set(tail) <= set(_HEX):
        return None
    return number, int(tail, 16) - 1


class IdForm(msgspec.Struct, frozen=True):
    """How a dialect writes the id of a task. Every dialect reads all forms: `parse_task_id`."""

    name: str
    form: Callable[[int, str], str]

    def write(self, task_id: int, model: str = "") -> str:
        """The id of a task; `model` is its public model name, which one form has before it."""
        return self.form(task_id, model)


DECIMAL: Final = IdForm("decimal", lambda task_id, _: str(task_id))
VIDEO: Final = IdForm("video_", lambda task_id, _: video_id(task_id))
IMAGE: Final = IdForm("image_", lambda task_id, _: image_id(task_id))
TSK: Final = IdForm("tsk_", lambda task_id, _: tsk_id(task_id))
TASK: Final = IdForm("task_", lambda task_id, _: f"task_{to_base32(task_id)}")
UUID: Final = IdForm("uuid", lambda task_id, _: uuid_form(task_id))
RELAY: Final = IdForm("model:task_", lambda task_id, model: f"{model}:task_{to_base32(task_id)}")
CHARACTER: Final = IdForm("char_", lambda task_id, _: f"char_{to_base32(task_id)}")
ALPHANUMERIC: Final = IdForm("alphanumeric", lambda task_id, _: to_base32(task_id))
"""Lower-case letters and digits alone."""
ID_FORMS: Final = (DECIMAL, VIDEO, IMAGE, CHARACTER, TSK, TASK, UUID, RELAY, ALPHANUMERIC)


_KEPT: Final = frozenset({"asset_", "asset-", "group_", "group-"})
"""How the ids of what an account keeps begin, here and at vendors."""
_UUID: Final = re.compile(r"([0-9a-f]{8})-([0-9a-f]{4})-8([0-9a-f]{3})-8([0-9a-f])00-0{12}")


def parse_task_id(text: str) -> int | None:
    """The task id in any dialect's form (decimal, `video_…`, `image_…`, `char_…`, `tsk_…`, `task_…`, `model:task_…`, a
    UUID, 13 letters and digits), or None."""
    if text.isascii() and text.isdigit() and len(text) != _WIDTH:
        number = int(text) if len(text) < 20 else MAX_ID + 1
        return number if number <= MAX_ID else None
    if len(text) == _WIDTH:  # even where it is all digits: no decimal id is as short as that
        return from_base32(text)
    if (found := _UUID.fullmatch(text.lower())) is not None:
        number = int("".join(found.groups()), 16)
        return number if number <= MAX_ID else None
    _, _, tail = text.rpartition(":")
    prefix, _, digits = tail.partition("_")
    return from_base32(digits) if prefix in {"video", "image", "char", "tsk", "task"} else None


def parse_asset_id(text: str) -> int | None:
    """The id of an asset or of a group in any form (decimal, `asset_…`, `asset-…`, `group_…`, `group-…`, a UUID, 13
    letters and digits), or None."""
    if text[:6].lower() in _KEPT:
        return from_base32(text[6:])
    return parse_task_id(text)


def reference_to(text: str, kind: ReferenceKind, *, elsewhere: bool = False) -> Reference:
    """What a client means by the id `text` of something of that `kind`: what we made, in any dialect's form, or what
    the upstream calls so. `elsewhere` as in Reference."""
    if kind == "task":
        task, output = parse_task_id(text), None
        if task is not None and not text.isdigit() and len(text) != _WIDTH:  # others write such ids too
            return Reference(task=task)
    else:
        task, output = parse_output_id(text) or (None, None)
        if kind == "clip" and (named := parse_clip_id(text)) is not None:
            return Reference(task=named[0], item=named[1], upstream_id=text, kind=kind, elsewhere=elsewhere)
    return Reference(task=task, output=output, upstream_id=text, kind=kind, elsewhere=elsewhere)

"""Patterns of model names, as channels and prices write them: `*` any text, `?` one character, `[…]` one of some."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from typing import Final

_MARK: Final = re.compile(r"\*|\?|\[.[^\]]{0,62}\]")
_ANY: Final = "*"
_ONE: Final = "?"


def is_glob(text: str) -> bool:
    """Whether `text` stands for more than the one name that it spells out."""
    return "*" in text or "?" in text or "[" in text


def matches(pattern: str, name: str) -> bool:
    """Whether `pattern`, a name or a glob, stands for `name`."""
    return pattern == name or (is_glob(pattern) and fnmatchcase(name, pattern))


def specificity(pattern: str) -> tuple[int, int]:
    """How much of a name a glob spells out, to be compared: characters written out, then those that it counts."""
    marks = _MARK.findall(pattern)
    return len(_MARK.sub("", pattern)), sum(1 for mark in marks if mark != _ANY)


def overlap(one: str, other: str) -> bool:
    """Whether some name is matched by both. A set of characters is taken for any character."""
    left, right = _parts(one), _parts(other)
    meet = [[False] * (len(right) + 1) for _ in range(len(left) + 1)]  # whether what follows there can be the same
    for i in range(len(left), -1, -1):
        for j in range(len(right), -1, -1):
            if i == len(left) or j == len(right):
                meet[i][j] = all(part == _ANY for part in (*left[i:], *right[j:]))
            elif _ANY in {left[i], right[j]}:
                meet[i][j] = meet[i + 1][j] or meet[i][j + 1]
            else:
                meet[i][j] = (_ONE in {left[i], right[j]} or left[i] == right[j]) and meet[i + 1][j + 1]
    return meet[0][0]


def _parts(pattern: str) -> tuple[str, ...]:
    """Single characters; `*` and `?` for the marks."""
    parts: list[str] = []
    at = 0
    while at < len(pattern):
        found = _MARK.match(pattern, at)
        mark = found[0] if found else pattern[at]
        parts.append(_ONE if len(mark) > 1 else mark)
        at += len(mark)
    return tuple(parts)

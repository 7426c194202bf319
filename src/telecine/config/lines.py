"""Where in a TOML file a setting stands: readers of it have no line numbers, and people need them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from telecine.config.file import ConfigError

_Place = tuple[str | int, ...]
_TOKEN: Final = re.compile(
    r'"""(?:\\.|[^\\])*?"""|\'\'\'.*?\'\'\'|"(?:\\.|[^"\\\n])*"|\'[^\'\n]*\'|#[^\n]*|[\[\]{}\n]', re.DOTALL
)
"""What decides where a statement ends: strings and comments, in which brackets mean nothing, brackets and line ends."""
_KEY: Final = r"""(?:[\w-]+|"[^"\n]*"|'[^'\n]*')"""
_KEYS: Final = rf"\s*({_KEY}(?:\s*\.\s*{_KEY})*)\s*"
_ONE_KEY: Final = re.compile(_KEY)
_HEADER: Final = re.compile(rf"\s*(\[\[?){_KEYS}\]")
_SETTING: Final = re.compile(rf"{_KEYS}=")


def located(error: ConfigError, file: Path | None, content: bytes | None = None) -> ConfigError:
    """`error` with the file and the line of the setting that it is about, where that stands in the file.

    `content`: what was read from `file`; it is read again where that is left out.
    """
    if not error.path or file is None:
        return error
    try:
        text = (file.read_bytes() if content is None else content).decode()
    except (OSError, UnicodeDecodeError):
        return error
    line = line_of(text, error.path)
    key = next((part for part in reversed(error.path) if isinstance(part, str)), "")
    return error if line is None else ConfigError(f"{file}, line {line} ({key}): {error}")


def line_of(text: str, path: _Place) -> int | None:
    """The line, from 1, of the setting at `path`, or of the innermost table around it that the file spells out."""
    places = _places(text)
    return next((places[path[:end]] for end in range(len(path), 0, -1) if path[:end] in places), None)


def _places(text: str) -> dict[_Place, int]:
    """The line of every table and of every key outside inline tables."""
    places: dict[_Place, int] = {}
    counts: Counter[_Place] = Counter()
    table: _Place = ()
    for number, statement in _statements(text):
        if (header := _HEADER.match(statement)) is not None:
            table = _inside(_keys(header[2]), counts, new=header[1] == "[[")
            places.setdefault(table, number)
        elif (setting := _SETTING.match(statement)) is not None:
            places.setdefault((*table, *_keys(setting[1])), number)
    return places


def _inside(keys: _Place, counts: Counter[_Place], *, new: bool) -> _Place:
    """The table of a header; where a part of its name is a list, that is the last table of it so far."""
    place: _Place = ()
    for index, key in enumerate(keys):
        place = (*place, key)
        if new and index == len(keys) - 1:
            counts[place] += 1
        if counts[place]:
            place = (*place, counts[place] - 1)
    return place


def _statements(text: str) -> Iterator[tuple[int, str]]:
    """Every statement with the number of its first line."""
    begin, number, depth = 0, 1, 0
    for token in _TOKEN.finditer(text + "\n"):
        if token[0] in ("[", "{"):
            depth += 1
        elif token[0] in ("]", "}"):
            depth -= 1
        elif token[0] == "\n" and depth <= 0:
            yield number, text[begin : token.start()]
            number += text.count("\n", begin, token.end())
            begin, depth = token.end(), 0


def _keys(dotted: str) -> _Place:
    return tuple(part.strip("\"'") for part in _ONE_KEY.findall(dotted))

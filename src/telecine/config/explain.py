"""What msgspec found wrong with a file, in the words of a person who writes one: which key, and what it may be."""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any, Final, Literal, get_args, get_origin

import msgspec

from telecine.config.file import Config, ConfigError

_QUOTED: Final = re.compile(r"[`']([^`']*)[`']")
_LEAST: Final = re.compile(r"` >= ([^\s,]+)")
_STEP: Final = re.compile(r"\.(\w+)|\[(\d+)\]")
_WORDS: Final = {
    "int": "a whole number",
    "float": "a number",
    "decimal": "a number",
    "str": "a text in quotes",
    "bool": "true or false",
    "array": "a list in brackets",
    "object": "a table",
    "datetime": "a date-time",
}
_GOT: Final = {**_WORDS, "float": "one with a fraction", "decimal": "one with a fraction"}


def explained(error: msgspec.ValidationError) -> ConfigError:
    """The same error with the path of the setting, its key and what is allowed there."""
    text, at, where = str(error).rpartition(" - at `$")
    if not at:
        text, where = where, ""
    path = tuple(int(index) if index else name for name, index in _STEP.findall(where))
    kind = _type_at(path)
    quoted = _QUOTED.findall(text)
    if text.startswith("Object contains unknown field"):
        return ConfigError(f"unknown field `{quoted[0]}`{_instead(quoted[0], _fields(kind))}", *path, quoted[0])
    if text.startswith("Object missing required field"):
        return ConfigError(f"`{quoted[0]}` is missing.", *path, quoted[0])
    if text.startswith("Invalid enum value"):
        return ConfigError(f"'{quoted[0]}' is not known{_instead(quoted[0], _choices(kind))}", *path)
    if text.startswith("Invalid decimal string"):
        return ConfigError("It must be a number.", *path)
    if text.startswith("Expected `") and len(quoted) <= 2:
        bound = _LEAST.search(text)
        wanted = " or ".join(dict.fromkeys(_WORDS.get(one, one) for one in quoted[0].split(" | ") if one != "null"))
        got = f", not {_GOT.get(quoted[1], quoted[1])}" if len(quoted) > 1 else ""
        return ConfigError(f"It must be {wanted}{f', {bound[1]} or more' if bound else ''}{got}.", *path)
    return ConfigError(f"{text}.", *path)


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The one of `known` that looks most like `name`; None where there is none at all."""
    return next(iter(get_close_matches(name, known, n=1, cutoff=0.0)), None)


def _instead(given: str, allowed: Iterable[str]) -> str:
    """What may stand there, as the end of a sentence about `given`, which may not."""
    listed = list(allowed)
    if not listed:
        return "."
    likely = get_close_matches(given, listed, n=1)
    return f"{f'; did you mean `{likely[0]}`?' if likely else '.'} Allowed here: {', '.join(listed)}."


def _type_at(path: Iterable[str | int]) -> Any:
    """The type of the setting at `path`; None where there is no such."""
    kind: Any = Config
    for step in path:
        if isinstance(step, int):
            kind = next((one for one in get_args(_list_of(kind)) if one is not Ellipsis), None)
        else:
            kind = next(
                (field.type for field in msgspec.structs.fields(_table(kind) or _Nothing) if field.name == step), None
            )
    return kind


class _Nothing(msgspec.Struct):
    pass


def _list_of(kind: Any) -> Any:
    return next((one for one in (kind, *get_args(kind)) if get_origin(one) is tuple), None)


def _table(kind: Any) -> Any:
    """The struct that `kind` is, or has among others."""
    return next(
        (one for one in (kind, *get_args(kind)) if isinstance(one, type) and issubclass(one, msgspec.Struct)), None
    )


def _fields(kind: Any) -> tuple[str, ...]:
    table = _table(kind)
    return tuple(table.__struct_fields__) if table is not None else ()


def _choices(kind: Any) -> tuple[str, ...]:
    literal = next((one for one in (kind, *get_args(kind)) if get_origin(one) is Literal), None)
    return tuple(map(str, get_args(literal)))

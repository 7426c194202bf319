"""Form bodies as the OpenAI SDKs send them: `metadata[k]`, `tags[]`, `input_reference[image_url]`, and file parts."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from typing import Any, Final

import msgspec

from telecine.nouns.errors import GatewayError

Pair = tuple[str, str]
_UNQUOTED: Final = str.maketrans({'"': "%22", "\r": "%0D", "\n": "%0A"})
"""How browsers write these in a part's name (HTML, multipart/form-data encoding algorithm)."""
_MAGIC: Final = (
    (b"\x89PNG", "image/png", "png"),
    (b"\xff\xd8\xff", "image/jpeg", "jpg"),
    (b"GIF8", "image/gif", "gif"),
)


class File(msgspec.Struct, frozen=True):
    """A picture that travels in the form."""

    name: str
    content: bytes


def pairs_of(fields: Mapping[str, msgspec.Raw]) -> list[Pair]:
    """JSON fields as the OpenAI SDKs write them: scalars as text, numbers as they were written, a field that is null
    not at all.

    Raises GatewayError (`unsupported_parameter`) naming the first field that would mean something else when it is read.
    """
    found: list[Pair] = []
    for name, raw in fields.items():
        value = json.loads(bytes(raw), parse_int=str, parse_float=str)
        if lost := _lost(value):
            raise GatewayError(
                "unsupported_parameter",
                f"'{name[:64]}' holds {lost}, which the form that this upstream takes cannot say. Leave it out.",
                param=name[:64],
            )
        found += _flat(name, value)
    return found


def _lost(value: Any) -> str | None:
    """What of `value` a form loses, or says so that it is read in another way; None where nothing is."""
    if isinstance(value, dict):
        if all(one is None for one in value.values()):
            return "an empty object"
        if any("[" in name or "]" in name or not name for name in value):
            return "a name with brackets, or none"
        return next(filter(None, map(_lost, value.values())), None)
    if isinstance(value, list):
        return _lost_of_list(value)
    return None


def _lost_of_list(items: list[Any]) -> str | None:
    kinds = {dict if isinstance(one, dict) else list if isinstance(one, list) else str for one in items}
    if not items or None in items:
        return "null in a list" if items else "an empty list"
    if len(kinds) > 1 or kinds == {list}:
        return "a list in a list" if kinds == {list} else "a list of unlike things"
    return _lost_of_objects(items) if kinds == {dict} else None


def _lost_of_objects(items: list[dict[str, Any]]) -> str | None:
    """A reader begins the next object where a name comes again that the one before it has."""
    if any(isinstance(one, dict | list) for item in items for one in item.values()):
        return "lists or objects within a list of objects"
    names = [[name for name, one in item.items() if one is not None] for item in items]
    if not all(names) or any(now[0] not in before for before, now in pairwise(names)):
        return "a list of objects that do not begin alike"
    return next(filter(None, map(_lost, items)), None)


def _flat(name: str, value: Any) -> Iterator[Pair]:
    match value:
        case None:
            return
        case bool():
            yield name, "true" if value else "false"
        case dict():
            for key, one in value.items():
                yield from _flat(f"{name}[{key}]", one)
        case list():
            for one in value:
                yield from _flat(f"{name}[]", one)
        case _:
            yield name, value


def encode(pairs: Iterable[Pair], files: Iterable[File] = ()) -> tuple[str, bytes]:
    """(content type, body). Copies every file once: call it in a thread where there are any."""
    boundary = secrets.token_hex(16)
    parts: list[bytes] = []
    for name, text in pairs:
        parts += [_head(boundary, name), b"\r\n", text.encode("utf-8", "replace"), b"\r\n"]
    for file in files:
        content_type, extension = _kind(file.content)
        head = _head(boundary, file.name, f"{file.name}.{extension}")
        parts += [head, f"Content-Type: {content_type}\r\n\r\n".encode(), file.content, b"\r\n"]
    parts.append(f"--{boundary}--\r\n".encode())
    return f"multipart/form-data; boundary={boundary}", b"".join(parts)


def _head(boundary: str, name: str, filename: str | None = None) -> bytes:
    shown = name.translate(_UNQUOTED)
    ending = f'; filename="{filename}"' if filename else ""
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="{shown}"{ending}\r\n'
    return head.encode("utf-8", "replace")


def _kind(content: bytes) -> tuple[str, str]:
    """(content type, extension) of a picture: OpenAI refuses one whose part says something else."""
    for magic, content_type, extension in _MAGIC:
        if content.startswith(magic):
            return content_type, extension
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "image/webp", "webp"
    return "application/octet-stream", "bin"

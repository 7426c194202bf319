"""Form bodies as the OpenAI SDKs send them: `metadata[k]`, `tags[]`, `input_reference[image_url]`, and file parts."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import msgspec

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
    """JSON fields as form fields: scalars as text, numbers as they were written, null not at all."""
    found: list[Pair] = []
    for name, raw in fields.items():
        found += _flat(name, json.loads(bytes(raw), parse_int=str, parse_float=str))
    return found


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

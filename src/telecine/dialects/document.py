"""The words in which routes are described: what the OpenAPI document and the page at `/docs` say of them."""

from __future__ import annotations

from typing import Any, Final, Literal

import msgspec

Method = Literal["GET", "POST", "PATCH", "PUT", "DELETE"]
Schema = dict[str, Any]
"""JSON Schema."""


class Query(msgspec.Struct, frozen=True):
    """A query parameter, or a header."""

    name: str
    about: str
    schema: Schema = msgspec.field(default_factory=lambda: {"type": "string"})
    required: bool = False


class More(msgspec.Struct, frozen=True):
    """A further answer; `alike` where its body is of the same type as that of the first, else it has none."""

    status: int
    about: str
    alike: bool = False


class Described(msgspec.Struct, frozen=True, kw_only=True):
    """What is said of one method of one route, whoever serves it."""

    answer: Any = None
    """The type of the answer, or a tuple of several that it may have; None where it is no JSON."""
    body: Any = None
    """The same of the body."""
    example: dict[str, Any] | None = None
    status: int = 200
    kind: str = "application/json"
    """The media type of the answer."""
    query: tuple[Query, ...] = ()
    headers: tuple[Query, ...] = ()
    """Those that matter to this route alone."""
    more: tuple[More, ...] = ()
    """Further answers that are no errors."""
    refusal: Any = None
    """The type of what it answers with `status` to a request that it cannot read, where the protocol wants that."""
    error: Any = None
    """The type of its errors, where they are not in the envelope of its group."""
    forms: bool = False
    """The body may come as a form too."""
    binary: bool = False
    """The body may be a file, as it is."""
    open: bool = False
    """No key is needed."""
    creates: bool = False
    """It takes an `Idempotency-Key`."""


class Entry(Described, frozen=True):
    """One method of one route in the document. What our own API takes as `query` is this and nothing else."""

    group: str
    """A dialect's name, or one of the rooms' that are no dialects."""
    method: Method
    path: str
    summary: str


class Sent(msgspec.Struct, frozen=True):
    """A body that is posted to whoever asked for it."""

    group: str
    name: str
    summary: str
    body: Any
    example: dict[str, Any]


PART: Final = (Query("Range", "Only these bytes, such as bytes=0-1023."), Query("If-None-Match", "The ETag you have."))
"""What a route that serves a file takes as headers, and what it answers beside the whole."""
PARTS: Final = (
    More(206, "The bytes that were asked for.", alike=True),
    More(304, "What you have is what there is."),
    More(416, "The range begins after the end."),
)


def whole(name: str, about: str, default: int, most: int) -> Query:
    """A whole number from 1 to `most`."""
    return Query(name, about, {"type": "integer", "minimum": 1, "maximum": most, "default": default})


def one_of(name: str, about: str, words: tuple[str, ...]) -> Query:
    """One of a few words."""
    return Query(name, about, {"type": "string", "enum": list(words)})


def moment(name: str, about: str) -> Query:
    """A time as `telecine.dialects.lookup.moment` reads it."""
    written: list[Schema] = [
        {"type": "number", "minimum": 0, "maximum": 1e12},
        {"type": "string", "format": "date"},
        {"type": "string", "format": "date-time"},
    ]
    return Query(name, f"{about} Seconds since 1970, or ISO 8601 (UTC where no zone is given).", {"anyOf": written})

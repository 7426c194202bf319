"""JSON bodies, strictly: no duplicate keys, no key that is a known one in another spelling, bounded depth
and size.

What is forwarded byte for byte must mean to the upstream what it meant to us, so anything that two JSON readers could
read differently is refused. msgspec reads; of duplicate keys it keeps the last without a word, but what it has read,
written again, then has fewer colons than the body. Whatever it refuses or may have dropped is read once more by the
stdlib's reader, which costs several times as much and knows what is wrong.
"""

from __future__ import annotations

import asyncio
import gc
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain, islice
from tempfile import TemporaryFile
from typing import Any, Final, TypeVar

import msgspec
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope

from telecine.dialects.base import edge_of, principal_of
from telecine.nouns.errors import GatewayError, invalid

MAX_UNKNOWN: Final = 256 * 1024
"""Bytes of fields that are only passed through; agents send 10 to 50 kB of them."""
THREAD_FROM: Final = 256 * 1024
"""Bytes from which parsing would hold up the event loop."""
_OURS: Final = ("callback", "webhook", "hookurl", "notif", "apibase", "baseurl", "apiurl", "endpoint")
"""Where an upstream would be told to call, or be called. No field that we do not know may say so."""
SPOOL_FROM: Final = 1024 * 1024
"""Bytes from which a body waits on the disk until it has come whole."""
_TAKEN: Final = "room_taken"
_READ: Final = "body_read"
_MAX_DEPTH: Final = 64
_MAX_VALUES: Final = 100_000
_FIELDS: Final = ("unknown field `", "required field `")
"""Before the name of the field, in msgspec's words."""

T = TypeVar("T")


class Body(msgspec.Struct, frozen=True):
    """One create request as it came: its fields, the bytes of each, and the files sent beside them."""

    fields: dict[str, Any]
    content: bytes | None = None
    """What they were read from; None for a form, whose fields have no JSON form of their own."""
    files: tuple[tuple[str, UploadFile], ...] = ()
    parts: frozenset[str] = frozenset()
    """The names in a form, as they stand there: `image` and `image[]` are two."""
    within: str = ""
    """Where in the whole body it stands, as `settings.`; nothing: it is the whole."""

    def inner(self, name: str) -> Body | None:
        """The object in the field `name`, whose unknown fields are then called `name.field`; None where it is none."""
        value = self.fields.get(name)
        if not isinstance(value, dict):
            return None
        content = None if self.content is None else bytes(_RAW.decode(self.content)[name])
        return Body(value, content, within=f"{self.within}{name}.")

    def known(self, known: Known) -> dict[str, Any]:
        """The fields in `known`."""
        return {name: value for name, value in self.fields.items() if name in known.names}

    def unknown(self, known: Known) -> dict[str, msgspec.Raw]:
        """The fields outside `known`, byte for byte.

        Raises GatewayError for a near miss, for too many bytes, and for names that say where somebody should call.
        """
        names = self.fields.keys() - known.names
        if not names:
            return {}
        for name in names:
            meant = known.meant(name)
            if meant is not None:
                at = f"{self.within}{name}"
                raise invalid(f"'{at}' differs from '{meant}' only in how it is written; write '{meant}'.", at)
        _check_names({name: self.fields[name] for name in sorted(names)})
        if self.content is not None:
            # A copy, because a Raw keeps the whole body alive that it was read from.
            raw = _RAW.decode(self.content)
            found = {name: raw[name].copy() for name in sorted(names)}
        else:
            found = {name: msgspec.Raw(msgspec.json.encode(self.fields[name])) for name in sorted(names)}
        if sum(len(bytes(value)) for value in found.values()) > MAX_UNKNOWN:
            raise GatewayError("too_large", f"Unknown fields may hold {MAX_UNKNOWN} bytes at most: {', '.join(found)}.")
        return {f"{self.within}{name}": raw for name, raw in found.items()} if self.within else found


def _folded(name: str) -> str:
    """What is the same for `aspect_ratio`, `aspectRatio` and `Aspect-Ratio`, which some reader takes for one."""
    return name.casefold().replace("_", "").replace("-", "")


class Known:
    """The field names of a wire type."""

    def __init__(self, names: Iterable[str]) -> None:
        self.names = frozenset(names)
        self._folded = {_folded(name): name for name in sorted(self.names)}

    @classmethod
    def of(cls, struct: type[msgspec.Struct]) -> Known:
        """The names that `struct` has on the wire."""
        return cls(struct.__struct_encode_fields__)

    def meant(self, name: str) -> str | None:
        """The field of which `name` is some spelling; None where it is none of them."""
        return self._folded.get(_folded(name))


class Allowance(msgspec.Struct):
    """How many bytes of a request's body the server takes; `most` may be raised to `form` by whoever reads a form."""

    most: int
    form: int


async def read_object(request: Request) -> Body:
    """The JSON object in the request's body, whose size the server bounds whatever type the request says it has.

    Raises GatewayError (`invalid_request`, `too_large`, `capacity`).
    """
    read: Body | None = request.scope.pop(_READ, None)
    if read is not None:
        return read
    content = await _content(request)
    if len(content) < THREAD_FROM:
        return parse_object(content)
    async with edge_of(request).room.alone.place(principal_of(request).account_id):
        return await asyncio.to_thread(parse_object, content)


def keep_read(request: Request, body: Body) -> None:
    """Let the next `read_object` of `request` have what has been read already."""
    request.scope[_READ] = body


async def _content(request: Request) -> bytes:
    """The whole body. A large one waits on the disk until it has come whole and there is room for it: so a slow client
    holds neither memory nor room."""
    held, file = bytearray(), None
    try:
        async for chunk in request.stream():
            if file is None:
                held += chunk
                if len(held) <= SPOOL_FROM:
                    continue
                chunk, file = bytes(held), UploadFile(TemporaryFile(), size=0)  # noqa: PLW2901, SIM115
                held.clear()
            await file.write(chunk)
        if file is None:
            return bytes(held)
        await take_room(request, file.size or 0)
        await file.seek(0)
        return await file.read()
    finally:
        if file is not None:
            await file.close()


async def take_room(request: Request, size: int) -> None:
    """Wait until `size` bytes more of this request may be in memory; until `release`, or the request's end.

    Raises GatewayError (`capacity`).
    """
    room, account_id = edge_of(request).room, principal_of(request).account_id
    taken = await room.take(account_id, size)
    request.scope.setdefault(_TAKEN, []).append(lambda: room.give(account_id, taken))


def release(scope: Scope) -> None:
    """Give back the room that a request has taken: its body is no longer in memory. May be called again."""
    for give in scope.pop(_TAKEN, ()):
        give()


def parse_object(content: bytes) -> Body:
    """The JSON object in `content`. Raises GatewayError (`invalid_request`)."""
    if len(content) > _MAX_VALUES and sum(map(content.count, (b"{", b"[", b","))) > _MAX_VALUES:
        raise invalid("The body has too many values.")
    fields = _read(content)
    doubted = fields is None
    if doubted:
        try:
            fields = _STRICT.decode(content.decode())
        except (ValueError, RecursionError) as error:
            raise invalid(f"The body is not valid JSON: {error}.") from None
    if not isinstance(fields, dict):
        raise invalid("The body must be a JSON object.")
    if _too_deep(fields):
        raise invalid(f"The body is nested more than {_MAX_DEPTH} deep.")
    if doubted:
        _check_characters(fields)
    return Body(fields, content)


def _read(content: bytes) -> Any:
    """The JSON value in `content`; None where that is no JSON, or may have a key twice or what is no text."""
    try:
        value = _ANY.decode(content)
        written = _write(value)
    except (ValueError, RecursionError):
        return None
    whole = written == content or written.count(b":") == content.count(b":")
    return value if whole and not (b"\\" in content and _ESCAPES.search(content)) else None


def present(value: Any) -> Any:
    """`value` without the members that are null or an empty string, which mean absent, at any depth."""
    if isinstance(value, dict):
        return {name: present(one) for name, one in value.items() if one is not None and one != ""}
    if isinstance(value, list):
        return [present(one) for one in value]
    return value


def typed(fields: object, kind: type[T]) -> T:
    """`fields` as the wire type `kind`; a whole float is an integer to clients whose language has only one kind of
    number. Raises GatewayError (`invalid_request`) naming the path of the field."""
    try:
        return msgspec.convert(_whole(fields), kind)
    except msgspec.ValidationError as error:
        raise _located(str(error)) from None


def _whole(value: Any) -> Any:
    """`value` with its whole floats as integers, at any depth; what wants a float takes those too."""
    if isinstance(value, float):
        return int(value) if value.is_integer() else value
    if isinstance(value, dict):
        return {name: _whole(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_whole(one) for one in value]
    return value


def json_response(value: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """`value`, encoded once and without any layer in between."""
    return Response(msgspec.json.encode(value), status, headers, "application/json")


def _located(text: str) -> GatewayError:
    what, at, path = text.rpartition(" - at `$")
    if not at or not path.endswith("`"):
        what, path = text, ""
    path = path.removesuffix("`")
    for words in _FIELDS:
        _, found, name = what.partition(words)
        if found and name.endswith("`"):
            path = f"{path}.{name[:-1]}"
            break
    param = path.removeprefix(".") or None
    what = what.replace("`", "'")
    return invalid(f"{param}: {what}." if param else f"{what}.", param)


def _check_names(fields: dict[str, Any]) -> None:
    """Raise GatewayError where a name, at any depth, is one of `_OURS` however it is written."""
    objects = (one for level in _levels(fields) for one in level if type(one) is dict)
    names = dict.fromkeys(chain.from_iterable(objects))
    found = next(filter(_tells, names), None) if _tells("".join(names)) else None
    if found is not None:
        what = f"'{found[:64]}' says where to call, and is not passed on."
        raise GatewayError("unsupported_parameter", what, param=found[:64])


def _tells(name: str) -> bool:
    plain = _NOISE.sub("", name.lower())
    return any(word in plain for word in _OURS)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The object of `pairs`, each key of which may be there only once."""
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            shown = name.encode("utf-8", "replace").decode()[:64]  # half a surrogate pair could not be sent back
            raise invalid(f"The key '{shown}' is there twice.", shown)
        found[name] = value
    return found


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _levels(value: object) -> Iterator[list[Any]]:
    """What stands in a JSON value, names too, by how deep it stands. C goes down, ten times as fast."""
    level = [value]
    while level:
        yield level
        level = gc.get_referents(*level)


def _too_deep(value: object) -> bool:
    """Whether a list or an object stands within `_MAX_DEPTH` others."""
    within = next(islice(_levels(value), _MAX_DEPTH, None), ())
    return any(isinstance(one, dict | list) for one in within)


def strings(value: object) -> Iterable[str]:
    """Every string in a JSON value once, names among them."""
    return dict.fromkeys(one for level in _levels(value) for one in level if isinstance(one, str))


def _check_characters(fields: dict[str, Any]) -> None:
    """Raise GatewayError for what JSON can write and nothing can store."""
    for path, text in _strings(fields):
        half = _HALF.search(text)
        if half is None and "\0" not in text:
            continue
        where = _HALF.sub("\ufffd", path.removeprefix(".").replace("\0", "\ufffd"))[:128]
        what = f"half of a surrogate pair (\\u{ord(half[0]):04x})" if half else "a NUL character (\\u0000)"
        raise invalid(f"{where}: holds {what}, which is no text. Leave it out.", where)


def _strings(value: object, path: str = "") -> Iterator[tuple[str, str]]:
    """Every text within `value`, names too, with the path at which it stands."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for name, one in value.items():
            yield f"{path}.{name}", name
            yield from _strings(one, f"{path}.{name}")
    elif isinstance(value, list):
        for number, one in enumerate(value):
            yield from _strings(one, f"{path}[{number}]")


_STRICT: Final = json.JSONDecoder(object_pairs_hook=_once, parse_constant=_no_constant)
_ANY: Final = msgspec.json.Decoder()
_RAW: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_write: Final = msgspec.json.Encoder().encode
_ESCAPES: Final = re.compile(rb"\\u00(?:00|3[aA])")
"""NUL, which is no text, and the colon, which msgspec writes as itself."""
_NOISE: Final = re.compile(r"[\W_]+")
_HALF: Final = re.compile("[\ud800-\udfff]")
"""A whole pair is one character by now."""

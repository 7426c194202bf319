"""The OpenAPI 3.1 document at `/openapi.json`: the table of operations, and the schemas of the structs themselves."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from typing import Any, Final

import msgspec

from telecine import __version__
from telecine.dialects.document import Entry, Query, Sent
from telecine.server.described import ENTRIES, ERRORS, GROUPS, SENT

GOOD: Final = "Done."
"""What is said of the first answer."""
_REF: Final = "#/components/schemas/{name}"
_VARIABLE: Final = re.compile(r"\{(\w+)\}")
_WORD: Final = re.compile(r"\w+")


SECURITY: Final[dict[str, dict[str, str]]] = {
    "bearer": {"type": "http", "scheme": "bearer"},
    "x-api-key": {"type": "apiKey", "in": "header", "name": "x-api-key"},
    "x-goog-api-key": {"type": "apiKey", "in": "header", "name": "x-goog-api-key"},
    "key": {"type": "apiKey", "in": "query", "name": "key"},
}


_SIGNED: Final = (
    Query("webhook-id", "The same over all tries of one message.", required=True),
    Query("webhook-timestamp", "Of this try, in seconds since 1970.", required=True),
    Query("webhook-signature", "One or two, as Standard Webhooks have them: v1,…", required=True),
)


@cache
def document(server: str = "/") -> dict[str, Any]:
    """The whole document; `server` is the URL under which the paths lie."""
    refs, schemas = _schemas(ENTRIES, SENT)
    paths: dict[str, dict[str, Any]] = {}
    for operation in ENTRIES:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation, refs)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Telecine",
            "version": __version__,
            "description": "A gateway for AI media generation: any client dialect in, any provider out.",
        },
        "servers": [{"url": server}],
        "tags": [{"name": name, "description": one.title} for name, one in GROUPS.items()],
        "paths": paths,
        "webhooks": {one.name: {"post": _webhook(one, refs)} for one in SENT},
        "components": {"schemas": schemas, "securitySchemes": SECURITY},
    }


def encoded() -> bytes:
    """The document as it is served."""
    return msgspec.json.encode(document())


def _schemas(operations: Iterable[Entry], sent: Iterable[Sent]) -> tuple[dict[int, dict[str, Any]], dict[str, Any]]:
    """How each type is referred to, by its identity, and the schemas that are referred to."""
    named = ((one.body, one.answer, one.refusal, one.error) for one in operations)
    types = [one for each in named for several in each for one in _several(several)]
    types += [*ERRORS.values(), *(one.body for one in sent)]
    distinct = list({id(one): one for one in types}.values())
    refs, schemas = msgspec.json.schema_components(distinct, ref_template=_REF)
    return {id(one): ref for one, ref in zip(distinct, refs, strict=True)}, schemas


def _several(types: Any) -> tuple[Any, ...]:
    """One type or a tuple of some, which is none for what has no body."""
    return types if isinstance(types, tuple) else () if types is None else (types,)


def _schema(types: Any, refs: dict[int, dict[str, Any]]) -> dict[str, Any]:
    """Whichever of them it is."""
    found = [refs[id(one)] for one in _several(types)]
    return found[0] if len(found) == 1 else {"anyOf": found} if found else {}


def _operation(operation: Entry, refs: dict[int, dict[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {
        "operationId": _name(operation),
        "tags": [operation.group],
        "summary": operation.summary,
        "parameters": _parameters(operation),
        "responses": _responses(operation, refs),
        "security": [] if operation.open else [{name: []} for name in SECURITY],
    }
    taken: dict[str, Any] = {}
    if operation.body is not None:
        content: dict[str, Any] = {"schema": _schema(operation.body, refs)}
        if operation.example is not None:
            content["example"] = operation.example
        kinds = ("application/json", "multipart/form-data") if operation.forms else ("application/json",)
        taken = dict.fromkeys(kinds, content)
    if operation.binary:
        taken["application/octet-stream"] = {"schema": {}}
    if taken:
        found["requestBody"] = {"required": True, "content": taken}
    return found


def _parameters(operation: Entry) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in _VARIABLE.findall(operation.path)
    ]
    found += [_parameter("query", one) for one in operation.query]
    found += [_parameter("header", one) for one in operation.headers]
    if operation.creates:
        found.append(
            {
                "name": "Idempotency-Key",
                "in": "header",
                "description": "The same key and the same request bring the same answer, for 24 hours.",
                "schema": {"type": "string", "minLength": 1, "maxLength": 255},
            }
        )
    return found


def _parameter(place: str, one: Query) -> dict[str, Any]:
    required = {"required": True} if one.required else {}
    return {"name": one.name, "in": place, **required, "description": one.about, "schema": one.schema}


def _webhook(one: Sent, refs: dict[int, dict[str, Any]]) -> dict[str, Any]:
    """As OpenAPI 3.1 tells what the caller's own server is sent."""
    body = {"schema": refs[id(one.body)], "example": one.example}
    return {
        "operationId": f"sent_{one.name}",
        "tags": [one.group],
        "summary": one.summary,
        "parameters": [_parameter("header", header) for header in _SIGNED],
        "requestBody": {"required": True, "content": {"application/json": body}},
        "responses": {"2XX": {"description": "Taken. Anything else, and it is sent again, for 24 hours."}},
        "security": [],
    }


def _responses(operation: Entry, refs: dict[int, dict[str, Any]]) -> dict[str, Any]:
    schema = _schema((*_several(operation.answer), *_several(operation.refusal)), refs)
    content = {operation.kind: {"schema": schema}}
    good = {"description": GOOD, "content": content}
    more = {
        str(one.status): {"description": one.about, **({"content": content} if one.alike else {})}
        for one in operation.more
    }
    error = {
        "description": "What went wrong, in the envelope of this dialect.",
        "content": {"application/json": {"schema": refs[id(operation.error or ERRORS[operation.group])]}},
    }
    return {str(operation.status): good, **more, "default": error}


def _name(operation: Entry) -> str:
    words = _WORD.findall(operation.path) or ["front"]
    slash = ("slash",) if words != ["front"] and operation.path.endswith("/") else ()
    return "_".join((operation.method.lower(), *words, *slash))

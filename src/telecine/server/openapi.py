"""The OpenAPI 3.1 document at `/openapi.json`: the table of operations, and the schemas of the structs themselves."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from typing import Any, Final

import msgspec

from telecine import __version__
from telecine.server.described import GROUPS, OPERATIONS, Group, Operation

_REF: Final = "#/components/schemas/{name}"


class OpenAIErrorBody(msgspec.Struct, frozen=True):
    """What went wrong. `param` names the field at fault."""

    message: str
    type: str
    param: str | None
    code: str


class OpenAIError(msgspec.Struct, frozen=True):
    """OpenAI's error envelope."""

    error: OpenAIErrorBody


class KlingError(msgspec.Struct, frozen=True):
    """Kling's error envelope; the codes are Kling's own."""

    code: int
    message: str
    request_id: str


class TaskErrorBody(msgspec.Struct, frozen=True):
    """What went wrong, in Telecine's own words. `param` names the field at fault."""

    code: str
    message: str
    param: str | None


class TasksError(msgspec.Struct, frozen=True):
    """Telecine's error envelope."""

    error: TaskErrorBody


class RelayError(msgspec.Struct, frozen=True):
    """The relays' envelope, whose code is a boolean."""

    code: bool
    success: bool
    message: str


ERRORS: Final[dict[Group, type[msgspec.Struct]]] = {
    "openai": OpenAIError,
    "kling": KlingError,
    "tasks": TasksError,
    "account": TasksError,
    "dashboard": OpenAIError,
    "relay": RelayError,
    "webhooks": OpenAIError,
    "admin": OpenAIError,
    "server": OpenAIError,
}
SECURITY: Final[dict[str, dict[str, str]]] = {
    "bearer": {"type": "http", "scheme": "bearer"},
    "x-api-key": {"type": "apiKey", "in": "header", "name": "x-api-key"},
    "x-goog-api-key": {"type": "apiKey", "in": "header", "name": "x-goog-api-key"},
    "key": {"type": "apiKey", "in": "query", "name": "key"},
}


@cache
def document(server: str = "/") -> dict[str, Any]:
    """The whole document; `server` is the URL under which the paths lie."""
    refs, schemas = _schemas(OPERATIONS)
    paths: dict[str, dict[str, Any]] = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation, refs)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Telecine",
            "version": __version__,
            "description": "A gateway for AI media generation: any client dialect in, any provider out.",
        },
        "servers": [{"url": server}],
        "tags": [{"name": name, "description": title} for name, title in GROUPS.items()],
        "paths": paths,
        "components": {"schemas": schemas, "securitySchemes": SECURITY},
    }


def encoded() -> bytes:
    """The document as it is served."""
    return msgspec.json.encode(document())


def _schemas(operations: Iterable[Operation]) -> tuple[dict[int, dict[str, Any]], dict[str, Any]]:
    """How each type is referred to, by its identity, and the schemas that are referred to."""
    types = [one for operation in operations for one in (operation.body, operation.answer) if one is not None]
    types += ERRORS.values()
    distinct = list({id(one): one for one in types}.values())
    refs, schemas = msgspec.json.schema_components(distinct, ref_template=_REF)
    return {id(one): ref for one, ref in zip(distinct, refs, strict=True)}, schemas


def _operation(operation: Operation, refs: dict[int, dict[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {
        "operationId": _name(operation),
        "tags": [operation.group],
        "summary": operation.summary,
        "parameters": _parameters(operation),
        "responses": _responses(operation, refs),
        "security": [] if operation.open else [{name: []} for name in SECURITY],
    }
    if operation.body is not None:
        content: dict[str, Any] = {"schema": refs[id(operation.body)]}
        if operation.example is not None:
            content["example"] = operation.example
        kinds = ("application/json", "multipart/form-data") if operation.forms else ("application/json",)
        found["requestBody"] = {"required": True, "content": dict.fromkeys(kinds, content)}
    return found


def _parameters(operation: Operation) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in re.findall(r"\{(\w+)\}", operation.path)
    ]
    found += [
        {"name": one.name, "in": "query", "description": one.about, "schema": one.schema} for one in operation.query
    ]
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


def _responses(operation: Operation, refs: dict[int, dict[str, Any]]) -> dict[str, Any]:
    schema = refs[id(operation.answer)] if operation.answer is not None else {}
    good = {"description": "Done.", "content": {operation.kind: {"schema": schema}}}
    error = {
        "description": "What went wrong, in the envelope of this dialect.",
        "content": {"application/json": {"schema": refs[id(ERRORS[operation.group])]}},
    }
    return {str(operation.status): good, "default": error}


def _name(operation: Operation) -> str:
    words = re.findall(r"\w+", operation.path) or ["front"]
    slash = ("slash",) if words != ["front"] and operation.path.endswith("/") else ()
    return "_".join((operation.method.lower(), *words, *slash))

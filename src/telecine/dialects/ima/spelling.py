"""Names as IMA's clients write them: in snake_case, or as Volcengine does, in PascalCase."""

from __future__ import annotations

from typing import Any

from telecine.dialects.aliases import agreed
from telecine.dialects.bodies import Body, Known


def snaked(body: Body, known: Known, **within: Known) -> Body:
    """`body` with its fields, and those of the objects `within` it, as they are known here; what is unknown stays as it
    is written. Raises GatewayError where two spellings of one field say different things."""
    fields = _renamed(body.fields, known)
    for name, inner in within.items():
        value = fields.get(name)
        if isinstance(value, dict):
            fields[name] = _renamed(value, inner, f"{name}.")
    if fields == body.fields:
        return body
    return Body(fields, files=body.files, parts=body.parts)


def _renamed(fields: dict[str, Any], known: Known, at: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    said: dict[str, tuple[str, Any]] = {}
    for name, value in fields.items():
        field = name if name in known.names else known.meant(name) or name
        one = (f"{at}{name}", value)
        found[field] = agreed(said[field], one) if field in said else value
        said[field] = (one[0], found[field])
    return found

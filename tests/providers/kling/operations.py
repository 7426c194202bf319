"""A request for each line of Kling's table: the example of the dialect's line for that path, as it is parsed."""

from __future__ import annotations

import json
from typing import Any, Final

from msgspec.structs import replace

from telecine.dialects.bodies import parse_object
from telecine.dialects.kling.create import parse
from telecine.dialects.kling.operation import Operation
from telecine.dialects.kling.routes import OPERATIONS
from telecine.nouns import catalogue
from telecine.nouns.request import GenerationRequest
from telecine.providers.base import Job, Source, Submission
from telecine.providers.kling.operation import Row
from telecine.providers.kling.vendor import TABLE
from tests.providers.stand_ins import NOW

HANDLE: Final = "42"
SOURCE: Final = Source("814570891207524415", None, "v814570891207524415")
"""What goes on, as the upstream knows it."""
_BY_PATH: Final = {op.path.path: op for op in OPERATIONS}
POLLED: Final = [row for row in TABLE if row.path.path in _BY_PATH]
"""The lines whose jobs are asked about."""


def title(row: Row) -> str:
    return row.path.form.partition(":")[2]


def example(row: Row) -> GenerationRequest:
    """What the example of the line's path asks for."""
    return asked(_BY_PATH[row.path.path], _BY_PATH[row.path.path].example)


def asked(op: Operation, body: dict[str, Any]) -> GenerationRequest:
    request, media = parse(op, parse_object(json.dumps(body).encode()), catalogue.load())
    return replace(request, inputs=tuple(one.placeholder() for one in media))


def submission(request: GenerationRequest, callback: str | None = None) -> Submission:
    source = SOURCE if request.source is not None else None
    return Submission(request, request.model, HANDLE, callback, source=source)


def job(request: GenerationRequest, upstream_id: str | None = None) -> Job:
    return Job(request.operation, request.model, HANDLE, upstream_id, NOW)

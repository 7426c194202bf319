"""From a body of Kling's to a GenerationRequest, as the row of its operation says."""

from __future__ import annotations

from typing import Any

import msgspec

from telecine.dialects.aliases import agreed
from telecine.dialects.bodies import Body, present, typed
from telecine.dialects.kling.media import sources
from telecine.dialects.kling.operation import Line, Operation, parameters_of
from telecine.dialects.kling.rules import said
from telecine.dialects.rows import Parsed
from telecine.nouns.catalogue import Catalogue
from telecine.nouns.errors import invalid
from telecine.nouns.ids import parse_task_id, reference_to
from telecine.nouns.request import GenerationRequest, Native, Novel, Reference


def parse(op: Operation, body: Body, models: Catalogue) -> Parsed:
    """The request, and the media that it still lacks. Raises GatewayError naming the field."""
    unknown = body.unknown(op.known)
    for name, instead in op.never.items():
        if name in body.fields and present(body.fields[name]) not in (None, "", [], {}):
            raise invalid(f"{name}: {op.title} takes no {name}; {instead}.", name)
    wire = typed(present(body.known(op.known)), op.path.body)
    for rule in op.rules:
        rule(wire, models)
    lines = [line for line in op.lines if line.field in body.fields]
    request = _request(op, wire, lines)
    if op.finish is not None:
        request = op.finish(wire, request)
    novel = _novel(op, wire, lines, request, models)
    native = Native("kling", unknown, novel) if unknown or novel else None
    return msgspec.structs.replace(request, native=native), sources(op.media, wire)


def _request(op: Operation, wire: Any, lines: list[Line]) -> GenerationRequest:
    operation = op.does if isinstance(op.does, str) else op.does(wire)
    core: dict[str, Any] = {}
    given: dict[str, Any] = {}
    for line in lines:
        value = said(wire, line.name)
        if value is not None:
            (given if line.parameter else core)[line.neutral] = line.meaning.read(value, line.name)
    return GenerationRequest(
        operation=operation,
        model=agreed(*((name, said(wire, name)) for name in ("model_name", "model", *op.models))) or op.path.model,
        parameters=parameters_of(operation)(**given) if given else None,
        source=_source(op, wire),
        **core,
    )


def _source(op: Operation, wire: Any) -> Reference | None:
    """What it goes on from. Some relays want to be told its task as well; both have to agree."""
    name = said(wire, op.source) if op.source else None
    if name is None:
        return None
    found = reference_to(name, op.goes_on)
    param = op.source.replace("video_id", "task_id").replace("audio_id", "task_id")
    task = said(wire, param) if param != op.source else None
    if task is not None and found.task is not None and parse_task_id(task) != found.task:
        raise invalid(f"{param}: is not the task of {op.source}.", param)
    return found


def _novel(
    op: Operation, wire: Any, lines: list[Line], request: GenerationRequest, models: Catalogue
) -> dict[str, Novel]:
    """What Kling alone can judge: words that it does not document, and what its model is not known to have."""
    novel: dict[str, Novel] = {}
    for line in lines:
        word = said(wire, line.word) if line.words else None
        if word is not None and word not in line.words:
            objection = f"{line.word}: '{word}' is not known here; use one of: {', '.join(line.words)}."
            novel[line.meaning.neutral] = Novel(word, objection)
    length = request.duration
    if op.whole and length is not None and not length.is_integer():
        text = f"{length:.6f}".rstrip("0")
        novel["duration"] = Novel(text, f"duration: Kling counts whole seconds; {text} is none.")
    return models.strange(request) | novel

"""From the body of `POST /v1/tasks/{id}/complete` to the whole request of a draft."""

from __future__ import annotations

from typing import Final

import msgspec

from telecine.dialects.bodies import Body, typed
from telecine.dialects.inline import Source
from telecine.dialects.tasks.create import CreateTask, parse_create
from telecine.nouns.catalogue import Catalogue
from telecine.nouns.geometry import check_agreement
from telecine.nouns.request import GenerationRequest

_FIXED: Final = ("external_id", "source", "draft")
"""What a draft keeps as it was created."""
_NEUTRAL: Final = {"webhook_url": "callback_url"}

CompleteTask: Final = msgspec.defstruct(
    "CompleteTask",
    [
        (one.name, one.type | None, None if one.required else one.default)
        for one in msgspec.structs.fields(CreateTask)
        if one.name not in _FIXED
    ],
    frozen=True,
    forbid_unknown_fields=True,
    module=__name__,
    namespace={"__doc__": "The fields that replace those of the draft; the others stay as they are."},
)


def parse_completion(
    body: Body, before: GenerationRequest, models: Catalogue
) -> tuple[GenerationRequest, list[Source]]:
    """`before` with the fields of the body in the place of its own, and the media that it then lacks.

    Raises GatewayError naming the path of the field.
    """
    typed(body.fields, CompleteTask)
    fields = {"model": before.model, "operation": before.operation, **body.fields}
    if before.source is not None:  # it stays what it is; the operation may need one
        fields["source"] = {"upstream_id": "of the draft"}
    given, sources = parse_create(msgspec.structs.replace(body, fields=fields), models)
    names = (_NEUTRAL.get(name, name) for name in body.fields)
    wanted = msgspec.structs.replace(before, **{name: getattr(given, name) for name in names})
    check_agreement(wanted, models.ability(wanted.model, wanted.operation))
    return wanted, sources

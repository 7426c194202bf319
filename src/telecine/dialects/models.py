"""`GET /v1/models` in OpenAI's shape: the names that this caller can use now."""

from __future__ import annotations

from typing import Final

import msgspec

from telecine.dialects.call import Call
from telecine.dialects.rows import Plain
from telecine.nouns.catalogue import Catalogue
from telecine.nouns.errors import GatewayError

# For names that a channel serves and the catalogue does not know.
_UNKNOWN_CREATED: Final = 1763700000
_UNKNOWN_OWNER: Final = "telecine"


class ModelObject(msgspec.Struct, frozen=True):
    """One model; `created` in seconds since the Unix epoch."""

    id: str
    created: int
    owned_by: str
    object: str = "model"


def model_object(name: str, catalogue: Catalogue) -> ModelObject:
    """The model named `name`, which need not be in the catalogue."""
    known = catalogue.find(name)
    if known is None:
        return ModelObject(name, _UNKNOWN_CREATED, _UNKNOWN_OWNER)
    return ModelObject(name, known.created, known.vendor)


class ModelList(msgspec.Struct, frozen=True):
    """The models that the caller can use now."""

    object: str
    data: list[ModelObject]


async def list_models(call: Call) -> ModelList:
    """`GET /v1/models`."""
    return ModelList("list", [model_object(name, call.edge.catalogue) for name in call.edge.models(call.principal)])


async def retrieve_model(call: Call) -> ModelObject:
    """`GET /v1/models/{id}`."""
    name = call.request.path_params["name"]
    usable = call.edge.models(call.principal)
    known = call.edge.catalogue.find(name)
    if name not in usable and (known is None or known.name not in usable):
        raise GatewayError(
            "not_found", f"The model '{name[:128]}' does not exist. Models: {', '.join(usable)}.", param="model"
        )
    return model_object(name, call.edge.catalogue)


ROWS: Final = (
    Plain("/v1/models", "List models", answer=ModelList, handle=list_models),
    Plain("/v1/models/{name:path}", "Read a model", answer=ModelObject, handle=retrieve_model),
)

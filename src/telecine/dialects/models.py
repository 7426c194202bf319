"""`GET /v1/models` in OpenAI's shape: the names that this caller can use now."""

from __future__ import annotations

from typing import Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from telecine.dialects.base import edge_of, principal_of
from telecine.dialects.bodies import json_response
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


async def list_models(request: Request) -> Response:
    """`GET /v1/models`."""
    edge = edge_of(request)
    data = [model_object(name, edge.catalogue) for name in edge.models(principal_of(request))]
    return json_response({"object": "list", "data": data})


async def retrieve_model(request: Request) -> Response:
    """`GET /v1/models/{id}`."""
    edge = edge_of(request)
    name = request.path_params["name"]
    usable = edge.models(principal_of(request))
    known = edge.catalogue.find(name)
    if name not in usable and (known is None or known.name not in usable):
        raise GatewayError(
            "not_found", f"The model '{name[:128]}' does not exist. Models: {', '.join(usable)}.", param="model"
        )
    return json_response(model_object(name, edge.catalogue))


ROUTES: Final = (
    Route("/v1/models", list_models, methods=["GET"]),
    Route("/v1/models/{name:path}", retrieve_model, methods=["GET"]),
)

"""What of a request has a meaning for the sandbox, by take or refuse.

A picture takes what shapes a picture. A video is the rehearsal of another vendor's, so it takes every field that some
vendor's video has, also what is not drawn: what runs here is to run there, and the job keeps it. So does a song. What
nobody here knows has nobody here to go to, so it is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, Final

import msgspec

from telecine.nouns import workflow
from telecine.nouns.errors import GatewayError
from telecine.nouns.operations import OPERATIONS, Kind, makes_of, roles_for
from telecine.nouns.request import GenerationRequest, MediaInput, Role
from telecine.providers.sandbox.recipes import recipe_of
from telecine.providers.take import Take

_OPENING: Final[tuple[Role, ...]] = ("first_frame", "image", "reference")
"""The roles of a picture that a video may begin with, the likeliest first."""
_PICTURE: Final = ("prompt", "size", "aspect_ratio", "resolution", "count", "negative_prompt")
_FIELDS: Final[Mapping[Kind, tuple[str, ...]]] = {
    "image": _PICTURE,
    "video": (*_PICTURE, "duration", "audio", "source"),
    "audio": ("prompt", "count", "duration", "source"),
    "text": ("prompt", "source"),
}
"""By what is made, the fields that have a meaning for it, in a drawing or at another vendor."""
_FOREIGN: Final = frozenset({"midjourney:action"})
"""What only the upstream that offered it knows."""
_NOT_DRAWN: Final = frozenset({"as_is"})
"""What is done with a picture where no channel can do anything with it; here it is made larger."""


def take(request: GenerationRequest) -> None:
    """Raise GatewayError (`unsupported_parameter`) naming the first field that has no meaning here."""
    makes = makes_of(request)
    if request.operation in _FOREIGN:
        title = OPERATIONS[request.operation].title
        raise GatewayError("unsupported_parameter", f"The sandbox has no {title} of another's.", param="operation")
    if makes not in (("image", "video") if request.operation == workflow.OPERATION else _FIELDS):
        raise GatewayError("unsupported_parameter", f"The sandbox makes no {makes}.", param="operation")
    taken = Take(request)
    taken.all_of(_taken(request.operation))
    taken.refuse_rest("sandbox")


@cache
def _taken(operation: str) -> frozenset[str]:
    """The fields that have a meaning for it."""
    if operation == workflow.OPERATION:
        return workflow.TAKEN
    makes, parameters = OPERATIONS[operation].makes, OPERATIONS[operation].parameters
    source = ("source",) if OPERATIONS[operation].follows else ()
    fields = parameters.__struct_fields__ if parameters else ()
    own = (f"parameters.{name}" for name in fields if name not in _NOT_DRAWN)
    return frozenset((*_FIELDS[makes], *source, *own, *(f"inputs.{role}" for role in roles_for(operation))))


def opening(request: GenerationRequest) -> MediaInput | None:
    """The picture that the job begins with, where it is drawn of nothing else; an image job draws its prompt only."""
    if makes_of(request) != "video" or recipe_of(request).of:
        return None
    return next((item for role in _OPENING for item in request.with_role(role)), None)


def begins_with_source(request: GenerationRequest) -> bool:
    """Whether a video begins with a picture that its source has made."""
    return request.operation == "image_to_video" and request.source is not None and opening(request) is None


def undrawn(request: GenerationRequest) -> dict[str, Any]:
    """What was taken and changes nothing in the drawing."""
    first = opening(request)
    more = tuple(item for item in request.inputs if item is not first)
    said = {
        "negative_prompt": request.negative_prompt,
        "seed": request.seed,
        "audio": request.audio,
        "parameters": request.parameters,
        "source": request.source,
        "inputs": [{"role": item.role, "sha256": item.sha256, "url": item.url} for item in more] or None,
    }
    kept: dict[str, Any] = msgspec.to_builtins({name: value for name, value in said.items() if value is not None})
    return kept

"""What `telecine generate` asks for: the body of `POST /v1/tasks`."""

from __future__ import annotations

import base64
import mimetypes
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from telecine.cli.connection import Connection
from telecine.cli.failure import REFUSED, USAGE, Failure
from telecine.cli.texts import text
from telecine.cli.wire import Model, Page

if TYPE_CHECKING:
    from telecine.nouns.operations import Kind

_ROLES: Final = ("first_frame", "last_frame")
_PREFERRED: Final = ("sora-2", "storyboard-1")


def body_input(given: str, number: int) -> dict[str, str]:
    """One `--image`: a URL as it is, a file as a data URL. Raises Failure."""
    if number >= len(_ROLES):
        raise Failure(text("too_many_images"), USAGE)
    role = _ROLES[number]
    if given.startswith(("http://", "https://")):
        return {"role": role, "url": given}
    try:
        content = Path(given).read_bytes()
    except OSError as error:
        raise Failure(text("no_image", path=given, reason=error.strerror), USAGE) from None
    kind = mimetypes.guess_type(given)[0] or "application/octet-stream"
    return {"role": role, "data": f"data:{kind};base64,{base64.b64encode(content).decode()}"}


def fitting_model(connection: Connection, body: Mapping[str, Any], makes: Kind) -> str:
    """A preferred model, else the newest one served, that is known to do what is wanted. Raises Failure."""
    from telecine.nouns.catalogue import load
    from telecine.nouns.errors import GatewayError
    from telecine.nouns.operations import inferred
    from telecine.nouns.request import GenerationRequest, MediaInput

    served = [model.id for model in connection.ask(Page[Model], "GET", "/v1/models").data]
    roles = [item["role"] for item in body["inputs"]]
    models = [known for known in map(load().find, served) if known and makes in known.kinds]
    if not models:
        raise Failure(text("no_model"), REFUSED)
    models.sort(key=lambda known: (known.name not in _PREFERRED, -known.created))
    inputs = tuple(MediaInput(item["role"]) for item in body["inputs"])
    for known in models:
        request = GenerationRequest(
            operation=inferred(makes, roles, known.operations).name,
            model=known.name,
            **{name: value for name, value in body.items() if name != "inputs"},
            inputs=inputs,
        )
        try:
            load().check(request)
        except GatewayError:
            continue
        return known.name
    return models[0].name

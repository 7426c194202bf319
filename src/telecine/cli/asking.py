"""What `telecine generate` asks for: the body of `POST /v1/tasks`."""

from __future__ import annotations

import base64
import mimetypes
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, get_args

import msgspec

from telecine.cli.connection import Connection
from telecine.cli.failure import REFUSED, USAGE, Failure
from telecine.cli.texts import text
from telecine.cli.wire import Model, Page

if TYPE_CHECKING:
    from telecine.nouns.catalogue import Model as Known
    from telecine.nouns.operations import Kind
    from telecine.nouns.request import GenerationRequest

_ROLES: Final = ("first_frame", "last_frame")
_PREFERRED: Final = ("sora-2", "storyboard-1")

_MADE: Final[Mapping[str, Kind]] = {
    **dict.fromkeys((".png", ".jpg", ".jpeg", ".webp"), "image"),
    **dict.fromkeys((".mp3", ".wav", ".m4a"), "audio"),
    ".txt": "text",
}
"""By how the file's name ends, what is wanted; anything else is a video."""


def frame_inputs(given: Sequence[str]) -> list[dict[str, str]]:
    """Each `--image`: the first frame, then the last. Raises Failure."""
    if len(given) > len(_ROLES):
        raise Failure(text("too_many_images"), USAGE)
    return [_input(role, one, "no_image") for role, one in zip(_ROLES, given, strict=False)]


def role_inputs(given: Sequence[str]) -> list[dict[str, str]]:
    """Each `--input ROLE=FILE|URL`. Raises Failure."""
    found = []
    for one in given:
        from telecine.nouns.request import Role

        role, equals, where = one.partition("=")
        if not equals or role not in get_args(Role):
            raise Failure(text("no_role", given=one, roles=", ".join(get_args(Role))), USAGE)
        found.append(_input(role, where, "no_file_there"))
    return found


def _input(role: str, given: str, otherwise: str) -> dict[str, str]:
    """A URL (of the library, too) as it is, a file as a data URL. Raises Failure with the text `otherwise` where it
    cannot be read."""
    if given.startswith(("http://", "https://", "asset://")):
        return {"role": role, "url": given}
    try:
        content = Path(given).read_bytes()
    except OSError as error:
        raise Failure(text(otherwise, path=given, reason=error.strerror), USAGE) from None
    kind = mimetypes.guess_type(given)[0] or "application/octet-stream"
    return {"role": role, "data": f"data:{kind};base64,{base64.b64encode(content).decode()}"}


def parameters_of(given: Sequence[str]) -> dict[str, Any] | None:
    """Each `--parameter NAME=VALUE`, whose value is JSON, else the text that it is. Raises Failure."""
    found: dict[str, Any] = {}
    for one in given:
        name, equals, said = one.partition("=")
        if not equals or not name:
            raise Failure(text("no_parameter", given=one), USAGE)
        try:
            found[name] = msgspec.json.decode(said)
        except msgspec.DecodeError:
            found[name] = said
    return found or None


def source_of(given: str | None) -> dict[str, str] | None:
    """`--source`: a task, or one of its outputs, by its id here."""
    if given is None:
        return None
    from telecine.nouns.ids import parse_output_id

    return {"task" if parse_output_id(given) is None else "output": given}


def kind_of(operation: str | None, ending: str) -> Kind:
    """What is wanted: what the operation makes, else what the file's name tells. Raises Failure."""
    if operation is None:
        return _MADE.get(ending, "video")
    from telecine.nouns.operations import OPERATIONS, find

    known = find(operation)
    if known is None:
        raise Failure(text("no_operation", given=operation, known=", ".join(OPERATIONS)), USAGE)
    return known.makes


def fitting_model(connection: Connection, body: Mapping[str, Any], makes: Kind) -> str:
    """A preferred model, else the newest one served, that is known to do what is wanted. Raises Failure."""
    from telecine.nouns.catalogue import load
    from telecine.nouns.errors import GatewayError
    from telecine.nouns.operations import OPERATIONS

    served = [model.id for model in connection.ask(Page[Model], "GET", "/v1/models").data]
    wanted = body.get("operation")
    known = [one for one in map(load().find, served) if one and makes in one.kinds]
    models = [one for one in known if wanted is None or wanted in one.operations]
    if not models:
        raise Failure(text("no_model"), REFUSED)
    models.sort(key=lambda one: (one.name not in _PREFERRED, -one.created, load().models.index(one)))
    able = []
    for one in models:
        request = _request(body, one, makes)
        with suppress(GatewayError):
            load().check(request)
            if OPERATIONS[request.operation].fits([item.role for item in request.inputs]):
                return one.name
            able.append(one)  # some channels take a role beside those that the operation is known by
    return (able or models)[0].name


def _request(body: Mapping[str, Any], model: Known, makes: Kind) -> GenerationRequest:
    """What the server would make of `body` with this model, without its parameters."""
    from telecine.nouns.operations import inferred
    from telecine.nouns.request import GenerationRequest, MediaInput, Reference

    roles = [item["role"] for item in body["inputs"]]
    own = ("inputs", "operation", "parameters", "source")
    return GenerationRequest(
        operation=body.get("operation") or inferred(makes, roles, model.operations).name,
        model=model.name,
        inputs=tuple(MediaInput(role) for role in roles),
        source=Reference(task=1) if body.get("source") else None,
        **{name: value for name, value in body.items() if name not in own},
    )

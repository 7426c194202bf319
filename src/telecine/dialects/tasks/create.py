"""From the body of `POST /v1/tasks` to a GenerationRequest."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

import msgspec

from telecine.dialects import scalars
from telecine.dialects.bodies import Body, typed
from telecine.dialects.inline import Source, data_of
from telecine.dialects.scalars import Seed
from telecine.nouns.catalogue import Catalogue
from telecine.nouns.errors import GatewayError, invalid
from telecine.nouns.geometry import check_agreement
from telecine.nouns.request import (
    CameraMove,
    GenerationRequest,
    ImageParameters,
    Operation,
    Parameters,
    Point,
    Role,
    Shot,
    VideoParameters,
)
from telecine.wires.scalars import Int63

CameraType = Literal["simple", "down_back", "forward_up", "right_turn_forward", "left_turn_forward"]
MAX_INLINE: Final = 50 * 1024 * 1024
_MAX_INPUTS: Final = 20
_IMAGE_OPERATIONS: Final = ("text_to_image",)


class InputPoint(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A pixel counted from the bottom left."""

    x: Int63
    y: Int63


class Input(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One picture, clip or sound: exactly one of `url`, `data` (base64 or a data URL) and `asset`."""

    role: Role
    url: str | None = None
    data: str | None = None
    asset: str | None = None
    trajectory: tuple[InputPoint, ...] = ()


class CreateTask(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body, field for field."""

    model: str
    operation: Operation | None = None
    prompt: str = ""
    negative_prompt: str | None = None
    inputs: tuple[Input, ...] = ()
    count: Annotated[int, msgspec.Meta(ge=1, le=100)] = 1
    size: str | None = None
    aspect_ratio: str | None = None
    resolution: str | None = None
    duration: float | None = None
    seed: Seed | None = None
    audio: bool | None = None
    parameters: dict[str, Any] | None = None
    webhook_url: str | None = None
    external_id: str | None = None
    metadata: dict[str, str] | None = None


class _Camera(CameraMove, frozen=True, forbid_unknown_fields=True):
    type: CameraType


class _Shot(Shot, frozen=True, forbid_unknown_fields=True):
    pass


class _Video(VideoParameters, frozen=True, forbid_unknown_fields=True):
    mode: Literal["std", "pro"] | None = None
    shot_type: Literal["customize", "intelligence"] | None = None
    camera: _Camera | None = None
    shots: tuple[_Shot, ...] = ()
    elements: tuple[Int63, ...] = ()


class _Image(ImageParameters, frozen=True, forbid_unknown_fields=True):
    pass


def parse_create(body: Body, models: Catalogue) -> tuple[GenerationRequest, list[Source]]:
    """The request, and the media that it still lacks. Raises GatewayError naming the path of the field."""
    wire = typed(body.fields, CreateTask)
    operation = wire.operation or _operation(wire, models)
    if operation == "remix":
        raise invalid("operation: a remix needs a source, which only POST /v1/videos/{id}/remix can name.", "operation")
    if len(wire.inputs) > _MAX_INPUTS:
        raise invalid(f"inputs: at most {_MAX_INPUTS}.", "inputs")
    request = GenerationRequest(
        operation=operation,
        model=wire.model,
        prompt=wire.prompt,
        negative_prompt=wire.negative_prompt or None,
        count=wire.count,
        size=None if wire.size is None else "{}x{}".format(*scalars.pair(wire.size, "size")),
        aspect_ratio=scalars.aspect_ratio(wire.aspect_ratio, "aspect_ratio"),
        resolution=scalars.resolution(wire.resolution, "resolution"),
        duration=scalars.seconds(wire.duration, "duration"),
        seed=scalars.seed(wire.seed, "seed"),
        audio=wire.audio,
        parameters=_parameters(wire.parameters, operation),
        callback_url=wire.webhook_url or None,
        external_id=wire.external_id or None,
        metadata=scalars.metadata(wire.metadata),
    )
    check_agreement(request)
    return request, _once([_source(one, number) for number, one in enumerate(wire.inputs)])


def _once(sources: list[Source]) -> list[Source]:
    """`image` and `first_frame` are two names for one thing: the same picture under both is one picture."""
    first = [one for one in sources if one.role == "first_frame"]
    twins = [one for one in sources if one.role == "image" and any(one.same(other) for other in first)]
    return [one for one in sources if one not in twins]


def _operation(wire: CreateTask, models: Catalogue) -> Operation:
    """What the inputs and the model say; a model that nobody knows makes videos."""
    model = models.find(wire.model)
    if model is not None and model.kind == "image":
        return "text_to_image"
    return "image_to_video" if wire.inputs else "text_to_video"


def _parameters(given: dict[str, Any] | None, operation: Operation) -> Parameters | None:
    """The vendor fields of the operation's kind, in the neutral form's own types."""
    if not given:
        return None
    image = operation in _IMAGE_OPERATIONS
    try:
        strict = typed(given, _Image if image else _Video)
    except GatewayError as error:
        raise invalid(f"parameters.{error.message}", f"parameters.{error.param}") from None
    plain = msgspec.to_builtins(strict)
    if image:
        return msgspec.convert(plain, ImageParameters)
    parameters = msgspec.convert(plain, VideoParameters)
    for number, shot in enumerate(parameters.shots):
        scalars.seconds(shot.duration, f"parameters.shots[{number}].duration")
    return parameters


def _source(one: Input, number: int) -> Source:
    param = f"inputs[{number}]"
    if one.asset is not None:
        raise GatewayError("unsupported_parameter", f"{param}.asset: assets are not supported yet.", param=param)
    if (one.url is None) == (one.data is None):
        raise invalid(f"{param}: give either url or data.", param)
    trajectory = tuple(Point(point.x, point.y) for point in one.trajectory)
    if one.url is not None:
        return Source(one.role, f"{param}.url", url=one.url, trajectory=trajectory)
    text = one.data or ""
    data = data_of(text, f"{param}.data")
    return Source(one.role, f"{param}.data", data=text if data is None else data, trajectory=trajectory)

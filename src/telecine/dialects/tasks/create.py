"""From the body of `POST /v1/tasks` to a GenerationRequest."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Annotated, Any, Final, Literal, cast

import msgspec

from telecine.dialects import scalars
from telecine.dialects.bodies import Body, typed
from telecine.dialects.inline import Source, data_of
from telecine.dialects.library import is_asset
from telecine.dialects.scalars import Seed
from telecine.nouns.catalogue import Catalogue
from telecine.nouns.errors import GatewayError, invalid
from telecine.nouns.geometry import check_agreement
from telecine.nouns.ids import ASSET_SCHEME as SCHEME
from telecine.nouns.ids import parse_output_id, parse_task_id
from telecine.nouns.operations import OPERATIONS, Operation, find, inferred, kept
from telecine.nouns.parameters import (
    CameraMove,
    ChangeParameters,
    ExpandParameters,
    ImageParameters,
    MusicParameters,
    Parameters,
    Point,
    Shot,
    VideoParameters,
    WorkflowParameters,
)
from telecine.nouns.request import GenerationRequest, Reference, ReferenceKind, Role
from telecine.nouns.text import check_plain
from telecine.nouns.workflow import OPERATION, Workflow
from telecine.nouns.workflows import Workflows
from telecine.wires.scalars import Int63

CameraType = Literal["simple", "down_back", "forward_up", "right_turn_forward", "left_turn_forward"]
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
Growth = Annotated[float, msgspec.Meta(ge=0, le=8)]
MAX_INLINE: Final = 50 * 1024 * 1024
_MAX_INPUTS: Final = 20


class InputPoint(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A pixel counted from the bottom left."""

    x: Int63
    y: Int63


class Input(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One picture, clip or sound: exactly one of `url` (http, https, or `asset://` and the id of a file of your own
    library), `data` (base64 or a data URL) and `asset`, which is such an id alone."""

    role: Role
    url: str | None = None
    data: str | None = None
    asset: str | None = None
    trajectory: tuple[InputPoint, ...] = ()


class Followed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the task follows up: exactly one of `task` and `output` (their ids here) and `upstream_id`, which is what
    the upstream calls something of that `kind`."""

    task: str | None = None
    output: str | None = None
    upstream_id: Annotated[str, msgspec.Meta(max_length=512)] | None = None
    kind: ReferenceKind = "task"


class CreateTask(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body, field for field."""

    model: str
    operation: Annotated[str, msgspec.Meta(extra_json_schema={"enum": [*OPERATIONS]})] | None = None
    prompt: str = ""
    negative_prompt: str | None = None
    inputs: tuple[Input, ...] = ()
    count: Annotated[int, msgspec.Meta(ge=1, le=100)] | None = None
    """1 where it is left out; of a workflow, as many as it usually makes."""
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
    source: Followed | None = None
    draft: bool = False


class _Camera(CameraMove, frozen=True, forbid_unknown_fields=True):
    type: CameraType


class _Shot(Shot, frozen=True, forbid_unknown_fields=True):
    pass


Speed = Literal["relax", "fast", "turbo"]
Bot = Literal["niji"]
Number = Annotated[int, msgspec.Meta(ge=1, le=100)]


class _Video(VideoParameters, frozen=True, forbid_unknown_fields=True):
    mode: Literal["std", "pro"] | None = None
    motion: Literal["low", "high"] | None = None
    speed: Speed | None = None
    index: Number | None = None
    shot_type: Literal["customize", "intelligence"] | None = None
    camera: _Camera | None = None
    shots: tuple[_Shot, ...] = ()
    elements: tuple[Int63, ...] = ()


class _Image(ImageParameters, frozen=True, forbid_unknown_fields=True):
    image_reference: Literal["subject", "face"] | None = None
    image_fidelity: Share | None = None
    human_fidelity: Share | None = None
    elements: tuple[Int63, ...] = ()
    speed: Speed | None = None
    bot: Bot | None = None


class _Change(ChangeParameters, frozen=True, forbid_unknown_fields=True):
    index: Number | None = None
    style: Literal["subtle", "creative"] | None = None
    factor: Annotated[float, msgspec.Meta(ge=1, le=4)] | None = None
    strength: Literal["subtle", "strong"] | None = None
    direction: Literal["left", "right", "up", "down"] | None = None
    speed: Speed | None = None
    bot: Bot | None = None


class _Expand(ExpandParameters, frozen=True, forbid_unknown_fields=True):
    up: Growth | None = None
    down: Growth | None = None
    left: Growth | None = None
    right: Growth | None = None


class _Music(MusicParameters, frozen=True, forbid_unknown_fields=True):
    style_weight: Share | None = None
    weirdness: Share | None = None
    audio_weight: Share | None = None


class _Workflow(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    input_values: dict[str, Any] = {}


_STRICT: Final[Mapping[type[msgspec.Struct], type[msgspec.Struct]]] = {
    VideoParameters: _Video,
    ImageParameters: _Image,
    ChangeParameters: _Change,
    ExpandParameters: _Expand,
    MusicParameters: _Music,
    WorkflowParameters: _Workflow,
}
"""What a kind of parameters may hold when a client writes it, where that is less than it holds."""


@cache
def _strict(kind: type[msgspec.Struct]) -> type[msgspec.Struct]:
    """`kind` as a client writes it: without fields that it has not."""
    known = _STRICT.get(kind)
    return known or msgspec.defstruct(kind.__name__, [], bases=(kind,), frozen=True, forbid_unknown_fields=True)


def parse_create(
    body: Body, models: Catalogue, workflows: Workflows | None = None
) -> tuple[GenerationRequest, list[Source]]:
    """The request, and the media that it still lacks. Raises GatewayError naming the path of the field."""
    wire = typed(body.fields, CreateTask)
    workflow = workflows.find(wire.model) if workflows is not None else None
    operation, source = _operation(wire, models, workflow), _reference(wire.source)
    if operation.needs_source and source is None:
        raise invalid(f"operation: a {operation.title} needs a source.", "operation")
    if len(wire.inputs) > _MAX_INPUTS:
        raise invalid(f"inputs: at most {_MAX_INPUTS}.", "inputs")
    request = GenerationRequest(
        operation=operation.name,
        model=wire.model,
        prompt=wire.prompt,
        negative_prompt=wire.negative_prompt or None,
        count=wire.count or 1,
        size=None if wire.size is None else "{}x{}".format(*scalars.pair(wire.size, "size")),
        aspect_ratio=scalars.aspect_ratio(wire.aspect_ratio, "aspect_ratio"),
        resolution=scalars.resolution(wire.resolution, "resolution"),
        duration=scalars.seconds(wire.duration, "duration"),
        seed=scalars.seed(wire.seed, "seed"),
        audio=wire.audio,
        parameters=_parameters(_counted(wire, workflow), operation),
        source=source,
        callback_url=wire.webhook_url or None,
        external_id=wire.external_id or None,
        metadata=scalars.metadata(wire.metadata),
    )
    check_agreement(request, models.ability(request.model, request.operation))
    return request, _once([_source(one, number) for number, one in enumerate(wire.inputs)])


def repeated(request: GenerationRequest, source: GenerationRequest, models: Catalogue) -> GenerationRequest:
    """A remix of `source`: its length is that of its source, and its frame too unless it says otherwise.

    Raises GatewayError where it says something that a remix cannot change.
    """
    if not models.alike(request.model, source.model):
        raise invalid(f"model: a remix keeps that of its source, '{source.model}'.", "model")
    if request.duration not in (None, source.duration):
        raise invalid("duration: a remix keeps that of its source; leave it out.", "duration")
    framed = any((request.size, request.aspect_ratio, request.resolution))
    frame = request if framed else source
    return msgspec.structs.replace(
        request,
        duration=kept(source),
        size=frame.size,
        aspect_ratio=frame.aspect_ratio,
        resolution=frame.resolution,
    )


def _reference(given: Followed | None) -> Reference | None:
    if given is None:
        return None
    if sum(one is not None for one in (given.task, given.output, given.upstream_id)) != 1:
        raise invalid("source: give one of task, output and upstream_id.", "source")
    if given.upstream_id is not None:
        check_plain(given.upstream_id, "source.upstream_id")
        return Reference(upstream_id=given.upstream_id, kind=given.kind)
    if given.task is not None:
        task, output = parse_task_id(given.task), None
    else:
        task, output = parse_output_id(given.output or "") or (None, None)
    if task is None:
        what = "task" if given.task is not None else "output"
        raise invalid(f"source.{what}: is no id of one.", f"source.{what}")
    return Reference(task=task, output=output)


def _once(sources: list[Source]) -> list[Source]:
    """`image` and `first_frame` are two names for one thing: the same picture under both is one picture."""
    first = [one for one in sources if one.role == "first_frame"]
    twins = [one for one in sources if one.role == "image" and any(one.same(other) for other in first)]
    return [one for one in sources if one not in twins]


def _operation(wire: CreateTask, models: Catalogue, workflow: Workflow | None) -> Operation:
    """What the client says; or what the model and the inputs do. A model that nobody knows makes videos."""
    if workflow is not None and wire.operation is None:
        return OPERATIONS[OPERATION]
    if wire.operation is not None:
        said = find(wire.operation)
        if said is None:
            raise invalid(f"operation: must be one of {', '.join(OPERATIONS)}.", "operation")
        return said
    model = models.find(wire.model)
    makes = model.kind if model is not None else "video"
    return inferred(makes, [one.role for one in wire.inputs], model.operations if model is not None else ())


def _counted(wire: CreateTask, workflow: Workflow | None) -> dict[str, Any] | None:
    """The parameters; of a workflow with the count that the client has said: that one is one, and not as many as
    usual."""
    if workflow is None or wire.count is None or not isinstance(workflow.count, str):
        return wire.parameters
    values = (wire.parameters or {}).get("input_values") or {}
    if not isinstance(values, dict) or wire.operation not in (None, OPERATION):
        return wire.parameters
    if values.get(workflow.count, wire.count) != wire.count:
        raise invalid(f"count: it and the input '{workflow.count}' say different things; send one of them.", "count")
    return {**(wire.parameters or {}), "input_values": {**values, workflow.count: wire.count}}


def _parameters(given: dict[str, Any] | None, operation: Operation) -> Parameters | None:
    """The parameters of the operation, in the neutral form's own types."""
    if not given:
        return None
    if operation.parameters is None:
        raise invalid(f"parameters: {operation.title} has none; leave them out.", "parameters")
    try:
        strict = typed(given, _strict(operation.parameters))
    except GatewayError as error:
        raise invalid(f"parameters.{error.message}", f"parameters.{error.param}") from None
    parameters = cast(Parameters, msgspec.convert(msgspec.to_builtins(strict), operation.parameters))
    for number, shot in enumerate(getattr(parameters, "shots", ())):
        scalars.seconds(shot.duration, f"parameters.shots[{number}].duration")
    return parameters


def _source(one: Input, number: int) -> Source:
    param = f"inputs[{number}]"
    if sum(given is not None for given in (one.url, one.data, one.asset)) != 1:
        raise invalid(f"{param}: give one of url, data and asset.", param)
    trajectory = tuple(Point(point.x, point.y) for point in one.trajectory)
    if one.asset is not None:
        url = one.asset if is_asset(one.asset) else f"{SCHEME}{one.asset}"
        return Source(one.role, f"{param}.asset", url=url, trajectory=trajectory)
    if one.url is not None:
        return Source(one.role, f"{param}.url", url=one.url, trajectory=trajectory)
    text = one.data or ""
    data = data_of(text, f"{param}.data")
    return Source(one.role, f"{param}.data", data=text if data is None else data, trajectory=trajectory)

"""How a workflow is called: from whatever a client has said to its input values, and back to what is billed."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from msgspec.structs import replace

from telecine.nouns.errors import GatewayError, invalid
from telecine.nouns.operations import OPERATIONS
from telecine.nouns.parameters import WorkflowParameters
from telecine.nouns.request import GenerationRequest, MediaInput
from telecine.nouns.sizes import parse_ratio, parse_size, short_side
from telecine.nouns.workflow import OPERATION, PARAM, Workflow

_ADVISORY: Final = frozenset({"cfg_scale", "user", "safety_identifier", "partial_images"})
_STEP: Final = 8
"""Pixels: what the sides of latent pictures are a multiple of."""
_SIDE: Final = 1024
"""Pixels of the shorter side where neither the client nor the graph says any."""
_LONGEST: Final = 3600.0
_MOST_BYTES: Final = 1024 * 1024
"""Of all values of a call, as JSON: they are read with the task at each step, and a ComfyUI sends them back whenever it
is asked about the job; an answer that is too large to be read would never end it."""
_PICTURES: Final = ("first_frame", "image", "reference", "last_frame")


def values_of(workflow: Workflow, request: GenerationRequest) -> GenerationRequest:
    """`request` as a call of `workflow`: of the operation `workflow`, with all that it says in its input values, its
    files at the inputs that they fill, and count, size, duration and prompt as the values have them.

    The same again for what has been through here. Raises GatewayError (`unsupported_parameter`, `invalid_request`)
    naming what the workflow has no input for, or what is said in two ways.
    """
    _check_kind(workflow, request)
    given = request.parameters
    values = workflow.judged(given.input_values) if isinstance(given, WorkflowParameters) else {}
    files, texts = _placed(workflow, request)
    values |= texts
    for name, said in _said(workflow, request):
        key = getattr(workflow, name)
        if key is None and name == "seed":
            continue  # a hint, which may drop
        if not isinstance(key, str):
            raise _unsupported(workflow, {"width": "size", "height": "size"}.get(name, name))
        spot = workflow.declared_spot(key)
        if values.setdefault(spot.key, said) != said:
            raise invalid(f"The {name} and the input '{key}' say different things; send one of them.", name)
    values = workflow.judged(values)
    return _read_back(workflow, replace(request, inputs=files), values)


def _said(workflow: Workflow, request: GenerationRequest) -> list[tuple[str, Any]]:
    """What the client has said in the words that all dialects share, by the name of the workflow's field."""
    found: list[tuple[str, Any]] = []
    if request.prompt:
        found.append(("prompt", request.prompt))
    if request.negative_prompt:
        found.append(("negative_prompt", request.negative_prompt))
    if request.seed is not None:
        found.append(("seed", request.seed))
    if (size := _size(workflow, request)) is not None:
        found += [("width", size[0]), ("height", size[1])]
    # Who calls it as an app and says no number means the app's own; elsewhere one is one.
    if isinstance(workflow.count, str) and (request.count != 1 or request.operation != OPERATION):
        found.append(("count", request.count))
    if request.duration is not None:
        found.append(("duration", int(request.duration) if request.duration.is_integer() else request.duration))
    return found


def _size(workflow: Workflow, request: GenerationRequest) -> tuple[int, int] | None:
    """Pixels, of a size, or of a ratio and a resolution at the workflow's own size."""
    if request.size is not None:
        return parse_size(request.size)
    if request.aspect_ratio is None and request.resolution is None:
        return None
    own = [workflow.default(key) if key else None for key in (workflow.width, workflow.height)]
    width, height = (one if isinstance(one, int) and one > 0 else _SIDE for one in own)
    across, down = parse_ratio(request.aspect_ratio) if request.aspect_ratio is not None else (width, height)
    short = short_side(request.resolution) if request.resolution is not None else min(width, height)
    scale = short / min(across, down)
    return _stepped(across * scale), _stepped(down * scale)


def _stepped(length: float) -> int:
    return max(_STEP, round(length / _STEP) * _STEP)


def _placed(workflow: Workflow, request: GenerationRequest) -> tuple[tuple[MediaInput, ...], dict[str, str]]:
    """The files of `request`, each with the input that it fills; URLs that are for inputs which load no file are texts
    of these. Raises GatewayError."""
    free = [one for one in (workflow.image, *workflow.images) if one is not None]
    most = len(free)
    placed: list[MediaInput] = []
    texts: dict[str, str] = {}
    for item in request.inputs:
        key = item.fills
        if key is None:
            if item.role not in _PICTURES or not most:
                raise _unsupported(workflow, f"inputs.{item.role}")
            if not free:
                raise invalid(f"The workflow '{workflow.name}' takes {most} pictures, and no more.", "inputs")
            key = free.pop(0)
        spot = workflow.declared_spot(key)
        if workflow.graph is not None and not (spot.loads and isinstance(workflow.default(key), str)):
            if item.url is None:
                raise invalid(f"The input '{key[:200]}' takes no file.", PARAM)
            texts[spot.key] = item.url
            continue
        placed.append(replace(item, fills=spot.key))
    if len({item.fills for item in placed}) < len(placed):
        raise invalid("Two files are for one input; send one of them.", "inputs")
    return tuple(placed), texts


def _read_back(workflow: Workflow, request: GenerationRequest, values: dict[str, Any]) -> GenerationRequest:
    """`request` with what its values say: what it is billed by is said once."""
    pinned = dict(values)
    read: dict[str, Any] = {}
    for name in ("width", "height", "duration", "count"):
        key = getattr(workflow, name)
        if isinstance(key, str):
            spot = workflow.declared_spot(key)
            value = pinned.setdefault(spot.key, workflow.default(key))
            if value is None:
                del pinned[spot.key]
            read[name] = value
    for name in ("prompt", "negative_prompt"):
        key = getattr(workflow, name)
        value = values.get(workflow.declared_spot(key).key) if key is not None else None
        if isinstance(value, str):
            read[name] = value
    if len(msgspec.json.encode(pinned)) > _MOST_BYTES:
        raise GatewayError("too_large", f"The input values have more than {_MOST_BYTES} bytes in all.", param=PARAM)
    count = workflow.batch(pinned)
    if request.count not in (1, count):
        raise invalid(f"The workflow '{workflow.name}' makes {count}, not {request.count}.", "count")
    return replace(
        request,
        operation=OPERATION,
        prompt=read.get("prompt") or "",
        negative_prompt=read.get("negative_prompt") or None,
        count=count,
        size=_pixels(read.get("width"), read.get("height")),
        duration=_seconds(read.get("duration")),
        parameters=WorkflowParameters(
            input_values=pinned,
            web_app_id=workflow.web_app_id,
            makes=workflow.makes or _wanted(request),
            digest=workflow.digest,
        ),
    )


def _pixels(width: Any, height: Any) -> str | None:
    """Raises GatewayError."""
    if width is None or height is None:
        return None
    text = f"{width}x{height}"
    parse_size(text)
    return text


def _seconds(value: Any) -> float | None:
    """Raises GatewayError."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= _LONGEST:
        raise invalid(f"The duration must be a number of seconds, above 0 and up to {_LONGEST:g}.", "duration")
    return float(value)


def _check_kind(workflow: Workflow, request: GenerationRequest) -> None:
    """Raise GatewayError for what no workflow has, and for one that is asked for something else than it makes."""
    parameters = request.parameters
    if parameters is not None and not isinstance(parameters, WorkflowParameters):
        for field in msgspec.structs.fields(type(parameters)):
            if getattr(parameters, field.name) != field.default and field.name not in _ADVISORY:
                raise _unsupported(workflow, f"parameters.{field.name}")
    if request.audio is not None:
        raise _unsupported(workflow, "audio")
    if request.source is not None:
        raise _unsupported(workflow, "source")
    wanted = _wanted(request)
    if wanted is not None and workflow.makes is not None and wanted != workflow.makes:
        message = f"The workflow '{workflow.name}' makes {workflow.makes}, not {wanted}."
        raise GatewayError("unsupported_parameter", message, param="operation")


def _wanted(request: GenerationRequest) -> Any:
    """What the client wants by the operation that it named; None where that is a workflow, whatever it makes."""
    if request.operation == OPERATION:
        return request.parameters.makes if isinstance(request.parameters, WorkflowParameters) else None
    operation = OPERATIONS.get(request.operation)
    return None if operation is None else operation.makes


def _unsupported(workflow: Workflow, param: str) -> GatewayError:
    what = param.rpartition(".")[2].replace("_", " ")
    message = f"The workflow '{workflow.name}' has no input for '{what}'; leave it out."
    return GatewayError("unsupported_parameter", message, param=param)

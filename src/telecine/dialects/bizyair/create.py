"""From the headers and bodies of creates to a GenerationRequest."""

from __future__ import annotations

from typing import Any, Final

from msgspec.structs import replace

from telecine.dialects.bodies import Body, Known, typed
from telecine.dialects.call import Call
from telecine.dialects.rows import Parsed
from telecine.dialects.waiting import BLANK, Wait
from telecine.nouns.errors import GatewayError, invalid
from telecine.nouns.parameters import WorkflowParameters
from telecine.nouns.request import GenerationRequest, Native
from telecine.nouns.workflow import OPERATION
from telecine.wires.bizyair import ASYNC, AUTHORIZATION, ENABLE, PASSED, WEBHOOK, CreateTask, is_endpoint

INPUTS: Final = "input_values"
_LONGEST: Final = 3600.0
"""Seconds for which a create is kept waiting: as long as BizyAir's own SDK goes on asking."""
_MOST_HEADERS: Final = 32
_MOST_BYTES: Final = 8 * 1024
_MOST_NAME: Final = 200
_OWN: Final = frozenset({ASYNC.lower(), WEBHOOK.lower()})
"""Headers of that beginning that say what we are to do, and nothing to the receiver of a callback."""
_APP: Final = Known.of(CreateTask)
_MODEL: Final = Known(())


def parse_app(call: Call, body: Body) -> Parsed:
    """A call of an app. Raises GatewayError naming the field."""
    unknown = body.unknown(_APP)
    known = {name: value for name, value in body.known(_APP).items() if value is not None}
    values = known.pop(INPUTS, None)
    wire = typed(known, CreateTask)
    app = str(wire.web_app_id) if wire.web_app_id is not None else ""
    if not (app.isascii() and app.isdigit() and len(app) <= _MOST_NAME):
        raise invalid("web_app_id: is required; the number of the app.", "web_app_id")
    if not isinstance(values, dict) or not values:
        raise invalid(f"{INPUTS}: is missing or empty; name one input at least.", INPUTS)
    request = _called(call, app, values)
    return replace(request, native=Native("bizyair", unknown) if unknown else None), []


def parse_model(call: Call, body: Body) -> Parsed:
    """A call of a model of the ModelZoo, whose endpoint the path names. Raises GatewayError naming the field."""
    body.unknown(_MODEL)  # raises for what says where to call
    endpoint = call.id
    if not (is_endpoint(endpoint) and endpoint.isprintable() and len(endpoint) <= _MOST_NAME):
        raise GatewayError("not_found", f"There is no endpoint '{endpoint[:_MOST_NAME]}'.", param="model")
    return _called(call, endpoint, body.fields), []


def wait_of(call: Call) -> Wait:
    """Whether a create of an app is answered with its result, as BizyAir does where no header says otherwise."""
    return Wait() if hurried(call) else Wait(_LONGEST, BLANK)


def hurried(call: Call) -> bool:
    """Whether a create is to be answered at once, with the task's id."""
    headers = call.request.headers
    return bool(headers.get(WEBHOOK)) or headers.get(ASYNC, "").lower() == ENABLE


def _called(call: Call, app: str, values: dict[str, Any]) -> GenerationRequest:
    workflow = call.edge.workflows.by_app(app)
    return GenerationRequest(
        operation=OPERATION,
        model=workflow.name if workflow is not None else app,
        parameters=WorkflowParameters(input_values=values, web_app_id=app),
        callback_url=call.request.headers.get(WEBHOOK) or None,
        callback_headers=call.edge.sealed(passed_on(call), call.principal.account_id),
    )


def passed_on(call: Call) -> dict[str, str]:
    """The headers that its callback is to have, by their names in lower case. Raises GatewayError."""
    found = {
        name: value
        for name, value in call.request.headers.items()  # in lower case
        if name.startswith(PASSED) and name not in _OWN
    }
    if not call.request.headers.get(WEBHOOK) or not found:
        return {}
    if len(found) > _MOST_HEADERS or sum(len(name) + len(value) for name, value in found.items()) > _MOST_BYTES:
        raise invalid(f"{PASSED}*: at most {_MOST_HEADERS} such headers, with {_MOST_BYTES} bytes in all.", PASSED)
    for name, value in found.items():
        if not (value.isascii() and value.isprintable()):
            raise invalid(f"{name}: must be printable ASCII, to be sent on.", name)
    token = found.get(AUTHORIZATION.lower())
    return found if token is None else {**found, "authorization": token}

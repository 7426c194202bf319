"""BizyAir's open API: calls of apps, which are workflows here, and of the models of its ModelZoo; the paths of China
and those from abroad, bare and under `/bizyair`.

Guarantees: the three modes of a create, detail, outputs, cancel and interrupt; the result object, its times, which are
Shanghai's, and its codes as BizyAir has them; a task that has failed is HTTP 200 and code 20000, with its status and
why; a create that waits goes on when its client hangs up, and can be read. Ids are UUIDs, and every read takes every
form.
Not here: uploads to BizyAir's storage, lists of apps and models, prices and records of calls, which answer 404.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec
from msgspec.structs import replace
from starlette.responses import Response

from telecine.dialects.base import Edge
from telecine.dialects.bizyair import models
from telecine.dialects.bizyair.create import hurried, parse_app, parse_model, wait_of
from telecine.dialects.bizyair.render import ERRORS, accepted, detail, result, stopped
from telecine.dialects.bodies import json_response
from telecine.dialects.call import Call
from telecine.dialects.dialect import Claim, Dialect
from telecine.dialects.document import More, Query, Sent
from telecine.dialects.lookup import missing
from telecine.dialects.rows import Cancel, Create, Find, Read, Row, by_id
from telecine.nouns.errors import invalid
from telecine.nouns.ids import UUID, parse_task_id
from telecine.tasks.view import View
from telecine.webhooks.delivery import Message, Tidings
from telecine.wires import bizyair as wire

__all__ = ["BIZYAIR", "MODELS", "SDK_MODELS"]

_OURS: Final = "/bizyair"
_ROOTS: Final = ("", _OURS)
_CHINA: Final = wire.CHINA + wire.APPS
_ABROAD: Final = wire.ABROAD + wire.APPS
_NAME: Final = "bizyair"
_MODEL_FORM: Final = f"{_NAME}:model"
_ID: Final = "0377a10b-525e-850b-8200-000000000000"
_EXAMPLE: Final = {"web_app_id": 37429, "input_values": {"17:BizyAir_NanoBananaPro.prompt": "A paper boat"}}
_HEADERS: Final = (
    Query(wire.ASYNC, "`enable`: answer at once, with the task's id."),
    Query(wire.WEBHOOK, "Where the result is posted; the answer comes at once."),
    Query(wire.AUTHORIZATION, "What that post has as its `Authorization`; any other header beginning so, too."),
)
_HELD: Final = Query(wire.ID, "The task's id.", required=True)


async def by_query(call: Call) -> View:
    """The task that the query names, in any dialect's form. Raises GatewayError."""
    name = call.query(wire.ID) or call.query("request_id")
    if name is None:
        raise invalid(f"{wire.ID}: is required.", wire.ID)
    task_id = parse_task_id(name)
    if task_id is None:
        raise missing(name)
    return await call.edge.tasks.get(call.principal, task_id)


def _good(data: object) -> wire.Envelope:
    return wire.Envelope(code=wire.OK, data=data)


def _begun(call: Call, view: View) -> Response:
    """The answer to a create: the task's id, or once it has ended the whole result."""
    if hurried(call):
        return json_response(accepted(view), 202)
    return json_response(result(view, call.edge.media))


async def _detail(call: Call, view: View) -> wire.Envelope:
    place = (await call.edge.tasks.places([view])).get(view.task.id)
    return _good(detail(view, place.position - 1 if place is not None else None))


def _result(call: Call, view: View) -> wire.Envelope:
    return _good(result(view, call.edge.media))


def _create(start: str) -> Create:
    return Create(
        start + wire.CREATE,
        "Run an app, and wait for its result where no header says otherwise",
        answer=wire.Result,
        body=wire.CreateTask,
        example=_EXAMPLE,
        headers=_HEADERS,
        more=(More(202, "The task's id."),),
        parse=parse_app,
        form=f"{_NAME}:app",
        hook=wire.WEBHOOK,
        wait=wait_of,
        show=_begun,
    )


def _of_one(start: str, detail: str, find: Find, query: tuple[Query, ...] = ()) -> tuple[Row, ...]:
    """The four things that can be done about a task, at `start` and behind it; `detail` is the path of the first."""
    return (
        Read(detail, "Read how far a task is", answer=wire.Envelope, find=find, query=query, show=_detail),
        Read(start + wire.OUTPUTS, "Read a task's result", answer=wire.Envelope, find=find, query=query, show=_result),
        *(
            Cancel(
                start + verb,
                what,
                method="PUT",
                answer=wire.Envelope,
                find=find,
                query=query,
                show=lambda _, view: stopped(view),
            )
            for verb, what in ((wire.CANCEL, "Cancel a task that waits"), (wire.INTERRUPT, "Stop a task that runs"))
        ),
    )


def _announced(view: View, news: Tidings, edge: Edge) -> Message | None:
    """The result, once the task has ended, with the headers that its create asked for."""
    task = view.task
    if not task.ended:
        return None
    body = models.told(view, edge.media) if task.form == _MODEL_FORM else result(view, edge.media)
    headers = edge.opened(task.request.callback_headers, task.account_id)
    return Message(msgspec.json.encode(body), headers or {})


BIZYAIR: Final = Dialect(
    name=_NAME,
    title="BizyAir",
    about="Apps, which are workflows here, and models of the ModelZoo, as BizyAir's own API has them.",
    claimed=tuple(Claim(one) for one in (_OURS, wire.CHINA, _ABROAD)),
    roots=_ROOTS,
    rows=(
        _create(_CHINA),
        *_of_one(_CHINA, _CHINA + wire.DETAIL, by_query, (_HELD,)),
        _create(_ABROAD),
        *_of_one(f"{_ABROAD}/{{id}}", f"{_ABROAD}/{{id}}", by_id),
    ),
    id_form=UUID,
    errors=ERRORS,
    announce=_announced,
    sent=(
        Sent(
            _NAME,
            _NAME,
            f"A task's result, to its {wire.WEBHOOK}",
            wire.Result,
            {"type": "API", "status": "Success", "request_id": _ID, "outputs": []},
        ),
    ),
)


def _models(starts: tuple[str, ...], waiting: str) -> Dialect:
    """The ModelZoo at these paths. A task that waits is `waiting` there."""
    create = Create(
        "",
        "Call a model of the ModelZoo by its endpoint",
        answer=models.NewAnswer,
        body=dict[str, Any],
        example={"prompt": "A paper boat", "aspect_ratio": "16:9"},
        headers=_HEADERS[1:],
        parse=parse_model,
        form=_MODEL_FORM,
        hook=wire.WEBHOOK,
        show=lambda _, view: models.created(view),
    )
    read = Read(
        "",
        "Read a task of the ModelZoo",
        answer=models.Answer,
        show=lambda call, view: models.shown(view, call.edge.media, waiting),
    )
    rows: tuple[Row, ...] = (create, read)
    return Dialect(
        name=_NAME,
        claimed=tuple(Claim(root + start) for root in _ROOTS for start in starts),
        roots=_ROOTS,
        rows=tuple(replace(row, path=f"{start}/{{id:path}}") for start in starts for row in rows),
        id_form=UUID,
        errors=models.MODEL_ERRORS,
    )


MODELS: Final = _models((wire.CHINA_ZOO + wire.ZOO, wire.ABROAD + wire.ZOO), "Pending")
SDK_MODELS: Final = _models((f"{wire.ABROAD}/modelzoo/tasks",), "Queuing")
"""The path of BizyAir's SDK (bizytrd), which takes `Pending` for an end."""

"""`/v1/tasks…` and the dialect that they make up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, get_args

import msgspec

from telecine.dialects.base import idempotency_of
from telecine.dialects.bodies import Body
from telecine.dialects.call import Call
from telecine.dialects.dialect import Claim, Dialect
from telecine.dialects.document import More, Query, moment, one_of
from telecine.dialects.lists import Cursor, List
from telecine.dialects.lookup import moment as read_moment
from telecine.dialects.lookup import number
from telecine.dialects.rows import Cancel, Complete, Create, Parsed, Plain, Read, by_id
from telecine.dialects.tasks.complete import CompleteTask, parse_completion
from telecine.dialects.tasks.create import MAX_INLINE, CreateTask, parse_create, repeated
from telecine.dialects.tasks.events import events
from telecine.dialects.tasks.render import ERRORS, SENT, TaskList, TaskObject, announce, task_object
from telecine.dialects.waiting import BLANK, Wait
from telecine.nouns.errors import GatewayError, invalid
from telecine.nouns.ids import TSK
from telecine.nouns.request import GenerationRequest
from telecine.nouns.task import Status
from telecine.tasks.view import Filter, Page, View

_LONGEST_WAIT: Final = 60.0
"""Seconds that a request may wait in silence for the end: proxies in between cut longer ones."""
_LONGEST_ALIVE: Final = 600.0
"""The same for an answer that is kept alive."""
_WAITS: Final = (
    Query(
        "wait",
        "Seconds to wait for the end, once the job has been sent; more than 60 only with keep_alive.",
        {"type": "number", "minimum": 0, "maximum": 600},
    ),
    Query(
        "keep_alive",
        "The answer begins at once, with status 200, and blanks come before its JSON.",
        {"type": "boolean", "default": False},
    ),
)
_ONE: Final = "/v1/tasks/{id}"
_SEEN: Final = "The number of the last event that you have; those behind it follow."
_NUMBER: Final = {"type": "integer", "minimum": 0, "maximum": 10**9 - 1}
_NARROWED: Final = (
    one_of("status", "Only with this status.", get_args(Status)),
    Query("model", "Only of this model."),
    Query("external_id", "The one task that you named so; it stands alone."),
    Query("key_name", "Only made with this API key, by its name or its id."),
    moment("created_after", "Only made after this."),
    moment("created_before", "Only made before this."),
)


async def parsed(call: Call, body: Body) -> Parsed:
    """The request and its media; a remix has from its source what it cannot change. Raises GatewayError."""
    request, sources = parse_create(body, call.edge.catalogue, call.edge.workflows)
    return await _remixed(call, request), sources


async def _remixed(call: Call, request: GenerationRequest) -> GenerationRequest:
    """`request` with what a remix has from its source: whatever else it said, that is what is made, and paid for."""
    source = await call.edge.tasks.source(call.principal, request.source) if request.source is not None else None
    if source is not None and request.operation == "remix":
        return repeated(request, source.task.request, call.edge.catalogue)
    return request


async def found(call: Call, wanted: Filter) -> Page:
    """The page that the query asks for; with `external_id`, the one task that the client named so."""
    if external_id := call.query("external_id"):
        return await _named(call, external_id)
    status = call.query("status")
    if status is not None and status not in get_args(Status):
        raise invalid(f"status: must be one of {', '.join(get_args(Status))}.", "status")
    wanted = msgspec.structs.replace(
        wanted,
        statuses=() if status is None else (status,),
        model=call.query("model"),
        key=call.query("key_name"),
        created_after=read_moment(call.request, "created_after"),
        created_before=read_moment(call.request, "created_before"),
    )
    return await call.edge.tasks.list(call.principal, wanted)


async def _named(call: Call, external_id: str) -> Page:
    if others := [name for name in call.request.query_params if name not in ("external_id", "key")]:
        raise invalid(f"{others[0]}: 'external_id' names one task and stands alone.", others[0])
    try:
        return Page((await call.edge.tasks.find_external(call.principal, external_id),), has_more=False)
    except GatewayError as error:
        if error.code != "not_found":
            raise
        return Page((), has_more=False)


async def listed(call: Call, page: Page) -> TaskList:
    """A page, newest first."""
    data = await _all_shown(call, page.views)
    return TaskList(data, page.has_more, data[-1].id if data else None)


async def cancelled(call: Call, view: View) -> TaskObject:
    """What the wish came to."""
    return msgspec.structs.replace(await shown(call, view), cancellation=view.cancellation)


async def retry(call: Call) -> TaskObject:
    """The request of a task that has ended, once more as a new task."""
    said = idempotency_of(call.request)
    before = await by_id(call)
    return await shown(call, await call.edge.tasks.retry(call.principal, before.task.id, idempotency=said))


async def shown(call: Call, view: View) -> TaskObject:
    """The task as this caller may see it."""
    return (await _all_shown(call, [view]))[0]


async def _all_shown(call: Call, views: Sequence[View]) -> list[TaskObject]:
    edge = call.edge
    places, owners = await edge.tasks.places(views), await edge.tasks.owners(call.principal, views)
    return [
        task_object(
            view,
            edge.media,
            places.get(view.task.id),
            owner=owners.get(view.task.id),
            currency=edge.accounts.currency,
        )
        for view in views
    ]


def wait_of(call: Call) -> Wait:
    """What the query of a create says about waiting. Raises GatewayError (`invalid_request`)."""
    seconds = number(call.request, "wait", most=_LONGEST_ALIVE) or 0.0
    alive = call.query("keep_alive") or "false"
    if alive not in ("true", "false"):
        raise invalid("keep_alive: must be true or false.", "keep_alive")
    if alive == "false" and seconds > _LONGEST_WAIT:
        raise invalid(f"wait: more than {_LONGEST_WAIT:g} seconds need keep_alive=true.", "wait")
    return Wait(seconds, BLANK if alive == "true" else None)


async def _completion(call: Call, body: Body) -> Parsed:
    before = call.source
    if before is None:
        raise LookupError("a completion has found its draft before")
    request, sources = parse_completion(body, before.task.request, call.edge.catalogue)
    return await _remixed(call, request), sources


TASKS: Final = Dialect(
    name="tasks",
    title="Tasks",
    about="Telecine's own form: one shape for images and videos, whatever model makes them.",
    claimed=(Claim("/v1/tasks"), Claim("/v1/webhooks"), Claim("/v1/deliveries")),
    rows=(
        Create(
            "/v1/tasks",
            "Create a task",
            answer=TaskObject,
            body=CreateTask,
            example={
                "model": "kling-v2-5-turbo",
                "prompt": "A paper boat sails through a flooded library",
                "duration": 5,
            },
            parse=parsed,
            most=MAX_INLINE,
            hook="webhook_url",
            query=_WAITS,
            wait=wait_of,
            draft=lambda body: body.fields.get("draft") is True,
            show=shown,
        ),
        List("/v1/tasks", "List tasks", answer=TaskList, query=_NARROWED, turning=Cursor(), find=found, show=listed),
        Read(_ONE, "Read a task", answer=TaskObject, wait=_LONGEST_WAIT, show=shown),
        Plain(
            f"{_ONE}/events",
            "Follow a task: server-sent events, whose data is the task",
            kind="text/event-stream",
            query=(Query("last_event_id", f"{_SEEN} The header goes first.", _NUMBER),),
            headers=(Query("Last-Event-ID", _SEEN, _NUMBER),),
            more=(More(204, "Nothing can follow any more; do not ask again."),),
            handle=events,
        ),
        Cancel(f"{_ONE}/cancel", "Cancel a task", answer=TaskObject, show=cancelled),
        Complete(
            f"{_ONE}/complete",
            "Complete a draft, which is then queued",
            answer=TaskObject,
            body=CompleteTask,
            example={"prompt": "A paper boat sails through a flooded library at night"},
            parse=_completion,
            most=MAX_INLINE,
            hook="webhook_url",
            query=_WAITS,
            wait=wait_of,
            show=shown,
        ),
        Plain(
            f"{_ONE}/retry",
            "Make a task again that has ended",
            method="POST",
            answer=TaskObject,
            creates=True,
            handle=retry,
        ),
    ),
    id_form=TSK,
    errors=ERRORS,
    announce=announce,
    sent=(SENT,),
    strict=True,
)

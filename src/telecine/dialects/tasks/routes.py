"""`/v1/tasks…` and the dialect that they make up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, get_args

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from telecine.dialects.base import Dialect, edge_of, idempotency_of, principal_of
from telecine.dialects.bodies import json_response, read_object, release
from telecine.dialects.inline import keep_media
from telecine.dialects.lookup import find, moment, number, whole
from telecine.dialects.tasks.create import MAX_INLINE, parse_create
from telecine.dialects.tasks.events import events
from telecine.dialects.tasks.render import TaskList, TaskObject, callback_body, render_error, task_object
from telecine.nouns.errors import GatewayError, invalid
from telecine.nouns.ids import parse_task_id
from telecine.nouns.task import Status
from telecine.tasks.view import View

_LONGEST_WAIT: Final = 60.0
"""Seconds that a read may wait for the end: proxies in between cut longer silences."""


async def create(request: Request) -> Response:
    """`POST /v1/tasks`."""
    edge, principal = edge_of(request), principal_of(request)
    said = idempotency_of(request)
    parsed = parse_create(await read_object(request), edge.catalogue)
    wanted = await keep_media(edge, principal, *parsed, max_bytes=MAX_INLINE, hook="webhook_url")
    del parsed  # the create may wait for a while, and needs no more of the body
    release(request.scope)
    view = await edge.tasks.create(principal, wanted, "tasks", idempotency=said)
    return json_response(await _shown(request, view))


async def retrieve(request: Request) -> Response:
    """`GET /v1/tasks/{id}?wait=`: at once, or when the task has ended, after `wait` seconds at the latest."""
    edge = edge_of(request)
    seconds = number(request, "wait", most=_LONGEST_WAIT) or 0.0
    view = await find(request, request.path_params["id"])
    if seconds and not view.task.ended:
        view = await edge.tasks.wait(principal_of(request), view.task.id, seconds)
    return json_response(await _shown(request, view))


async def list_tasks(request: Request) -> Response:
    """`GET /v1/tasks?status=&model=&key_name=&created_after=&created_before=&limit=&after=`, newest first; or
    `?external_id=`, the one task that the client named so."""
    edge = edge_of(request)
    query = request.query_params
    if external_id := query.get("external_id"):
        return await _named(request, external_id)
    status = query.get("status") or None
    if status is not None and status not in get_args(Status):
        raise invalid(f"status: must be one of {', '.join(get_args(Status))}.", "status")
    after = query.get("after") or None
    start = parse_task_id(after) if after is not None else None
    if after is not None and start is None:
        raise invalid(f"after: '{after[:128]}' is no id of a task.", "after")
    page = await edge.tasks.list(
        principal_of(request),
        limit=whole(request, "limit", 20, 100),
        after=start,
        statuses=() if status is None else (status,),
        model=query.get("model") or None,
        key=query.get("key_name") or None,
        created_after=moment(request, "created_after"),
        created_before=moment(request, "created_before"),
    )
    data = await _all_shown(request, page.views)
    return json_response(TaskList(data, page.has_more, data[-1].id if data else None))


async def _named(request: Request, external_id: str) -> Response:
    if others := [name for name in request.query_params if name not in ("external_id", "key")]:
        raise invalid(f"{others[0]}: 'external_id' names one task and stands alone.", others[0])
    try:
        views = [await edge_of(request).tasks.find_external(principal_of(request), external_id)]
    except GatewayError as error:
        if error.code != "not_found":
            raise
        views = []
    data = await _all_shown(request, views)
    return json_response(TaskList(data, has_more=False, last_id=data[-1].id if data else None))


async def cancel(request: Request) -> Response:
    """`POST /v1/tasks/{id}/cancel`: at once where it is queued, else the upstream is asked to stop if it can."""
    edge = edge_of(request)
    found = await find(request, request.path_params["id"])
    view = await edge.tasks.cancel(principal_of(request), found.task.id)
    return json_response(msgspec.structs.replace(await _shown(request, view), cancellation=view.cancellation))


async def retry(request: Request) -> Response:
    """`POST /v1/tasks/{id}/retry`: the request of a task that has ended, once more as a new task."""
    edge = edge_of(request)
    said = idempotency_of(request)
    found = await find(request, request.path_params["id"])
    view = await edge.tasks.retry(principal_of(request), found.task.id, idempotency=said)
    return json_response(await _shown(request, view))


async def _shown(request: Request, view: View) -> TaskObject:
    return (await _all_shown(request, [view]))[0]


async def _all_shown(request: Request, views: Sequence[View]) -> list[TaskObject]:
    edge = edge_of(request)
    places, owners = await edge.tasks.places(views), await edge.tasks.owners(principal_of(request), views)
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


TASKS: Final = Dialect(
    name="tasks",
    prefixes=("/v1/tasks", "/v1/webhooks", "/v1/deliveries"),
    routes=(
        Route("/v1/tasks", create, methods=["POST"]),
        Route("/v1/tasks", list_tasks, methods=["GET"]),
        Route("/v1/tasks/{id}", retrieve, methods=["GET"]),
        Route("/v1/tasks/{id}/events", events, methods=["GET"]),
        Route("/v1/tasks/{id}/cancel", cancel, methods=["POST"]),
        Route("/v1/tasks/{id}/retry", retry, methods=["POST"]),
    ),
    render_error=render_error,
    callback_body=callback_body,
)

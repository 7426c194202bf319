"""`/v1/tasks…` and the dialect that they make up."""

from __future__ import annotations

from typing import Final, get_args

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from telecine.dialects.base import Dialect, edge_of, principal_of
from telecine.dialects.bodies import json_response, read_object
from telecine.dialects.inline import settle
from telecine.dialects.lookup import find, whole
from telecine.dialects.tasks.create import MAX_INLINE, parse_create
from telecine.dialects.tasks.render import TaskList, callback_body, render_error, task_object
from telecine.nouns.errors import invalid
from telecine.nouns.ids import parse_task_id
from telecine.nouns.task import Status


async def create(request: Request) -> Response:
    """`POST /v1/tasks`."""
    edge, principal = edge_of(request), principal_of(request)
    wanted, sources = parse_create(await read_object(request), edge.catalogue)
    if wanted.callback_url is not None:
        edge.media.check_url(wanted.callback_url, param="callback_url")
    wanted = await settle(edge, principal, wanted, sources, max_bytes=MAX_INLINE)
    return json_response(task_object(await edge.tasks.create(principal, wanted, "tasks"), edge.media))


async def retrieve(request: Request) -> Response:
    """`GET /v1/tasks/{id}`."""
    view = await find(request, request.path_params["id"])
    return json_response(task_object(view, edge_of(request).media))


async def list_tasks(request: Request) -> Response:
    """`GET /v1/tasks?status=&model=&limit=&after=`, newest first."""
    edge = edge_of(request)
    query = request.query_params
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
    )
    data = [task_object(view, edge.media) for view in page.views]
    return json_response(TaskList(data, page.has_more, data[-1].id if data else None))


async def cancel(request: Request) -> Response:
    """`POST /v1/tasks/{id}/cancel`: at once where it is queued, else the upstream is asked to stop."""
    edge = edge_of(request)
    found = await find(request, request.path_params["id"])
    view = await edge.tasks.cancel(principal_of(request), found.task.id)
    return json_response(task_object(view, edge.media))


TASKS: Final = Dialect(
    name="tasks",
    prefixes=("/v1/tasks",),
    routes=(
        Route("/v1/tasks", create, methods=["POST"]),
        Route("/v1/tasks", list_tasks, methods=["GET"]),
        Route("/v1/tasks/{id}", retrieve, methods=["GET"]),
        Route("/v1/tasks/{id}/cancel", cancel, methods=["POST"]),
    ),
    render_error=render_error,
    callback_body=callback_body,
)

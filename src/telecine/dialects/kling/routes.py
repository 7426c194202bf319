"""`…/v1/videos/{text2video,image2video}` and the dialect that they make up."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from functools import partial
from typing import Final, get_args

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from telecine.dialects.base import Dialect, edge_of, idempotency_of, principal_of
from telecine.dialects.bodies import read_object, release
from telecine.dialects.inline import keep_media
from telecine.dialects.kling.create import PathKind, check_picture, parse_create
from telecine.dialects.kling.render import callback_body, created, ok, render_error, task_data
from telecine.dialects.lookup import find, made_by, missing, whole
from telecine.nouns.errors import GatewayError
from telecine.tasks.view import View
from telecine.wires.kling import MAX_IMAGE

# Relays put Kling's paths under /kling; Kling's own clients and the Vercel SDK use them bare.
PREFIXES: Final = ("/kling", "")
_OPERATIONS: Final[dict[PathKind, tuple[str, ...]]] = {
    "text2video": ("text_to_video", "remix"),
    "image2video": ("image_to_video",),
}
_ALL: Final = ("GET", "POST", "PUT", "PATCH", "DELETE")


async def collection(kind: PathKind, request: Request) -> Response:
    """Create with POST, list with GET."""
    if request.method == "POST":
        return await create(kind, request)
    _only_get(request)
    number, size = whole(request, "pageNum", 1, 1000), whole(request, "pageSize", 30, 500)
    edge = edge_of(request)
    page = await edge.tasks.list(
        principal_of(request),
        limit=size,
        offset=(number - 1) * size,
        form=f"kling:{kind}",
        operations=_OPERATIONS[kind],
    )
    return ok([task_data(view, edge.media) for view in page.views], _request_id(request))


async def create(kind: PathKind, request: Request) -> Response:
    """`POST /v1/videos/{kind}`."""
    edge, principal = edge_of(request), principal_of(request)
    said = idempotency_of(request)
    wanted = await keep_media(
        edge,
        principal,
        *parse_create(kind, await read_object(request)),
        max_bytes=MAX_IMAGE,
        look=check_picture,
    )
    release(request.scope)
    view = await edge.tasks.create(principal, wanted, "kling", form=f"kling:{kind}", idempotency=said)
    return ok(created(view), _request_id(request))


async def retrieve(kind: PathKind, request: Request) -> Response:
    """`GET /v1/videos/{kind}/{id}`, by task id or by external id."""
    _only_get(request)
    view = await _find(request, request.path_params["id"])
    if not made_by(view.task, f"kling:{kind}", _OPERATIONS[kind]):
        raise missing(request.path_params["id"])
    return ok(task_data(view, edge_of(request).media), _request_id(request))


async def _find(request: Request, text: str) -> View:
    try:
        return await find(request, text)
    except GatewayError as error:
        if error.code != "not_found":
            raise
        return await edge_of(request).tasks.find_external(principal_of(request), text)


def _only_get(request: Request) -> None:
    if request.method not in ("GET", "HEAD"):
        raise GatewayError("not_found", f"The method {request.method} is not served here.", param="method")


def _request_id(request: Request) -> str:
    """The id that the server gave to this request; one of its own where it gave none."""
    return request.scope.get("request_id") or str(uuid.uuid4())


def _routes() -> Iterator[Route]:
    for prefix in PREFIXES:
        for kind in get_args(PathKind):
            path = f"{prefix}/v1/videos/{kind}"
            yield Route(path, partial(collection, kind), methods=_ALL)
            # The client's own ids may have slashes in them, written %2F.
            yield Route(f"{path}/{{id:path}}", partial(retrieve, kind), methods=_ALL)


KLING: Final = Dialect(
    name="kling",
    # The bare paths lie inside OpenAI's: they have to be mounted, and matched, before `/v1/videos/{id}`.
    prefixes=("/kling", *(f"/v1/videos/{kind}" for kind in get_args(PathKind))),
    routes=tuple(_routes()),
    render_error=render_error,
    callback_body=callback_body,
)

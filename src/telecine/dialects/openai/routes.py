"""`/v1/videos…` and the dialect that they make up."""

from __future__ import annotations

from typing import Final, Literal

from msgspec import UNSET
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from telecine.dialects import models
from telecine.dialects.base import Dialect, edge_of, idempotency_of, principal_of
from telecine.dialects.bodies import Body, json_response, read_object, release
from telecine.dialects.forms import is_form, read_form
from telecine.dialects.inline import check_urls, keep_media
from telecine.dialects.lookup import find_video, whole
from telecine.dialects.openai.create import MAX_IMAGE, REPEATABLE, parse_create, parse_remix
from telecine.dialects.openai.render import (
    STATUS,
    DeletedVideo,
    VideoList,
    answer,
    callback_body,
    envelope,
    render_error,
    shown,
    video,
)
from telecine.nouns.errors import GatewayError, invalid
from telecine.nouns.ids import parse_task_id, video_id

_VARIANTS: Final[dict[str, Literal["file", "poster", "spritesheet"]]] = {
    "video": "file",
    "thumbnail": "poster",
    "spritesheet": "spritesheet",
}
_FETCHED_IN: Final = 5
"""Seconds after which a file that is not stored yet may be asked for again."""


async def create(request: Request) -> Response:
    """`POST /v1/videos`."""
    edge, principal = edge_of(request), principal_of(request)
    said = idempotency_of(request)
    try:
        body = await _body(request)
        parsed = parse_create(body)
        wanted = await keep_media(edge, principal, *parsed, max_bytes=MAX_IMAGE, hook=_hook(body))
        del body, parsed  # the create may wait for a while, and needs no more of the body
    finally:
        await request.close()
        release(request.scope)
    view = await edge.tasks.create(principal, wanted, "openai", idempotency=said)
    return answer(view, edge.media, edge.catalogue)


async def retrieve(request: Request) -> Response:
    """`GET /v1/videos/{id}`."""
    edge = edge_of(request)
    return answer(await find_video(request, request.path_params["id"]), edge.media, edge.catalogue)


async def list_videos(request: Request) -> Response:
    """`GET /v1/videos?after=&limit=&order=`, newest first unless asked otherwise."""
    edge = edge_of(request)
    order = request.query_params.get("order") or "desc"
    if order not in ("asc", "desc"):
        raise invalid("order: must be asc or desc.", "order")
    limit = whole(request, "limit", 20, 100)
    after = request.query_params.get("after") or None
    start = parse_task_id(after) if after is not None else None
    if after is not None and start is None:
        raise invalid(f"after: '{after[:128]}' is no id of a video.", "after")
    page = await edge.tasks.list(
        principal_of(request), limit=limit, after=start, ascending=order == "asc", kind="video"
    )
    data = [video(view, edge.media, edge.catalogue) for view in page.views]
    first, last = (data[0].id, data[-1].id) if data else (None, None)
    return json_response(VideoList(data, page.has_more, first, last))


async def delete(request: Request) -> Response:
    """`DELETE /v1/videos/{id}`."""
    found = await find_video(request, request.path_params["id"])
    view = await edge_of(request).tasks.delete(principal_of(request), found.task.id)
    return json_response(DeletedVideo(id=video_id(view.task.id), cancellation=view.cancellation or UNSET))


async def content(request: Request) -> Response:
    """`GET /v1/videos/{id}/content?variant=`: the bytes. Errors are JSON, whatever `Accept` asks for."""
    view = await find_video(request, request.path_params["id"])
    name = request.query_params.get("variant") or "video"
    variant = _VARIANTS.get(name)
    if variant is None:
        raise invalid(f"variant: must be one of {', '.join(_VARIANTS)}.", "variant")
    status = STATUS[view.task.status]
    if status != "completed":
        return envelope(f"The video '{video_id(view.task.id)}' has no content: it is {status}.", "video_not_ready", 400)
    output = shown(view)
    if output is None:
        raise GatewayError("not_found", "The video's file is lost.", param="id")
    if output.state == "pending":
        message = (
            f"The file of the video '{video_id(view.task.id)}' is still being fetched; come again, or take its url."
        )
        response = envelope(message, "video_not_ready", 503, kind="server_error")
        response.headers["retry-after"] = str(_FETCHED_IN)
        return response
    return await edge_of(request).media.serve(request, output, variant)


async def remix(request: Request) -> Response:
    """`POST /v1/videos/{id}/remix`: the same video again, under a new prompt."""
    edge, principal = edge_of(request), principal_of(request)
    said = idempotency_of(request)
    source = await find_video(request, request.path_params["id"])
    try:
        body = await _body(request)
        shown = video(source, edge.media, edge.catalogue)
        wanted = parse_remix(body, source.task.request, source.task.id, seconds=shown.seconds, size=shown.size)
    finally:
        await request.close()
    if source.task.status != "succeeded":
        raise invalid(
            f"Only a completed video can be remixed; '{video_id(source.task.id)}' is {STATUS[source.task.status]}.",
            "video_id",
        )
    check_urls(edge.media, wanted, _hook(body))
    view = await edge.tasks.create(principal, wanted, "openai", idempotency=said)
    return answer(view, edge.media, edge.catalogue)


async def reserved(request: Request) -> Response:
    """The words under `/v1/videos` that are no ids."""
    raise GatewayError("not_found", f"'{request.url.path}' is not supported yet.")


async def _body(request: Request) -> Body:
    return await read_form(request, REPEATABLE) if is_form(request) else await read_object(request)


def _hook(body: Body) -> str:
    """The name by which the client sent the URL for webhooks."""
    return "webhook_url" if body.fields.get("webhook_url") else "callback_url"


_ALL: Final = ("GET", "POST", "DELETE")

OPENAI: Final = Dialect(
    name="openai",
    prefixes=("/v1",),
    routes=(
        Route("/v1/videos", create, methods=["POST"]),
        Route("/v1/videos", list_videos, methods=["GET"]),
        *(Route(f"/v1/videos/{word}", reserved, methods=_ALL) for word in ("edits", "extensions", "characters")),
        Route("/v1/videos/characters/{id}", reserved, methods=_ALL),
        Route("/v1/videos/{id}", retrieve, methods=["GET"]),
        Route("/v1/videos/{id}", delete, methods=["DELETE"]),
        Route("/v1/videos/{id}/content", content, methods=["GET"]),
        Route("/v1/videos/{id}/remix", remix, methods=["POST"]),
        *models.ROUTES,
    ),
    render_error=render_error,
    callback_body=callback_body,
)

"""`/v1/videos…` and the dialect that they make up."""

from __future__ import annotations

from typing import Final, Literal

from msgspec import UNSET
from starlette.responses import Response

from telecine.dialects import models
from telecine.dialects.base import Edge
from telecine.dialects.bodies import Body
from telecine.dialects.call import Call
from telecine.dialects.dialect import Claim, Dialect, each_status
from telecine.dialects.document import More, Query, one_of
from telecine.dialects.lists import Cursor, List
from telecine.dialects.openai.create import MAX_IMAGE, hook_of, parse_create, parse_remix
from telecine.dialects.openai.image_render import ImageTask, image_task
from telecine.dialects.openai.pictures import REPEATABLE
from telecine.dialects.openai.render import (
    ERRORS,
    SENT,
    STATUS,
    DeletedVideo,
    Video,
    VideoList,
    answer,
    envelope,
    shown,
    video,
)
from telecine.dialects.rows import Cancel, Create, Parsed, Plain, Read, making
from telecine.nouns.errors import GatewayError, invalid
from telecine.nouns.ids import VIDEO, video_id
from telecine.nouns.operations import makes_of
from telecine.tasks.view import Page, View
from telecine.wires.openai import CreateVideo

_VARIANTS: Final[dict[str, Literal["file", "poster", "spritesheet"]]] = {
    "video": "file",
    "thumbnail": "poster",
    "spritesheet": "spritesheet",
}
_FETCHED_IN: Final = 5
"""Seconds after which a file that is not stored yet may be asked for again."""
_PROMPT: Final = "A paper boat sails through a flooded library"
PART: Final = (Query("Range", "Only these bytes, such as bytes=0-1023."), Query("If-None-Match", "The ETag you have."))
PARTS: Final = (
    More(206, "The bytes that were asked for.", alike=True),
    More(304, "What you have is what there is."),
    More(416, "The range begins after the end."),
)


found: Final = making("video")


def shown_to(call: Call, view: View) -> Response:
    """The Video object."""
    return answer(view, call.edge.media, call.edge.catalogue)


def listed(call: Call, page: Page) -> VideoList:
    """A page of them."""
    data = [video(view, call.edge.media, call.edge.catalogue) for view in page.views]
    first, last = (data[0].id, data[-1].id) if data else (None, None)
    return VideoList(data, page.has_more, first, last)


def deleted(_: Call, view: View) -> DeletedVideo:
    """What became of it."""
    return DeletedVideo(id=video_id(view.task.id), cancellation=view.cancellation or UNSET)


async def content(call: Call) -> Response:
    """`GET /v1/videos/{id}/content?variant=`: the bytes. Errors are JSON, whatever `Accept` asks for."""
    view = await found(call)
    name = call.query("variant") or "video"
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
    return await call.edge.media.serve(call.request, output, variant)


def told(view: View, edge: Edge) -> Video | ImageTask:
    """What a webhook says of a task of this dialect's."""
    if makes_of(view.task.request) == "image":
        return image_task(view, edge.media)
    return video(view, edge.media, edge.catalogue)


def remixed(call: Call, body: Body) -> Parsed:
    """The same video again, under a new prompt."""
    source = call.source
    if source is None:
        raise TypeError("a remix is of a video that its path names")
    shown = video(source, call.edge.media, call.edge.catalogue)
    before, models = source.task, call.edge.catalogue
    wanted = parse_remix(body, before.request, before.id, models, seconds=shown.seconds, size=shown.size)
    if source.task.status != "succeeded":
        raise invalid(
            f"Only a completed video can be remixed; '{video_id(source.task.id)}' is {STATUS[source.task.status]}.",
            "video_id",
        )
    return wanted, []


_ONE: Final = "/v1/videos/{id}"

OPENAI: Final = Dialect(
    name="openai",
    title="OpenAI",
    about="The Videos API of the OpenAI SDKs, which work unchanged with this server as their base URL.",
    claimed=(Claim("/v1"),),
    rows=(
        Create(
            "/v1/videos",
            "Create a video",
            answer=Video,
            body=CreateVideo,
            example={"model": "sora-2", "prompt": _PROMPT, "seconds": "4"},
            parse=lambda call, body: parse_create(body, call.edge.catalogue),
            most=MAX_IMAGE,
            hook=hook_of,
            repeatable=REPEATABLE,
            show=shown_to,
        ),
        List(
            "/v1/videos",
            "List videos",
            answer=VideoList,
            turning=Cursor(order=True, noun="video"),
            only={"kind": "video"},
            show=listed,
        ),
        Read(_ONE, "Read a video", answer=Video, find=found, show=shown_to),
        Cancel(
            _ONE,
            "Delete a video, cancelling it where it still runs",
            method="DELETE",
            answer=DeletedVideo,
            find=found,
            deletes=True,
            show=deleted,
        ),
        Plain(
            f"{_ONE}/content",
            "Download a video",
            kind="video/mp4",
            query=(one_of("variant", "Which file.", tuple(_VARIANTS)),),
            headers=PART,
            more=PARTS,
            handle=content,
        ),
        Create(
            f"{_ONE}/remix",
            "Make a video again, under a new prompt",
            answer=Video,
            body=CreateVideo,
            example={"prompt": f"{_PROMPT}, at night"},
            source=found,
            parse=remixed,
            hook=hook_of,
            repeatable=REPEATABLE,
            show=shown_to,
        ),
        *models.ROWS,
    ),
    reserved=("/v1/videos/edits", "/v1/videos/extensions", "/v1/videos/characters", "/v1/videos/characters/{id}"),
    id_form=VIDEO,
    errors=ERRORS,
    # OpenAI documents no webhook for videos, and relays post what a read would show.
    announce=each_status(told),
    sent=(SENT,),
)

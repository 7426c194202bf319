"""The rows of the Videos API, in whichever form."""

from __future__ import annotations

from typing import Any, Final, Literal

from msgspec import UNSET
from starlette.responses import RedirectResponse, Response

from telecine.dialects import scalars
from telecine.dialects.call import Call
from telecine.dialects.document import PART, PARTS, More, Query, one_of
from telecine.dialects.lists import Cursor, List
from telecine.dialects.openai.create import MAX_IMAGE, hook_of, parse_create
from telecine.dialects.openai.follow import VIDEO, edited, extended, remixed
from telecine.dialects.openai.form import Form
from telecine.dialects.openai.pictures import REPEATABLE
from telecine.dialects.openai.render import STATUS, DeletedVideo, envelope, shown
from telecine.dialects.rows import Cancel, Create, Plain, Read, Row
from telecine.nouns.errors import GatewayError, invalid
from telecine.nouns.ids import video_id
from telecine.wires.openai import MAX_VIDEO, CreateVideo, FollowVideo

_VARIANTS: Final[dict[str, Literal["file", "poster", "spritesheet"]]] = {
    "video": "file",
    "thumbnail": "poster",
    "spritesheet": "spritesheet",
}
_FETCHED_IN: Final = 5
"""Seconds after which a file that is not stored yet may be asked for again."""
_ID: Final = "video_06xx11d95wm5j"
PROMPT: Final = "A paper boat sails through a flooded library"
_REDIRECT: Final = Query("redirect", "Answer where the file is, in the place of the file.", {"type": "boolean"})


async def content(call: Call, form: Form) -> Response:
    """`GET /v1/videos/{id}/content?variant=`: the bytes, or where they are. Errors are JSON, whatever `Accept` asks
    for."""
    view = await form.find(call)
    elsewhere = scalars.flag(call.query("redirect"), "redirect")
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
    if elsewhere and variant != "spritesheet" and (link := call.edge.media.link(output, variant)) is not None:
        return RedirectResponse(link, 302)
    return await call.edge.media.serve(call.request, output, variant)


def _made(form: Form) -> dict[str, Any]:
    """What all rows have that make videos."""
    return {
        "answer": form.shape,
        "body": CreateVideo,
        "hook": hook_of,
        "repeatable": REPEATABLE,
        "most": MAX_IMAGE,
        "show": form.shown,
    }


def _following(form: Form) -> dict[str, Any]:
    """The same of those that name a video in their body, which may be a file."""
    return {**_made(form), "body": FollowVideo, "repeatable": (*REPEATABLE, VIDEO), "most": MAX_VIDEO}


def created(form: Form, path: str, summary: str) -> Create:
    """The row that makes one of nothing but what its body says."""
    example = {"model": "sora-2", "prompt": PROMPT, "seconds": "4"}
    return Create(
        path, summary, example=example, parse=lambda call, body: parse_create(body, call.edge.catalogue), **_made(form)
    )


def rows(form: Form, root: str = "/v1/videos") -> tuple[Row, ...]:
    """All that is done with videos, below the path `root`."""
    one = f"{root}/{form.id}"
    return (
        created(form, root, "Create a video"),
        Create(
            f"{root}/edits",
            "Change a video as a prompt says",
            example={"prompt": f"{PROMPT}, in the rain", "video": {"id": _ID}},
            parse=edited,
            **_following(form),
        ),
        Create(
            f"{root}/extensions",
            "Have a video go on",
            example={"prompt": f"{PROMPT}, and finds the sea", "seconds": "8", "video": {"id": _ID}},
            parse=extended,
            **_following(form),
        ),
        List(
            root,
            "List videos",
            answer=form.page,
            turning=Cursor(order=True, noun="video"),
            only={"kind": "video"},
            show=form.listed,
        ),
        Plain(
            f"{one}/content",
            "Download a video",
            kind="video/mp4",
            query=(one_of("variant", "Which file.", tuple(_VARIANTS)), _REDIRECT),
            headers=PART,
            more=(*PARTS, More(302, "Where the bytes are, as `redirect` asks.")),
            handle=lambda call: content(call, form),
        ),
        Create(
            f"{one}/remix",
            "Make a video again, under a new prompt",
            example={"prompt": f"{PROMPT}, at night"},
            source=form.find,
            parse=remixed,
            **_made(form),
        ),
        Read(one, "Read a video", answer=form.shape, find=form.find, show=form.shown),
        Cancel(
            one,
            "Delete a video, cancelling it where it still runs",
            method="DELETE",
            answer=DeletedVideo,
            find=form.find,
            deletes=True,
            show=lambda _, view: DeletedVideo(
                id=form.ids.write(view.task.id, view.task.model), cancellation=view.cancellation or UNSET
            ),
        ),
    )

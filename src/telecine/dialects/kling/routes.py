"""`…/v1/videos/{text2video,image2video}` and the dialect that they make up."""

from __future__ import annotations

from typing import Final, get_args

from telecine.dialects.call import Call
from telecine.dialects.dialect import Claim, Dialect, each_status
from telecine.dialects.kling.create import PathKind, check_picture, parse_create
from telecine.dialects.kling.render import ERRORS, SENT, Envelope, created, ok, task_data
from telecine.dialects.lists import List, Numbered
from telecine.dialects.lookup import made_by, missing
from telecine.dialects.rows import Create, Read, Row, by_id
from telecine.nouns.errors import GatewayError
from telecine.nouns.operations import makes_of
from telecine.tasks.view import View
from telecine.wires.kling import MAX_IMAGE, MOST_LISTED, CreateTask

# Relays put Kling's paths under /kling; Kling's own clients and the Vercel SDK use them bare.
ROOTS: Final = ("/kling", "")
_OPERATIONS: Final[dict[PathKind, tuple[str, ...]]] = {
    "text2video": ("text_to_video", "remix", "workflow"),  # of the last those that make a video
    "image2video": ("image_to_video",),
}
_EXAMPLE: Final = {
    "model_name": "kling-v2-5-turbo",
    "prompt": "A paper boat sails through a flooded library",
    "duration": "5",
}
_PAGES: Final = Numbered(number="pageNum", size="pageSize", default=30, most=MOST_LISTED)


def _rows(kind: PathKind, what: str, example: dict[str, str]) -> tuple[Row, ...]:
    """Create, list and read, of which the last two know only what was made in that way."""
    path, form, operations = f"/v1/videos/{kind}", f"kling:{kind}", _OPERATIONS[kind]

    async def found(call: Call) -> View:
        view = await _found(call)
        if not made_by(view.task, form, operations) or makes_of(view.task.request) != "video":
            raise missing(call.id)
        return view

    return (
        Create(
            path,
            f"Create a video from {what}",
            answer=Envelope,
            body=CreateTask,
            example=example,
            parse=lambda call, body: parse_create(kind, body, call.edge.catalogue),
            form=form,
            most=MAX_IMAGE,
            look=check_picture,
            show=lambda call, view: ok(call, created(view)),
        ),
        List(
            path,
            f"List videos from {what}",
            answer=Envelope,
            turning=_PAGES,
            only={"form": form, "operations": operations, "kind": "video"},
            show=lambda call, page: ok(call, [task_data(view, call.edge.media) for view in page.views]),
        ),
        Read(
            f"{path}/{{id:path}}",  # the client's own ids may have slashes in them, written %2F
            f"Read a video from {what}, by its id or by external_task_id",
            answer=Envelope,
            find=found,
            show=lambda call, view: ok(call, task_data(view, call.edge.media)),
        ),
    )


async def _found(call: Call) -> View:
    """By task id, or by external id."""
    try:
        return await by_id(call)
    except GatewayError as error:
        if error.code != "not_found":
            raise
        return await call.edge.tasks.find_external(call.principal, call.id)


KLING: Final = Dialect(
    name="kling",
    title="Kling",
    about="Kling's own API, under /kling and bare.",
    # The bare paths lie inside OpenAI's: they have to be mounted, and matched, before `/v1/videos/{id}`.
    claimed=(Claim("/kling"), *(Claim(f"/v1/videos/{kind}") for kind in get_args(PathKind))),
    roots=ROOTS,
    rows=(
        *_rows("text2video", "a text", _EXAMPLE),
        *_rows("image2video", "an image", {**_EXAMPLE, "image": "https://example.com/boat.png"}),
    ),
    errors=ERRORS,
    # The `data` object, flat (Kling API documents, "Callback Protocol").
    announce=each_status(lambda view, edge: task_data(view, edge.media)),
    sent=(SENT,),
    every_method=True,
)

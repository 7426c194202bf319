"""The rows that each operation comes to, and the dialect that they make up."""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from telecine.dialects.bodies import Body
from telecine.dialects.call import Call
from telecine.dialects.dialect import Claim, Dialect, each_status
from telecine.dialects.kling.calls import CALL_ROWS, CALLS, FOLDED, SYNCED
from telecine.dialects.kling.create import parse
from telecine.dialects.kling.images import IMAGES
from telecine.dialects.kling.media import check_media
from telecine.dialects.kling.operation import Operation
from telecine.dialects.kling.render import ERRORS, SENT, Envelope, created, ok, task_data
from telecine.dialects.kling.sounds import SOUNDS
from telecine.dialects.kling.videos import VIDEOS
from telecine.dialects.lists import List, Numbered
from telecine.dialects.lookup import made_by, missing
from telecine.dialects.rows import Create, Parsed, Read, Row, by_id
from telecine.nouns.errors import GatewayError, invalid
from telecine.nouns.operations import makes_of
from telecine.nouns.parameters import VideoParameters
from telecine.tasks.view import View
from telecine.wires.kling import MOST_LISTED
from telecine.wires.kling.images import GENERATION

# Relays put Kling's paths under /kling; Kling's own clients and the Vercel SDK use them bare.
ROOTS: Final = ("/kling", "")
OPERATIONS: Final[tuple[Operation, ...]] = (*VIDEOS, SYNCED, *IMAGES, *SOUNDS)
"""All of the legacy generation."""
_BARE: Final = tuple(op.path.path for op in (*OPERATIONS, *CALLS))
_SHARED: Final = GENERATION.path
"""Bare, OpenAI makes pictures there too: its table has that, and hands over what is Kling's (`bare.py`)."""
_PAGES: Final = Numbered(number="pageNum", size="pageSize", default=30, most=MOST_LISTED)


def rows_of(op: Operation) -> tuple[Row, ...]:
    """Create, list and read, of which the last two know only what was made in that way."""
    path, form = op.path.path, op.path.form
    one, many = op.makes
    by = ", by its id or by external_task_id" if op.path.named else ""

    async def found(call: Call) -> View:
        view = await (_named(call) if op.path.named else by_id(call))
        if not made_by(view.task, form, op.shows) or makes_of(view.task.request) != op.kind:
            raise missing(call.id)
        return view

    return (
        Create(
            path,
            f"Create {one}",
            answer=Envelope,
            body=op.path.body,
            example=op.example,
            parse=lambda call, body: _parsed(op, call, body),
            form=form,
            most=op.most,
            look=check_media,
            names=op.names,
            show=lambda call, view: ok(call, created(view)),
        ),
        List(
            path,
            f"List {many}",
            answer=Envelope,
            turning=_PAGES,
            only={"form": form, "operations": op.shows, "kind": op.kind},
            show=lambda call, page: ok(call, [task_data(view, call.edge.media) for view in page.views]),
        ),
        Read(
            f"{path}/{{id:path}}",  # the client's own ids may have slashes in them, written %2F
            f"Read {one}{by}",
            answer=Envelope,
            find=found,
            show=lambda call, view: ok(call, task_data(view, call.edge.media)),
        ),
    )


async def _parsed(op: Operation, call: Call, body: Body) -> Parsed:
    """The request, with the model and the mode of what it goes on from where it has to have those."""
    request, media = parse(op, body, call.edge.catalogue)
    if not op.keeps_model or request.source is None:
        return request, media
    made = await call.edge.tasks.source(call.principal, request.source)
    if made is None:
        return request, media
    before, asked = made.task.request, made.task.asked
    mode = (asked.mode if asked is not None else None) or getattr(before.parameters, "mode", None)
    given = request.parameters or VideoParameters()
    parameters = replace(given, mode=mode) if isinstance(given, VideoParameters) and mode else request.parameters
    if request.model not in (op.path.model, before.model):
        raise invalid(f"model_name: what goes on was made with {before.model}, and stays with that.", "model")
    return replace(request, model=before.model, parameters=parameters), media


async def _named(call: Call) -> View:
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
    claimed=(
        Claim("/kling"),
        *(Claim(path) for path in _BARE if path != _SHARED),
        Claim(_SHARED, method="GET"),
        Claim(f"{_SHARED}/"),
    ),
    roots=ROOTS,
    lent=(("POST", _SHARED),),
    rows=(*(row for op in OPERATIONS for row in rows_of(op)), *CALL_ROWS),
    folded=FOLDED,
    errors=ERRORS,
    # The `data` object, flat (Kling API documents, "Callback Protocol").
    announce=each_status(lambda view, edge: task_data(view, edge.media)),
    sent=(SENT,),
    every_method=True,
)

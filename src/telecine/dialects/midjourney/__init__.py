"""Midjourney as its proxies have it: `/mj/submit/…`, `/mj/task/…`, and the same behind `/mj-fast`, `/mj-relax` and
`/mj-turbo`, which say how soon a task is wanted.

Guarantees: the envelope `{code, description, result, properties}` with the codes as the servers' sources have them,
tasks as Plus and trueai write them, with times in milliseconds, and ids in decimal. A task that is wanted is read back
as it was asked for: a prompt goes to a Midjourney upstream byte for byte, and to any other provider without its
parameters, which it is told in its own words.
Not here: the swap of a face in a video, which no provider makes, and `/mj/notify`: callbacks come where our own URLs
say.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from telecine.dialects.base import Edge
from telecine.dialects.bodies import Body, typed
from telecine.dialects.call import Call
from telecine.dialects.dialect import Claim, Dialect
from telecine.dialects.document import More, Query, Sent
from telecine.dialects.lists import Cursor, List
from telecine.dialects.midjourney import create
from telecine.dialects.midjourney.faces import no_videos, parse_swap
from telecine.dialects.midjourney.image import image
from telecine.dialects.midjourney.presses import ROWS as PRESSES
from telecine.dialects.midjourney.render import ERRORS, accepted, cancelled, seed, task_object
from telecine.dialects.midjourney.texts import parse_describe, parse_shorten
from telecine.dialects.midjourney.uploads import upload
from telecine.dialects.midjourney.videos import parse_video
from telecine.dialects.rows import Cancel, Create, Plain, Read, ReadMany, Row, making
from telecine.nouns.ids import DECIMAL
from telecine.nouns.operations import Kind
from telecine.tasks.view import View
from telecine.webhooks.delivery import Message, Tidings
from telecine.wires import midjourney as wire
from telecine.wires.midjourney import bodies

__all__ = ["MIDJOURNEY"]

_ID: Final = "1712204995849323"
_TASK: Final = {"id": _ID, "action": "IMAGINE", "status": "SUCCESS", "progress": "100%"}
_PROMPT: Final = "A paper boat in a flooded library --ar 16:9"
_PAGES: Final = Cursor(default=wire.MOST_LISTED, most=wire.MOST_LISTED)
"""The protocol's lists have no pages."""
_PICTURE: Final = "data:image/png;base64,…"


_KINDS: Final[tuple[Kind, ...]] = ("image", "video", "text")
"""What tasks make that the protocol knows."""
_NAMES: Final = {wire.BLEND: {"aspect_ratio": "dimensions"}}
"""What a body calls fields that prompts say elsewhere."""


def _submit(path: str, what: str, parse: Any, body: type, **example: Any) -> Create:
    return Create(
        path,
        what,
        answer=wire.Submitted,
        body=body,
        example=example,
        parse=parse,
        hook="notifyHook",
        show=accepted,
        names=_NAMES.get(path, {}),
    )


def _announce(view: View, _: Tidings, edge: Edge) -> Message:
    """Every change of status or progress is told, with the whole task."""
    return Message(msgspec.json.encode(task_object(view, edge)))


def _ids(_: Call, body: Body) -> list[str]:
    return [str(one) for one in typed(body.fields, bodies.Ids).ids]


def _several(path: str) -> ReadMany:
    return ReadMany(
        path,
        "Read tasks",
        answer=list[wire.Task],
        body=bodies.Ids,
        example={"ids": [_ID]},
        names=_ids,
        kinds=_KINDS,
        show=lambda call, views: [task_object(view, call.edge) for view in views],
        most=wire.MOST_LISTED,
    )


def _listed(path: str, what: str, **only: Any) -> List:
    return List(
        path,
        what,
        answer=list[wire.Task],
        turning=_PAGES,
        only={"operations": tuple(wire.ACTIONS), **only},
        show=lambda call, page: [task_object(view, call.edge) for view in page.views],
    )


_ROWS: Final[tuple[Row, ...]] = (
    _submit(wire.IMAGINE, "Make a grid of four pictures", create.parse_imagine, bodies.Imagine, prompt=_PROMPT),
    _submit(
        wire.BLEND,
        "Make one of several pictures",
        create.parse_blend,
        bodies.Blend,
        base64Array=[_PICTURE, _PICTURE],
        dimensions="SQUARE",
    ),
    *(
        _submit(path, "Change a picture", create.parse_edits, bodies.Edit, prompt=_PROMPT, image=_PICTURE)
        for path in wire.EDITS
    ),
    _submit(
        wire.RETEXTURE,
        "Give a picture other surfaces",
        create.parse_retexture,
        bodies.Edit,
        prompt=_PROMPT,
        image=_PICTURE,
    ),
    _submit(
        wire.DESCRIBE, "Say what a picture may have been made with", parse_describe, bodies.Describe, base64=_PICTURE
    ),
    _submit(wire.SHORTEN, "Say what matters in a prompt", parse_shorten, bodies.Shorten, prompt=_PROMPT),
    _submit(
        wire.VIDEO,
        "Make videos of a picture",
        parse_video,
        bodies.Video,
        prompt="It sails away",
        image=_PICTURE,
        motion="low",
    ),
    _submit(
        wire.SWAP,
        "Put a face into another picture",
        parse_swap,
        bodies.Swap,
        sourceBase64=_PICTURE,
        targetBase64=_PICTURE,
    ),
    Plain(wire.VIDEO_SWAP, "Put a face into a video: refused, nothing here does", method="POST", handle=no_videos),
    Plain(
        wire.UPLOAD,
        "Give pictures links",
        method="POST",
        answer=wire.Submitted,
        body=bodies.Upload,
        example={"base64Array": [_PICTURE]},
        handle=upload,
    ),
    *PRESSES,
    Read(
        wire.FETCH,
        "Read a task",
        answer=wire.Task,
        find=making(*_KINDS),
        show=lambda call, view: task_object(view, call.edge),
    ),
    _several(wire.LIST_BY_CONDITION),
    _several(wire.LIST_BY_IDS),
    _listed(wire.LIST, "List tasks, the newest first"),
    _listed(wire.QUEUE, "List tasks that wait", statuses=("queued",)),
    Cancel(wire.CANCEL, "Cancel a task", answer=wire.Submitted, show=lambda _, view: cancelled(view)),
    Read(
        wire.SEED,
        "Read what a task was drawn from",
        answer=wire.Submitted,
        show=lambda _, view: seed(view),
    ),
    Plain(
        wire.IMAGE,
        "Read a task as one picture: its grid, or the first",
        kind="image/*",
        ticket=True,
        query=(Query("ticket", "What `imageUrl` has, in the place of a key."),),
        more=(More(302, "The picture is still at its upstream, or is a preview."),),
        handle=image,
    ),
)


MIDJOURNEY: Final = Dialect(
    name="midjourney",
    title="Midjourney",
    about="Midjourney as midjourney-proxy and relays have it. `/mj-fast/mj`, `/mj-relax/mj` and `/mj-turbo/mj` are the "
    "same paths for whoever wants a speed.",
    claimed=(Claim(wire.PREFIX),),
    roots=(wire.PREFIX,),
    ahead=wire.MODES,
    rows=_ROWS,
    id_form=DECIMAL,
    errors=ERRORS,
    announce=_announce,
    sent=(Sent("midjourney", "midjourney", "A task as it has become, to its notifyHook", wire.Task, _TASK),),
)

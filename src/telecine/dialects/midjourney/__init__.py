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
from telecine.dialects.document import Sent
from telecine.dialects.midjourney import create
from telecine.dialects.midjourney.render import ERRORS, accepted, task_object
from telecine.dialects.rows import Create, Read, ReadMany, Row
from telecine.nouns.ids import DECIMAL
from telecine.tasks.view import View
from telecine.webhooks.delivery import Message, Tidings
from telecine.wires import midjourney as wire
from telecine.wires.midjourney import bodies

__all__ = ["MIDJOURNEY"]

_ID: Final = "1712204995849323"
_TASK: Final = {"id": _ID, "action": "IMAGINE", "status": "SUCCESS", "progress": "100%"}
_PROMPT: Final = "A paper boat in a flooded library --ar 16:9"
_PICTURE: Final = "data:image/png;base64,…"


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
        show=lambda call, views: [task_object(view, call.edge) for view in views],
        most=wire.MOST_LISTED,
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
    Read(
        wire.FETCH,
        "Read a task",
        answer=wire.Task,
        show=lambda call, view: task_object(view, call.edge),
    ),
    _several(wire.LIST_BY_CONDITION),
    _several(wire.LIST_BY_IDS),
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

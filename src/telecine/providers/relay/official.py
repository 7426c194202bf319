"""The OpenAI Videos API (`/v1/videos`), at OpenAI or at one of the many relays that speak it; the base URL may end in
`/v1` or not.

Nobody can be asked here about a job by a handle of ours, and none is refused for being there twice. So a submit with
an unknown outcome ends the task as `submission_unknown`: it is never sent again. There is no cancel either: `DELETE`
removes a video and is not documented to stop one, or to give its price back.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec
from msgspec.structs import replace

from telecine.providers.base import Traits
from telecine.providers.http.body import Draft
from telecine.providers.http.facts import Field, Fields, Many, Objection, Op, Picture, Status, Vendor, later, strip
from telecine.providers.http.getters import at, rows
from telecine.providers.openai_images import IMAGES
from telecine.providers.relay.answers import (
    at_once,
    blocked,
    job_of,
    link_of,
    name_of,
    next_page,
    outputs_of,
    pending_reason,
    progress_of,
    status_of,
    under_way,
)
from telecine.providers.relay.frame import SAYING, billed, frame, said
from telecine.providers.relay.pictures import pictures_of
from telecine.providers.take import whole
from telecine.wires import openai as wire
from telecine.wires import openai_images as images
from telecine.wires.openai import DONE, PATH, QUEUED, RETENTION, RUNNING

_RELAYED: Final = ("seed", "negative_prompt")


def _shape(draft: Draft) -> None:
    """The frame, and what OpenAI itself has no field for, and relays do."""
    draft.body |= frame(draft) | earlier(draft)
    relayed = said(draft, *_RELAYED)
    if relayed:
        draft.take.all_of(frozenset(_RELAYED))
    draft.body |= relayed


def earlier(draft: Draft) -> dict[str, Any]:
    """What relays alone have, of a task that was kept when nobody here knew these fields yet."""
    native = draft.request.native if draft.take.speaks else None
    kept = native.fields if native is not None else {}
    told = {name: msgspec.json.decode(kept[name]) for name in wire.RELAYED if name in kept and name not in draft.body}
    return {name: value for name, value in told.items() if value is not None}


def _pictures(draft: Draft) -> None:
    """The same, with the pictures that the video is made from."""
    _shape(draft)
    items = pictures_of(draft)
    for item in items[len(draft.media) :]:
        draft.put("input_reference", item)


def _remixed(draft: Draft) -> None:
    """A remix has the frame of its source, unless it asks for another; judged once that is known."""
    draft.take.all_of(frozenset(SAYING))
    source = draft.source.request if draft.source is not None else None
    if source is not None and any(getattr(draft.request, name) != getattr(source, name) for name in SAYING):
        draft.body |= frame(draft)


_FIELDS: Final[Fields] = {
    "model": "model",
    "prompt": "prompt",
    "duration": Field(
        "seconds", lambda value, take: take.own_text("duration") or whole(value, "The OpenAI Videos API")
    ),
    **{name: Field("size", later) for name in SAYING},
    "parameters.watermark": "watermark",
    **{f"parameters.{name}": name for name in wire.RELAYED},
}
_PICTURES: Final[Fields] = {
    "inputs.first_frame|image": Picture("input_reference", "first frame"),
    "inputs.last_frame": Picture("input_reference", "last frame"),
    "inputs.reference": Field("input_reference"),
}
_MADE: Final = Op(
    create=f"POST {PATH}",
    poll=f"GET {PATH}/{{id}}",
    fields=_FIELDS,
    needs=("prompt",),
    shape=_shape,
    ours=wire.OURS,
    billed=billed,
    form=True,
    many=Many(
        ask=f"GET {PATH}?limit={{size}}{{page}}", id=name_of, items=under_way, most=wire.MOST_LISTED, turn=next_page
    ),
)
OFFICIAL: Final = Vendor(
    name="openai",
    title="The OpenAI Videos API",
    speaks=frozenset({"openai"}),
    root=strip("/v1"),
    ops={
        "text_to_video": _MADE,
        "image_to_video": replace(_MADE, fields={**_FIELDS, **_PICTURES}, shape=_pictures),
        # The model and the length are the source's, which the upstream knows; OpenAI takes nothing but a prompt.
        "remix": replace(
            _MADE,
            create=f"POST {PATH}/{{source}}/remix",
            fields={"prompt": "prompt", "duration": Field("seconds", later), "source": Field("video_id", later)},
            shape=_remixed,
            form=False,
        ),
        **IMAGES,
    },
    traits=Traits(RETENTION, usual=60.0, listed=True),
    billed=wire.BILLED | images.BILLED,
    free=frozenset({"prompt", "negative_prompt", "seed"}),
    handle_header="idempotency-key",  # some relays know it; nothing here relies on it
    most_media=wire.MAX_IMAGES,
    made=name_of,
    at_once=at_once,
    job=job_of,
    status=Status(status_of, queued=QUEUED, running=RUNNING, done=DONE, failed=wire.FAILED),
    progress=progress_of,
    reasons=(at("error"), at("fail_reason"), at("failure_reason"), pending_reason),
    blocked=blocked,
    outputs=outputs_of,
    missing=(Objection(404), Objection(400, wire.NO_TASK_CODES)),
    content=f"GET {PATH}/{{id}}/content",
    link=link_of,
    ping="/v1/models",
    pinged=lambda said: f", {len(rows('data')(said))} models",
    listed=lambda said: [one.get("id") for one in rows("data")(said)],
)

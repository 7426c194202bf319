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

from telecine.nouns.billed import Billed
from telecine.nouns.errors import GatewayError, invalid
from telecine.nouns.parameters import CharacterParameters
from telecine.nouns.request import GenerationRequest
from telecine.providers.base import Traits
from telecine.providers.http.body import Draft
from telecine.providers.http.facts import Field, Fields, Many, Objection, Op, Picture, Status, Vendor, later, strip
from telecine.providers.http.getters import at, rows
from telecine.providers.openai_images import IMAGES
from telecine.providers.relay.answers import (
    at_once,
    blocked,
    character_of,
    how_far,
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
from telecine.wires import relay
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


def _references(draft: Draft) -> None:
    """Several pictures, none of which is a frame."""
    _shape(draft)
    for item in draft.take.inputs("reference"):
        draft.put("input_reference", item)


def _edited(draft: Draft) -> None:
    """An edit has the frame of its source, too, unless it asks for another, and its length: what is paid for is not
    what somebody says of it. Raises GatewayError."""
    _extended(draft)
    said, source = draft.request.duration, draft.source.request if draft.source is not None else None
    if said is not None and (draft.media or (source is not None and said < (source.duration or said))):
        message = "An edit is as long as the video that it is made of; leave the duration out."
        raise GatewayError("unsupported_parameter", message, param="duration")


def _extended(draft: Draft) -> None:
    """An extension has the frame of its source, unless it asks for another."""
    _remixed(draft)
    _of_video(draft, "video[id]")


def _of_video(draft: Draft, name: str) -> None:
    """The video that it is made of: a file, or one that is there already. Raises GatewayError."""
    if bool(draft.media) == (draft.request.source is not None):
        raise invalid(f"{draft.vendor.title} takes one video: a file, or one that it has made.", "source")
    if draft.source is not None:
        if draft.source.upstream_id is None:
            raise invalid("What is to be followed up is not known to the upstream any more.", "source")
        draft.body[name] = draft.source.upstream_id


def _character(draft: Draft) -> None:
    if not draft.media:
        raise invalid(f"{draft.vendor.title} makes a character of a video.", "inputs.video")


def _spans(request: GenerationRequest) -> bool:
    """Whether it is a character as relays of Sora make them: OpenAI's have a name, and are made of a file."""
    given = request.parameters
    named = given if isinstance(given, CharacterParameters) else CharacterParameters()
    return request.source is not None or named.timestamps is not None or not named.name


def _cameo(draft: Draft) -> None:
    _of_video(draft, "from_task")


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
_OF_VIDEO: Final[Fields] = {
    "prompt": "prompt",
    "duration": Field("seconds", later),
    "source": Field("video", later),
    "inputs.video": Picture("video", "video"),
}
_LARGE: Final = {"most_media": wire.MAX_VIDEO}
_EDITED: Final = replace(
    _MADE, create=f"POST {PATH}/edits", fields=_OF_VIDEO, shape=_edited, uploads=True, unlike=_LARGE
)
_WORDS: Final = Status(how_far, queued=QUEUED, running=RUNNING, done=DONE, failed=wire.FAILED)
_CHARACTER: Final = {
    "outputs": character_of,
    "status": _WORDS,
    "at_once": lambda job: how_far(job) in DONE,
    "progress": None,
}
_CAMEO: Final = Op(
    create=f"POST {relay.CAMEOS}",
    poll=f"GET {PATH}/characters/{{id}}",
    fields={
        "parameters.timestamps": "timestamps",
        "parameters.name": Field("", later),  # what its maker calls it stays here
        "source": Field("from_task", later),
        "inputs.video": Picture("url", "video"),
    },
    shape=_cameo,
    billed=lambda _: Billed(),
    traits=Traits(RETENTION, url_only=True),
    unlike=_CHARACTER,
    suits=lambda request, _: _spans(request),
)
"""What a relay answers whose characters take a while is reconstructed: they are asked about as OpenAI's are."""


def beside(poll: str) -> dict[str, Op]:
    """What relays that have a form of their own document at the official paths (wire table C.4), with how the jobs of
    that form are asked about."""
    kept = {name: replace(OFFICIAL.ops[name], poll=poll, many=None) for name in ("remix", "edit_video", "extend")}
    return {**kept, "create_character": OFFICIAL.ops["create_character"]}


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
        "reference_to_video": replace(
            _MADE, fields={**_FIELDS, "inputs.reference": Field("input_reference")}, shape=_references
        ),
        "edit_video": _EDITED,
        "extend": replace(
            _EDITED,
            create=f"POST {PATH}/extensions",
            fields={**_OF_VIDEO, "duration": _FIELDS["duration"]},
            shape=_extended,
        ),
        "create_character": Op(
            create=f"POST {PATH}/characters",
            fields={"parameters.name": "name", "inputs.video": Picture("video", "video")},
            shape=_character,
            billed=lambda _: Billed(),
            form=True,
            uploads=True,
            unlike=_CHARACTER | _LARGE,
            ways=(_CAMEO,),
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

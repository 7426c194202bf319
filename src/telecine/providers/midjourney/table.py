"""The table of facts. Read in the servers' sources: paths, bodies, codes, words; that new-api answers with 400 and code
5 where its own upstream gave no answer, and writes its other errors into `description`. Reconstructed: how long a task
and its files are kept, how long it takes at the most, and that a task waits with the word of a window (`MODAL`) until
its modal is there."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

from msgspec.structs import replace

from telecine.nouns.billed import Billed
from telecine.providers.base import Channel, Traits
from telecine.providers.http.body import Draft
from telecine.providers.http.credentials import header
from telecine.providers.http.facts import (
    Before,
    Field,
    Fields,
    HttpOptions,
    Many,
    Objection,
    Op,
    Picture,
    Status,
    Vendor,
    later,
    strip,
)
from telecine.providers.http.getters import at, rows
from telecine.providers.midjourney import answers, bodies
from telecine.providers.refusal import FULL, POLICY, WORDS, Verdict, Words
from telecine.providers.take import Take
from telecine.wires import midjourney as wire
from telecine.wires.midjourney.bodies import Action, Blend, Describe, Edit, Imagine, Modal, Shorten, Swap, Video

_ELSEWHERE: Final = Verdict("upstream_refused", elsewhere=True)
_WORDS: Final[Words] = {
    **WORDS,
    str(wire.NOT_FOUND): _ELSEWHERE,  # no account that could do it
    str(wire.INVALID): Verdict("invalid_request"),
    "5": None,  # new-api: its own upstream did not answer
    "do_request_failed": None,
    "read_response_body_failed": None,
    "insert_midjourney_task_failed": None,
    str(wire.FAILED): _ELSEWHERE,
    str(wire.EXISTING): Verdict("upstream_refused"),  # it asks for a window that nobody has opened
    str(wire.QUEUE_FULL): FULL,
    str(wire.BANNED): POLICY,
    str(wire.BUSY): FULL,
}
_PARENT_WORDS: Final[Words] = {**_WORDS, str(wire.NOT_FOUND): Verdict("invalid_request")}
"""Of what follows up a task: that it does not know."""
_NO_TASK: Final = re.compile(r"^task_no_found\b")
"""As new-api says it. The others answer with nothing, which may mean anything."""
_POLICY: Final = re.compile(r"banned prompt|moderator|community (?:standard|guideline)", re.IGNORECASE)


class MidjourneyOptions(HttpOptions, frozen=True, forbid_unknown_fields=True):
    """What a channel of Midjourney may say."""

    prefixes: bool = True
    """A speed is asked for by its path (`/mj-turbo/mj`), as trueai and new-api have it; else by `accountFilter` alone,
    as Plus has it."""


def _spelt(channel: Channel, path: str) -> str:
    """A path as it is at this channel."""
    if channel.option(MidjourneyOptions).prefixes:
        return path
    return path.removeprefix(next((one for one in wire.MODES if path.startswith(f"{one}/")), ""))


def _bot(value: Any, take: Take) -> str | None:
    """Which of the two draws, by the model or the parameter; a client of Midjourney's own may name a third."""
    return take.novel("parameters.bot") or (wire.NIJI_BOT if value in (wire.NIJI, wire.NIJI_BOT) else None)


_BOT: Final = Field("botType", _bot)
_LATER: Final = Field("", later)
_PROMPT: Final = Field("prompt", later)
_COMMON: Final[Fields] = {"model": _BOT, "parameters.bot": _BOT, "parameters.speed": Field("accountFilter", later)}
_DRAWN: Final[Fields] = {
    **_COMMON,
    **dict.fromkeys(("prompt", "negative_prompt", "aspect_ratio", "size", "seed"), _PROMPT),
    **dict.fromkeys(("count", "parameters.grid"), _LATER),
}
_PRESSED: Final[Fields] = {
    **_COMMON,
    **dict.fromkeys(("count", "source", "parameters.grid", "parameters.index", "parameters.custom_id"), _LATER),
}
_MASK: Final = Field("maskBase64")
_WRITTEN: Final[Fields] = {"inputs.mask": _MASK, "inputs.image": Field("image"), "aspect_ratio": _PROMPT}
_IDS: Final = rows("data")
_NEWEST: Final = Many(
    ask=f"GET {wire.PREFIX}{wire.LIST}",
    id=at("id"),
    items=lambda said: [one for one in _IDS(said) if one.get("status") != wire.WAITS],  # whose modal never came
    most=wire.MOST_LISTED,
)
_MANY: Final = Many(
    ask=f"POST {wire.PREFIX}{wire.LIST_BY_CONDITION}",
    body=lambda ids: {"ids": ids},
    id=at("id"),
    items=_IDS,
    most=wire.MOST_LISTED,
)
_STATUS: Final = Status(
    answers.status,
    queued={wire.NOT_START, wire.SUBMITTED, wire.WAITS},
    running={wire.IN_PROGRESS},
    done={wire.SUCCESS},
    failed={wire.FAILURE, wire.CANCELLED},
)
_TRAITS: Final = Traits(
    answers.KEPT,
    look_up=True,
    cancel=True,
    poll_floor=5.0,
    usual=60.0,
    submit_timeout=90.0,
    visibility_lag=30.0,  # a server that was too slow to answer may note the task when nobody waits any more
    listed=True,
    grids=True,
)
_PREPARED: Final = replace(_TRAITS, prepares=True)
_SHORT: Final = replace(_TRAITS, usual=15.0)
_BEFORE: Final = Before(question=bodies.opened, made=answers.waiting, field="taskId")


def _op(
    path: str,
    shape: Callable[[Draft], None],
    fields: Fields,
    body: type,
    billed: Callable[[Draft], Billed] = bodies.pictures_billed,
    **more: Any,
) -> Op:
    return Op(
        create=f"POST {wire.PREFIX}{path}",
        poll=f"GET {wire.PREFIX}{wire.FETCH}",
        stops=(f"POST {wire.PREFIX}{wire.CANCEL}",),
        fields=fields,
        shape=shape,
        ours=frozenset((*_wire_names(body), *more.pop("also", ()))),
        billed=billed,
        many=_MANY,
        search=_NEWEST,
        **more,
    )


def _wire_names(body: type) -> tuple[str, ...]:
    names: tuple[str, ...] = body.__struct_encode_fields__  # type: ignore[attr-defined]
    return names


def _press(*fields: str, spoken: bool = True) -> Op:
    """Something that is done with a picture that is there; where it is `spoken` to, a window may have to be opened."""
    words: Fields = dict.fromkeys(("prompt", "negative_prompt", "seed"), _PROMPT) if spoken else {}
    return _op(
        wire.ACTION,
        bodies.press,
        {**_PRESSED, **words, **{name: _WRITTEN.get(name, _LATER) for name in fields}},
        Action,
        also=(*_wire_names(Modal), "action", "index", "enableRemix", "image"),
        unlike={"words": _PARENT_WORDS},
        plain=answers.plain,
        before=_BEFORE if spoken else None,
        traits=_PREPARED if spoken else None,
    )


_TOLD: Final = {"outputs": answers.texts}
_CLIP: Final[Fields] = {
    **_COMMON,
    **dict.fromkeys(("prompt", "negative_prompt", "seed"), _PROMPT),
    "count": Field("batchSize", later),
    "resolution": Field("videoType", later),
    "duration": _LATER,
    "source": Field("taskId", later),
    "parameters.index": Field("index", later),
    "parameters.custom_id": Field("customId", later),
    "parameters.motion": Field("motion", later),
    "parameters.loop": Field("loop", later),
}


def _clip(fields: Fields) -> Op:
    return _op(
        wire.VIDEO,
        bodies.video,
        {**_CLIP, **fields},
        Video,
        bodies.video_billed,
        also=("customId",),
        unlike={"outputs": answers.videos, "words": _PARENT_WORDS},
        traits=replace(_TRAITS, usual=180.0),
    )


MIDJOURNEY: Final = Vendor(
    name="midjourney",
    title="Midjourney",
    speaks=frozenset({"midjourney"}),
    credential="",
    options=MidjourneyOptions,
    root=strip(wire.PREFIX),
    spelt=_spelt,
    auth=header(wire.KEY_HEADER),
    ops={
        "text_to_image": _op(wire.IMAGINE, bodies.imagine, _DRAWN, Imagine),
        "image_to_image": _op(
            wire.EDITS[0],
            bodies.edit,
            {**_DRAWN, "inputs.image": Field("image"), "inputs.reference": Field("base64Array"), "inputs.mask": _MASK},
            Edit,
        ),
        "blend": _op(
            wire.BLEND,
            bodies.blend,
            {
                **_COMMON,
                **dict.fromkeys(("count", "parameters.grid"), _LATER),
                "aspect_ratio": Field("dimensions", later),
                "inputs.image": Field("base64Array"),
            },
            Blend,
        ),
        "midjourney:retexture": _op(wire.RETEXTURE, bodies.retexture, {**_DRAWN, "inputs.image": Field("image")}, Edit),
        "swap_face": _op(
            wire.SWAP,
            bodies.swap,
            {
                **_COMMON,
                "parameters.grid": _LATER,
                "inputs.person": Picture("sourceBase64", "face"),
                "inputs.image": Picture("targetBase64"),
            },
            Swap,
        ),
        "upscale": _press("parameters.style", "parameters.factor", spoken=False),
        "vary": _press("parameters.strength"),
        "reroll": _press(),
        "pan": _press("parameters.direction"),
        "zoom": _press("parameters.factor", "aspect_ratio"),
        "inpaint": _press("inputs.mask", "inputs.image"),
        "midjourney:action": _press(spoken=False),
        "image_to_video": _clip(
            {"inputs.first_frame|image": Picture("image"), "inputs.last_frame": Picture("endImage")}
        ),
        "extend": _clip({}),
        "describe": _op(
            wire.DESCRIBE,
            bodies.describe,
            {**_COMMON, "inputs.image": Picture("base64")},
            Describe,
            bodies.words_billed,
            unlike=_TOLD,
            traits=_SHORT,
        ),
        "shorten": _op(
            wire.SHORTEN,
            bodies.shorten,
            {**_COMMON, "prompt": _PROMPT},
            Shorten,
            bodies.words_billed,
            unlike=_TOLD,
            traits=_SHORT,
        ),
    },
    traits=_TRAITS,
    billed=frozenset({"mode", "modes", "batchsize", "videotype", "motion", "accountfilter"}),
    free=frozenset(),
    handle="state",
    callback="notifyHook",
    inline="data",
    takes_links=False,
    most_media=20 * 1024 * 1024,
    made=answers.named,
    words=_WORDS,
    id=at("id"),
    handled=at("state"),
    status=_STATUS,
    progress=at("progress"),
    preview=at("imageUrl"),
    reasons=(at("failReason"),),
    policy=_POLICY,
    outputs=answers.pictures,
    missing=(Objection(400, {str(wire.INVALID)}, (_NO_TASK,)),),
    ping=f"{wire.PREFIX}{wire.LIST_BY_CONDITION}",
    ping_body={"ids": []},
    genuine=lambda *_: True,  # whoever knows the address; it only wakes the task
)

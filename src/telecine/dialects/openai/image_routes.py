"""`/v1/images…`: its clients wait for their pictures, and behind each request is a task like any."""

from __future__ import annotations

import re
from functools import partial
from typing import Any, Final

import msgspec

from telecine.dialects.bodies import json_response
from telecine.dialects.call import Call
from telecine.dialects.dialect import Claim, Dialect
from telecine.dialects.document import More, Query
from telecine.dialects.kling import KLING
from telecine.dialects.kling.bare import is_klings
from telecine.dialects.openai.create import hook_of
from telecine.dialects.openai.image_render import FIELDS, SENT, Images, ImageTask, events, image_task, images
from telecine.dialects.openai.images import REPEATABLE, Verb, manner_of, parse_image
from telecine.dialects.openai.render import ERRORS
from telecine.dialects.rows import Create, Read, making
from telecine.dialects.shared import Shared
from telecine.dialects.waiting import COMMENT, Wait
from telecine.nouns.ids import IMAGE
from telecine.tasks.view import View
from telecine.wires.openai import PATIENCE
from telecine.wires.openai_images import EDITS, GENERATIONS, MAX_IMAGE, VARIATIONS, CreateImage

_PROMPT: Final = "A paper boat sails through a flooded library"
_TASKS: Final = "/v1/images/tasks"
_ASYNC: Final = Query("async", "`true`: answer at once, with the task.")


def wait_of(call: Call) -> Wait:
    """Until the pictures are there, unless the body says otherwise; a stream says from time to time that it lives."""
    if call.manner.later:
        return Wait()
    return Wait(PATIENCE, COMMENT if call.manner.stream else None)


def _create(path: str, summary: str, verb: Verb, example: dict[str, Any]) -> Create:
    noun = "image_generation" if verb == "generation" else "image_edit"

    def show(call: Call, view: View) -> Any:
        if call.manner.later:
            return _accepted(call, view)
        return events(view, call.edge, noun) if call.manner.stream else images(view, call.edge, call.manner)

    return Create(
        path,
        summary,
        answer=Images,
        body=CreateImage,
        example=example,
        query=(_ASYNC,),
        more=(More(202, "The task, where the request asks for it."),),
        parse=lambda call, body: parse_image(verb, body, call.edge.catalogue),
        manner=partial(manner_of, verb),
        wait=wait_of,
        most=MAX_IMAGE,
        hook=hook_of,
        repeatable=REPEATABLE,
        show=show,
    )


def _shared(create: Create) -> Shared:
    """The same, handing over what is Kling's."""
    return Shared(**msgspec.structs.asdict(create), other=KLING, others=is_klings)


def _accepted(call: Call, view: View) -> Any:
    return json_response(image_task(view, call.edge.media), 202)


def _read(path: str) -> Read:
    return Read(
        path,
        "Read a task that makes pictures",
        answer=ImageTask,
        find=making("image"),
        show=lambda call, view: image_task(view, call.edge.media),
    )


IMAGES: Final = Dialect(
    name="openai",
    # Kling makes pictures at the same path, and lists them there; below it are its tasks, but for those that are called
    # as we call them.
    claimed=(Claim("/v1/images"), Claim(f"{GENERATIONS}/", re.compile(r"image_[0-9a-z]{13}"))),
    rows=(
        _shared(_create(GENERATIONS, "Make pictures", "generation", {"model": "gpt-image-2", "prompt": _PROMPT})),
        _create(
            EDITS,
            "Make pictures of pictures",
            "edit",
            {"model": "gpt-image-2", "prompt": "At night", "image": "https://pictures.example/boat.png"},
        ),
        _create(
            VARIATIONS,
            "Make a picture anew",
            "variation",
            {"model": "dall-e-2", "image": "https://pictures.example/boat.png"},
        ),
        *(_read(f"{path}/{{id}}") for path in (_TASKS, EDITS)),
        # The document has that path as Kling's, whose clients name tasks as they like.
        msgspec.structs.replace(_read(f"{GENERATIONS}/{{id}}"), hidden=True),
    ),
    id_form=IMAGE,
    errors=msgspec.structs.replace(ERRORS, fields=FIELDS),
    sent=(SENT,),
)

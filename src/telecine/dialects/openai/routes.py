"""The dialects that the forms of the Videos API make up."""

from __future__ import annotations

import re
from typing import Final

from msgspec.structs import replace

from telecine.dialects import models
from telecine.dialects.base import Edge
from telecine.dialects.dialect import Claim, Dialect, each_status
from telecine.dialects.openai import characters, chat
from telecine.dialects.openai.characters import CharacterObject
from telecine.dialects.openai.detail import RelayVideo, relay_video
from telecine.dialects.openai.form import DETAILED, OFFICIAL
from telecine.dialects.openai.image_render import ImageTask, image_task
from telecine.dialects.openai.messages import RELAY_ERRORS
from telecine.dialects.openai.render import ERRORS, SENT, Video, video
from telecine.dialects.openai.rows import rows
from telecine.dialects.openai.unified import UNIFIED
from telecine.nouns.ids import RELAY as WITH_MODEL
from telecine.nouns.ids import VIDEO
from telecine.nouns.operations import makes_of
from telecine.tasks.view import View

_ROOT: Final = "/relay"
_ANY_OTHER: Final = re.compile(r"|/[^/]+/remix|/(?!video_).*", re.DOTALL)
"""What does not say by its id that the answer is to be OpenAI's; a remix is another video, with an id of its own."""
_WITH_MODEL: Final = re.compile(r".{1,200}:task_.*", re.DOTALL)
"""No name of a model is longer, and no pattern without a bound is linear wherever it is looked for."""


def told(view: View, edge: Edge) -> Video | ImageTask | CharacterObject:
    """What a webhook says of a task of this dialect's."""
    if view.task.operation == characters.OPERATION:
        return characters.character_object(view, edge.media)
    if makes_of(view.task.request) == "image":
        return image_task(view, edge.media)
    return video(view, edge.media, edge.catalogue)


def _told(view: View, edge: Edge) -> RelayVideo | CharacterObject:
    """The same at relays."""
    if view.task.operation == characters.OPERATION:
        return characters.character_object(view, edge.media)
    return relay_video(view, edge.media, edge.catalogue)


OPENAI: Final = Dialect(
    name="openai",
    title="OpenAI",
    about="The Videos API of the OpenAI SDKs, which work unchanged with this server as their base URL.",
    claimed=(Claim("/v1"),),
    rows=(*characters.OFFICIAL, *rows(OFFICIAL), chat.ROW, *models.ROWS),
    id_form=VIDEO,
    errors=ERRORS,
    # OpenAI documents no webhook for videos, and relays post what a read would show.
    announce=each_status(told),
    sent=(SENT,),
)
RELAY: Final = Dialect(
    name="relay_video",
    title="Relays",
    about="The Videos API as relays answer it, with `detail`, and with ids that have the model before them.",
    claimed=(
        Claim(_ROOT),
        Claim(characters.RELAYED.path),
        Claim("/v1/videos/", form=_WITH_MODEL),
        Claim("/v1/videos", form=_ANY_OTHER, video_format="relay"),
        *(Claim(row.path) for row in UNIFIED),
    ),
    rows=(
        characters.RELAYED,
        *characters.created(f"{_ROOT}/v1/videos/characters"),
        *rows(DETAILED, f"{_ROOT}/v1/videos"),
        *UNIFIED,
        # In the document, these paths are OpenAI's.
        *(replace(row, hidden=True) for row in (*characters.OFFICIAL, *rows(DETAILED))),
    ),
    id_form=WITH_MODEL,
    errors=RELAY_ERRORS,
    announce=each_status(_told),
)

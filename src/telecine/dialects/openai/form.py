"""The forms in which the Videos API is spoken, which differ in how a video and its id look, and share everything else:
OpenAI's own, and the relays' with `detail`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec
from starlette.responses import Response

from telecine.dialects.base import Edge
from telecine.dialects.call import Call
from telecine.dialects.lookup import missing
from telecine.dialects.openai.detail import RelayVideo, relay_video
from telecine.dialects.openai.render import Video, VideoList, answer, video
from telecine.dialects.rows import Find, making
from telecine.nouns.ids import RELAY, VIDEO, IdForm, parse_task_id
from telecine.nouns.operations import makes_of
from telecine.tasks.view import Page, View

found: Final = making("video")
_TASK: Final = ":task_"


class RelayVideoList(msgspec.Struct, frozen=True):
    """One page; the next begins after the last item's id."""

    data: list[RelayVideo]
    has_more: bool
    first_id: str | None
    last_id: str | None
    object: str = "list"


class Form(msgspec.Struct, frozen=True, kw_only=True):
    """One of them."""

    ids: IdForm
    shape: type[msgspec.Struct]
    page: Callable[..., msgspec.Struct]
    show: Callable[[View, Edge], Any]
    """The object, of type `shape`."""
    find: Find
    id: str = "{id}"
    """How an id stands in a path."""

    def shown(self, call: Call, view: View) -> Response:
        """The object."""
        return answer(view, self.show(view, call.edge))

    def listed(self, call: Call, page: Page) -> Any:
        """A page of them."""
        data: Sequence[Any] = [self.show(view, call.edge) for view in page.views]
        first, last = (data[0].id, data[-1].id) if data else (None, None)
        return self.page(data, page.has_more, first, last)


async def named(call: Call, name: str) -> View:
    """By an id that may have the model before it, which then has to be the task's. Raises GatewayError."""
    task_id = parse_task_id(name)
    if task_id is None:
        raise missing(name)
    view = await call.edge.tasks.get(call.principal, task_id)
    model, colon, _ = name.rpartition(_TASK)
    if makes_of(view.task.request) != "video" or (colon and not call.edge.catalogue.alike(model, view.task.model)):
        raise missing(name)
    return view


OFFICIAL: Final = Form(
    ids=VIDEO,
    shape=Video,
    page=VideoList,
    show=lambda view, edge: video(view, edge.media, edge.catalogue),
    find=found,
)
DETAILED: Final = Form(
    ids=RELAY,
    shape=RelayVideo,
    page=RelayVideoList,
    show=lambda view, edge: relay_video(view, edge.media, edge.catalogue),
    find=lambda call: named(call, call.id),
    id="{id:path}",  # a model's name may have slashes in it
)

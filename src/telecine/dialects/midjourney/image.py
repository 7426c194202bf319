"""`/mj/image/{id}`: a task as one picture, for whoever has its key, or a link with a ticket, which `imageUrl` is."""

from __future__ import annotations

from starlette.responses import RedirectResponse, Response

from telecine.dialects.base import Edge
from telecine.dialects.call import Call
from telecine.dialects.lookup import missing
from telecine.nouns.errors import GatewayError
from telecine.nouns.ids import parse_task_id
from telecine.nouns.task import GRID, Output, link_of
from telecine.tasks.view import View, results
from telecine.wires.midjourney import IMAGE, PREFIX


def picture_of(view: View) -> Output | None:
    """What stands for the whole task as one picture: its grid, or the first of its pictures."""
    if view.task.status != "succeeded":
        return None
    grid = next((one for one in view.outputs if one.part == GRID and one.state == "stored"), None)
    return grid or next(iter(results(view, "image")), None)


def image_link(view: View, edge: Edge) -> str | None:
    """Where that picture is; while it is made, the newest preview, under another link at each read, as new-api has it:
    browsers would show an older one."""
    task, shown = view.task, picture_of(view)
    if shown is None and (task.status != "running" or link_of(task.preview_url) is None):
        return None
    if shown is not None and edge.media.link(shown) is None:
        return None
    path = (PREFIX + IMAGE).format(id=task.id)
    more = f"&rand={int(edge.now() * 1000)}" if shown is None else ""
    return f"{edge.public_url()}{path}?ticket={edge.media.ticket(path)}{more}"


async def image(call: Call) -> Response:
    """The picture. Raises GatewayError: `permission` for a ticket that is not good, `not_found`."""
    task_id = parse_task_id(call.id)
    if task_id is None:
        raise missing(call.id)
    view = await _found(call, task_id)
    shown = picture_of(view)
    if shown is not None and shown.state == "stored":
        return await call.edge.media.serve(call.request, shown, "file")
    there = call.edge.media.link(shown) if shown is not None else link_of(view.task.preview_url)
    if there is None:
        raise GatewayError("not_found", "There is no picture yet, or none any more.", param="id")
    return RedirectResponse(there, 302, {"cache-control": "no-store"})


async def _found(call: Call, task_id: int) -> View:
    ticket = call.request.query_params.get("ticket")
    if ticket is None:
        return await call.edge.tasks.get(call.principal, task_id)
    if not call.edge.media.admits((PREFIX + IMAGE).format(id=task_id), ticket):
        raise GatewayError("permission", "This link is not valid, or has expired.")
    return await call.edge.tasks.shown(task_id)

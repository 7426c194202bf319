"""What is made from a video that is there: remixes, edits, extensions.

An edit and an extension name it in their body: by its id, in any form, or as a file or a URL. Which of the source's
fields they repeat is as for a remix; an extension is as long as its own `seconds` say, which its upstream adds.
"""

from __future__ import annotations

from typing import Final

import msgspec

from telecine.dialects.aliases import agreed
from telecine.dialects.bodies import Body
from telecine.dialects.call import Call
from telecine.dialects.inline import Source, is_url
from telecine.dialects.openai.create import parse_create, parse_fields, with_novel
from telecine.dialects.openai.pictures import medium
from telecine.dialects.openai.render import STATUS, video
from telecine.dialects.rows import Parsed
from telecine.nouns.catalogue import Catalogue
from telecine.nouns.errors import GatewayError, invalid
from telecine.nouns.ids import reference_to, video_id
from telecine.nouns.operations import kept, makes_of
from telecine.nouns.request import GenerationRequest, Reference
from telecine.tasks.view import View
from telecine.wires.openai import FollowVideo

VIDEO: Final = "video"


def remixed(call: Call, body: Body) -> Parsed:
    """The same video again, under a new prompt."""
    source = call.source
    if source is None:
        raise TypeError("a remix is of a video that its path names")
    shown = video(source, call.edge.media, call.edge.catalogue)
    before, models = source.task, call.edge.catalogue
    wanted = parse_remix(body, before.request, before.id, models, seconds=shown.seconds, size=shown.size)
    if source.task.status != "succeeded":
        raise invalid(
            f"Only a completed video can be remixed; '{video_id(source.task.id)}' is {STATUS[source.task.status]}.",
            "video_id",
        )
    return wanted, []


def parse_remix(
    body: Body,
    source: GenerationRequest,
    source_task: int,
    models: Catalogue,
    *,
    seconds: str | None = None,
    size: str | None = None,
) -> GenerationRequest:
    """A remix of `source`: a new prompt, and whatever else the body may change. What it repeats of the source, whose
    object shows `seconds` and `size`, is no change. Raises GatewayError."""
    request, sources = parse_create(body, models)
    if (body.fields.get("model") or body.fields.get("model_name")) and not models.alike(request.model, source.model):
        raise invalid(f"model: a remix keeps that of its source, '{source.model}'; leave it out.", "model")
    own = [source.duration] if seconds is None else [source.duration, float(seconds)]
    if request.duration is not None and request.duration not in own:
        raise invalid("seconds: a remix keeps those of its source; leave them out.", "seconds")
    if sources:
        raise invalid("input_reference: a remix takes no picture.", "input_reference")
    asked = (request.size, request.aspect_ratio, request.resolution)
    frame = source if asked in ((None, None, None), (size, None, None)) else request
    made = msgspec.structs.replace(
        request,
        operation="remix",
        model=source.model,
        size=frame.size,
        aspect_ratio=frame.aspect_ratio,
        resolution=frame.resolution,
        duration=kept(source),
        source=Reference(task=source_task),
    )
    return with_novel(made, {}, models)


async def edited(call: Call, body: Body) -> Parsed:
    """A video changed as its prompt says; it stays as long as it is, whatever a client says. Raises GatewayError."""
    request, media, source = await _following(call, body, "edit_video")
    references = [msgspec.structs.replace(one, role="reference") if one.role != "video" else one for one in media]
    if request.duration is not None and request.duration not in _lengths(call, source):
        raise invalid("seconds: an edit keeps those of its source; leave them out.", "seconds")
    request = msgspec.structs.replace(request, duration=kept(source.task.request) if source is not None else None)
    return _judged(request, call.edge.catalogue), references


def _lengths(call: Call, source: View | None) -> tuple[float | None, ...]:
    """How long a video of ours was asked to be, and is."""
    if source is None:
        return ()
    shown = video(source, call.edge.media, call.edge.catalogue).seconds
    return source.task.request.duration, None if shown is None else float(shown)


async def extended(call: Call, body: Body) -> Parsed:
    """A video that goes on. Raises GatewayError."""
    request, media, _ = await _following(call, body, "extend")
    if any(one.role != "video" for one in media):
        raise invalid("input_reference: an extension takes no picture.", "input_reference")
    return _judged(request, call.edge.catalogue), media


async def _following(call: Call, body: Body, operation: str) -> tuple[GenerationRequest, list[Source], View | None]:
    """The request for `operation`, its media, and the task whose video it is made from, where that is one of ours.

    Raises GatewayError.
    """
    wire, request, media = parse_fields(body, call.edge.catalogue, FollowVideo, (VIDEO,))
    made_from = video_in(wire.video, body)
    request = msgspec.structs.replace(request, operation=operation)
    if isinstance(made_from, Source):
        return request, [made_from, *media], None
    source = await followed(call, made_from)
    if source is None:
        return msgspec.structs.replace(request, source=made_from), media, None
    before, models = source.task.request, call.edge.catalogue
    if (wire.model or wire.model_name) and not models.alike(request.model, before.model):
        raise invalid(f"model: must be that of its source, '{before.model}'; leave it out.", "model")
    size = video(source, call.edge.media, models).size
    asked = (request.size, request.aspect_ratio, request.resolution)
    frame = before if asked in ((None, None, None), (size, None, None)) else request
    request = msgspec.structs.replace(
        request,
        model=before.model,
        size=frame.size,
        aspect_ratio=frame.aspect_ratio,
        resolution=frame.resolution,
        source=Reference(task=source.task.id),
    )
    return request, media, source


def _judged(request: GenerationRequest, models: Catalogue) -> GenerationRequest:
    """`request`, with what is strange in it for its own operation."""
    return with_novel(request, request.native.own if request.native is not None else {}, models)


def video_in(value: object, body: Body, param: str = VIDEO) -> Source | Reference:
    """The video that a body names: a file, an object with its `id`, its id, a URL or a data URL. Raises GatewayError
    where there is none, or several."""
    files = [file for name, file in body.files if name == param]
    if len(files) + (value is not None) != 1:
        raise invalid(f"{param}: exactly one is needed: a file, an id or a URL.", param)
    if files:
        return Source("video", param, file=files[0])
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if isinstance(value, dict):
        if not value.keys() <= {"id", "url", "video_url"} or len(value) != 1:
            raise invalid(f"{param}: the object must be {{'id': …}}.", param)
        value = agreed(*((name, value.get(name)) for name in ("id", "url", "video_url")))
    if not isinstance(value, str) or not value:
        raise invalid(f"{param}: must be a file, {{'id': …}}, an id or a URL.", param)
    if is_url(value) or value[:5].lower() == "data:":
        return medium(value, "video", param)
    return reference_to(value, "task")


async def followed(call: Call, reference: Reference, param: str = VIDEO) -> View | None:
    """The task that made a video, completed; None where none of ours did. Raises GatewayError naming `param`."""
    gone = GatewayError("not_found", f"{param}: there is no such video, or it is not yours.", param=param)
    try:
        view = await call.edge.tasks.source(call.principal, reference)
    except GatewayError as error:
        raise gone if error.code == "not_found" else error from None
    if view is None:
        return None
    if makes_of(view.task.request) != "video":
        raise gone
    if view.task.status != "succeeded":
        told = f"'{video_id(view.task.id)}' is {STATUS[view.task.status]}"
        raise invalid(f"{param}: only a completed video will do; {told}.", param)
    return view

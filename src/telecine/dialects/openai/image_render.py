"""From tasks that make pictures to OpenAI's answers. Files go into JSON as they are read: none is ever held whole."""

from __future__ import annotations

from binascii import b2a_base64
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from typing import Any, Final

import msgspec
from msgspec import UNSET, UnsetType

from telecine.dialects.base import Edge, Media
from telecine.dialects.document import Sent
from telecine.dialects.fields import Fields
from telecine.dialects.openai.images import Manner
from telecine.dialects.openai.render import STATUS, VideoError, error_of
from telecine.dialects.streamed import EVENTS, HEADERS, Streamed
from telecine.dialects.waiting import check_done
from telecine.nouns.errors import GatewayError
from telecine.nouns.ids import image_id
from telecine.nouns.parameters import ImageParameters
from telecine.nouns.task import Output
from telecine.tasks.view import View, results
from telecine.wires.openai_images import PARTIAL, ImageFacts, ImagesFacts, ImagesUsage, TokenDetails

_VENDOR: Final = "openai"
_HOLE: Final = "\x00"
_BEFORE, _AFTER = b'"b64_json":"', b'"'
_GAP: Final = _BEFORE + msgspec.json.encode(_HOLE)[1:-1] + _AFTER
"""In the place of a file while the JSON around it is written."""
_JOINED: Final = 500.0
"""Seconds: a request that is sent again within them is surely told from a new one (`tasks/idempotency.py`)."""
_FORMS: Final = {"image/jpeg": "jpeg", "image/png": "png", "image/webp": "webp", "image/gif": "gif"}
FIELDS: Final = Fields(
    {
        "inputs": "image",
        "inputs.mask": "mask",
        "count": "n",
        **{f"parameters.{name}": name for name in ImageParameters.__struct_fields__},
    },
    media="image",
)


class ImageItem(msgspec.Struct, frozen=True, kw_only=True):
    """One picture: in base64, or at a link."""

    b64_json: str | UnsetType = UNSET
    url: str | UnsetType = UNSET
    revised_prompt: str | UnsetType = UNSET


class Images(msgspec.Struct, frozen=True, kw_only=True):
    """What was made. `created` in seconds since the Unix epoch."""

    created: int
    background: str | UnsetType = UNSET
    data: list[ImageItem]
    output_format: str | UnsetType = UNSET
    quality: str | UnsetType = UNSET
    size: str | UnsetType = UNSET
    usage: ImagesUsage | UnsetType = UNSET


class ImageTask(msgspec.Struct, frozen=True, kw_only=True):
    """A task that makes pictures, as `async` asks for it: what `POST` answers at once, and what is read later."""

    id: str
    object: str = "image.task"
    task_id: str
    model: str
    status: str
    progress: int
    created_at: int
    completed_at: int | None
    error: VideoError | None
    data: list[ImageItem] | UnsetType = UNSET
    output_format: str | UnsetType = UNSET
    quality: str | UnsetType = UNSET
    size: str | UnsetType = UNSET
    usage: ImagesUsage | UnsetType = UNSET


_SENT_EXAMPLE: Final = {
    "id": "image_06xx11d95wm5j",
    "object": "image.task",
    "model": "gpt-image-2",
    "status": "completed",
    "progress": 100,
}
SENT: Final = Sent(
    "openai", "image", "A task's new status, to the webhook_url of POST /v1/images/…", ImageTask, _SENT_EXAMPLE
)


def image_task(view: View, media: Media) -> ImageTask:
    """The task of `view`; its pictures are links, whatever its request asked for."""
    task, name = view.task, image_id(view.task.id)
    status = STATUS[task.status]
    done = status == "completed"
    made: dict[str, Any] = {"data": [_linked(one, media) for one in _kept(view)], **_about(view)} if done else {}
    made.pop("background", None)
    return ImageTask(
        id=name,
        task_id=name,
        model=task.model,
        status=status,
        progress=100 if done else task.progress,
        created_at=int(task.created_at),
        completed_at=int(task.ended_at) if done and task.ended_at is not None else None,
        error=error_of(task, FIELDS),
        **made,
    )


def images(view: View, edge: Edge, manner: Manner) -> Streamed:
    """The pictures of a task that has ended. Raises GatewayError for one that came to nothing."""
    files: list[Output] = []
    media = edge.media
    data = [_item(one, media, files if manner.format == "b64_json" else None) for one in _done(view, edge.now())]
    answer = Images(created=int(view.task.ended_at or view.task.created_at), data=data, **_about(view))
    return Streamed(_filled(msgspec.json.encode(answer), files, media), headers={})


def events(view: View, edge: Edge, noun: str) -> Streamed:
    """The same as Server-Sent Events: what was seen on the way, then each picture. Raises GatewayError."""
    return Streamed(_events(view, _done(view, edge.now()), edge.media, noun), EVENTS, HEADERS)


async def _events(view: View, pictures: Sequence[Output], media: Media, noun: str) -> AsyncGenerator[bytes]:
    about = _shown(view)
    for index, one in enumerate(one for one in view.outputs if one.part == PARTIAL and one.object_key is not None):
        told = {"type": f"{noun}.partial_image", "partial_image_index": index, "b64_json": _HOLE, **about}
        async with aclosing(_event(told, [one], media)) as parts:
            async for part in parts:
                yield part
    usage = _about(view).get("usage")
    for one in pictures:
        files: list[Output] = []
        item = msgspec.to_builtins(_item(one, media, files))
        told = {"type": f"{noun}.completed", **item, **about, **({} if usage is None else {"usage": usage})}
        async with aclosing(_event(told, files, media)) as parts:
            async for part in parts:
                yield part


async def _event(told: Mapping[str, Any], files: Sequence[Output], media: Media) -> AsyncGenerator[bytes]:
    yield b"event: %s\ndata: " % told["type"].encode()
    async with aclosing(_filled(msgspec.json.encode(told), files, media)) as parts:
        async for part in parts:
            yield part
    yield b"\n\n"


def _done(view: View, now: float) -> list[Output]:
    """The pictures that can be had. Raises GatewayError where there are none, or not yet."""
    task = view.task
    late = f"The pictures are not done yet; their task is {image_id(task.id)}, and goes on."
    check_done(view, late, may_retry=now < task.created_at + _JOINED)
    found = _kept(view)
    if not found:
        raise GatewayError("upstream_failed", "The pictures are lost.", may_retry=False)
    return found


def _kept(view: View) -> list[Output]:
    return [one for one in results(view, "image") if one.state != "lost"]


def _item(output: Output, media: Media, files: list[Output] | None) -> ImageItem:
    """One picture: a hole for its file, which is added to `files`, or a link where none are wanted, or where it is not
    in our storage."""
    if files is None or output.object_key is None:
        return _linked(output, media)
    files.append(output)
    return ImageItem(b64_json=_HOLE, revised_prompt=_revised(output))


def _linked(output: Output, media: Media) -> ImageItem:
    return ImageItem(url=media.link(output) or UNSET, revised_prompt=_revised(output))


def _revised(output: Output) -> str | UnsetType:
    facts = output.facts.read(_VENDOR, ImageFacts) if output.facts is not None else None
    return (facts.revised_prompt if facts is not None else None) or UNSET


def _about(view: View) -> dict[str, Any]:
    """What an answer says beside its pictures: what the upstream told, else what is known of the files."""
    task = view.task
    told = (task.facts.read(_VENDOR, ImagesFacts) if task.facts is not None else None) or ImagesFacts()
    asked = task.request.parameters
    asked = asked if isinstance(asked, ImageParameters) else ImageParameters()
    first = next(iter(_kept(view)), None)
    sized = f"{first.width}x{first.height}" if first is not None and first.width and first.height else None
    found = {
        "background": told.background or asked.background,
        "output_format": (_FORMS.get(first.content_type or "") if first is not None else None) or told.output_format,
        "quality": told.quality or asked.quality,
        "size": sized or told.size,
        "usage": told.usage or _usage(view),
    }
    return {name: value for name, value in found.items() if value is not None}


def _usage(view: View) -> ImagesUsage | None:
    """Tokens, where the upstream has counted them. How many of those that were read are pictures', only it knows."""
    usage = view.task.usage
    if usage is None or usage.tokens is None:
        return None
    tokens = usage.tokens
    made = tokens.output + tokens.audio
    read = tokens.total - made
    details = None if view.task.request.inputs else TokenDetails(text_tokens=read)
    return ImagesUsage(tokens.total, read, made, details)


def _shown(view: View) -> dict[str, Any]:
    """What each event says."""
    told = {"size": "auto", "quality": "auto", "background": "auto", "output_format": "png", **_about(view)}
    told.pop("usage", None)
    return {"created_at": int(view.task.ended_at or view.task.created_at), **told}


async def _filled(text: bytes, files: Sequence[Output], media: Media) -> AsyncGenerator[bytes]:
    """JSON with the files in its holes, in their order."""
    first, *rest = text.split(_GAP)
    yield first
    for output, part in zip(files, rest, strict=True):
        yield _BEFORE
        async with aclosing(_base64(media.read(output))) as pieces:
            async for piece in pieces:
                yield piece
        yield _AFTER + part


async def _base64(chunks: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
    left = b""
    async with aclosing(chunks):
        async for chunk in chunks:
            data = left + chunk
            whole = len(data) - len(data) % 3
            left = data[whole:]
            yield b2a_base64(data[:whole], newline=False)
    if left:
        yield b2a_base64(left, newline=False)

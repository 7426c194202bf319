"""The three ways in which a file comes with `POST /v1/assets`: a link, a form, or the body itself."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final, get_args

from starlette.datastructures import UploadFile

from telecine.assets.asset import Asset, Wanted
from telecine.assets.names import name_of
from telecine.dialects.assets.wire import NewAsset
from telecine.dialects.bodies import Allowance, read_object, typed
from telecine.dialects.call import Call
from telecine.dialects.document import Query, one_of
from telecine.dialects.forms import is_form, read_form
from telecine.media.formats import Kind
from telecine.nouns.errors import GatewayError, invalid
from telecine.nouns.ids import parse_asset_id, parse_output_id, parse_task_id

KINDS: Final[dict[str, Kind]] = {kind: kind for kind in get_args(Kind)}
SAID: Final = (
    Query("name", "What it is called; only where the body is the file."),
    Query("group", "The group that it is in; the same."),
    one_of("kind", "What it has to be; the same.", tuple(KINDS)),
)
_BINARY: Final = ("image/", "video/", "audio/", "application/octet-stream")
_OVERHEAD: Final = 1024 * 1024
"""Bytes of a form beside its file; and by how much a body may be too large for the library to say so, by its name."""
_CHUNK: Final = 1024 * 1024
_MOST_INDEX: Final = 255


async def added(call: Call) -> Asset:
    """The file that the request brings, or names. Raises GatewayError."""
    request = call.request
    if is_form(request):
        async with call.edge.assets.sending(call.principal):
            return await _from_form(call)
    if request.headers.get("content-type", "").strip().lower().startswith(_BINARY):
        allow(call, call.edge.assets.most_size + _OVERHEAD)
        wanted = wanted_of(call.query("name"), call.query("group"), call.query("kind"))
        library = call.edge.assets
        async with library.sending(call.principal):
            return await library.add(call.principal, request.stream(), wanted, param="body", size=_length(call))
    for name in ("name", "group", "kind"):
        if call.query(name) is not None:
            raise invalid(f"{name}: say it in the body.", name)
    new = typed((await read_object(request)).fields, NewAsset)
    wanted = wanted_of(new.name, new.group, new.kind)
    if (new.url is None) == (new.task is None and new.output is None):
        raise invalid("url: give either url, or task and output.", "url")
    if new.url is not None:
        return await call.edge.assets.add_url(call.principal, new.url, wanted)
    return await call.edge.assets.add_output(call.principal, *_output(new), wanted)


def _output(new: NewAsset) -> tuple[int, int]:
    """The task, and which of its outputs. Raises GatewayError."""
    if isinstance(new.output, str):
        found = parse_output_id(new.output)
        if found is None or new.task is not None:
            what = "is no id of one" if new.task is None else "beside a task, give its index"
            raise invalid(f"output: {what}.", "output")
        return found
    if new.task is None:
        raise invalid("task: is required beside the index of an output.", "task")
    task = parse_task_id(new.task)
    if task is None or not 0 <= (new.output or 0) <= _MOST_INDEX:
        name = "task" if task is None else "output"
        raise GatewayError("not_found", f"There is no such {name}.", param=name)
    return task, new.output or 0


async def _from_form(call: Call) -> Asset:
    """A form with one `file`."""
    allow(call, call.edge.assets.most_size + _OVERHEAD)
    try:
        body = await read_form(call.request, ())
        for name in body.fields:
            if name not in ("name", "group", "kind"):
                raise invalid(f"{name[:64]}: is no field of this form.", name[:64])
        files = [file for name, file in body.files if name == "file"]
        if len(files) != 1 or len(body.files) != 1:
            raise invalid("file: exactly one file is needed.", "file")
        said = {name: body.fields.get(name) for name in ("name", "group", "kind")}
        for name, value in said.items():
            if not isinstance(value, str | None):
                raise invalid(f"{name}: must be a text.", name)
        wanted = wanted_of(said["name"] or name_of(files[0].filename), said["group"] or None, said["kind"] or None)
        return await call.edge.assets.add(call.principal, _chunks(files[0]), wanted, size=files[0].size)
    finally:
        await call.request.close()


def wanted_of(name: str | None, group: str | None, kind: str | None) -> Wanted:
    """What a request says of a file. Raises GatewayError (`invalid_request`)."""
    if kind is not None and kind not in KINDS:
        raise invalid(f"kind: must be one of {', '.join(KINDS)}.", "kind")
    return Wanted(name=name, group_id=group_of(group), kind=None if kind is None else KINDS[kind])


def group_of(text: str | None) -> int | None:
    """The group that a request names. Raises GatewayError (`not_found`) for what is no id."""
    if text is None:
        return None
    number = parse_asset_id(text)
    if number is None:
        raise GatewayError("not_found", f"There is no group '{text[:128]}'.", param="group")
    return number


def allow(call: Call, size: int) -> None:
    """Let the body of a request have `size` bytes: it is never held in memory."""
    allowance: Allowance | None = call.request.scope.get("allowance")
    if allowance is not None:
        allowance.most = allowance.form = size


def _length(call: Call) -> int | None:
    text = call.request.headers.get("content-length", "")
    return int(text) if text.isascii() and text.isdigit() else None


async def _chunks(file: UploadFile) -> AsyncIterator[bytes]:
    while chunk := await file.read(_CHUNK):
        yield chunk

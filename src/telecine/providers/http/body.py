"""From a request to the body of a create, by take or refuse. Pure but for the media, so that a request can be checked
before it is kept."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

import msgspec

from telecine.net.forms import OTHER, File, Form, Pair, kind_of
from telecine.nouns.errors import GatewayError, invalid
from telecine.nouns.ids import ASSET_SCHEME
from telecine.nouns.request import GenerationRequest, MediaInput, Role
from telecine.providers.base import MediaReader, Source
from telecine.providers.http.facts import Op, Picture, Vendor
from telecine.providers.http.form import pairs_of
from telecine.providers.take import Take

JSON = "application/json"
_PICTURE = "image/png"
_HEAD = 16
"""Characters of base64 that tell of what type a file is."""
_ASSET = ASSET_SCHEME.encode()


class Draft(msgspec.Struct):
    """A body whose media are still to be filled in."""

    vendor: Vendor
    op: Op
    request: GenerationRequest
    model: str
    """As the upstream calls it."""
    source: Source | None
    take: Take
    named: Mapping[str, str] = {}
    """What the client calls by our names, as the upstream calls it; nothing yet where a request is only checked."""
    body: dict[str, Any] = {}
    media: list[tuple[Any, Any, MediaInput]] = []
    """The inputs, and where each goes: in which object under which name, or in which list at which index."""
    create: str = ""
    """Method and path, where an `Op.shape` has chosen others than the operation's."""
    kept: Mapping[int, str] = {}
    """By the id of a file of a client's library, what the upstream calls its own copy."""
    passed: dict[str, msgspec.Raw] = {}
    """Fields of a client of the same dialect that nobody here knows."""

    def put(self, name: str, item: MediaInput, holder: dict[str, Any] | None = None) -> None:
        """Have `item` written into the field `name`, of the body where no other object is named."""
        self.media.append((self.body if holder is None else holder, name, item))

    def put_all(self, name: str, items: Sequence[MediaInput]) -> None:
        """Have `items` written as a list into the field `name` of a JSON body."""
        listed: list[str] = [""] * len(items)
        self.body[name] = listed
        self.media += [(listed, index, item) for index, item in enumerate(items)]

    def encoded(self) -> bytes:
        """The JSON, with what passes through byte for byte at its end."""
        body: dict[str, Any] = {}
        for name, value in (self.body | self.passed).items():
            within, _, inner = name.partition(".")
            if within in self.vendor.objects and inner:
                body.setdefault(within, {})[inner] = value
            else:
                body[name] = value
        return msgspec.json.encode(body)


def translate(
    vendor: Vendor,
    request: GenerationRequest,
    model: str,
    source: Source | None = None,
    named: Mapping[str, str] | None = None,
) -> Draft:
    """The draft of what the upstream is sent. Raises GatewayError naming the first field that it cannot express."""
    op = vendor.op(request.operation, model)
    if op is None:
        can = ", ".join(one.replace("_", " ") for one in vendor.ops)
        raise GatewayError(
            "unsupported_parameter",
            f"{vendor.title} cannot do {request.operation.replace('_', ' ')} here; it does: {can}.",
            param="operation",
        )
    op = next((way for way in op.ways if way.suits(request, model)), op)
    take = Take(request, vendor.speaks)
    take.all_of(op.takes)
    draft = Draft(vendor.making(op), op, request, model, source, take, named or {})
    parameters = request.parameters
    for line in op.lines:
        if line.roles:
            if line.picture is not None and request.inputs:
                _put(draft, line.picture, line.roles)
            continue
        value = getattr(parameters, line.attribute, None) if line.parameter else getattr(request, line.attribute)
        if value is None or value in ("", ()):
            continue
        if line.attribute == "model":
            value = model
        written = value if line.write is None else line.write(value, take)
        if written is not None:
            draft.body[line.name] = written
    for name in op.needs:
        if not str(getattr(request, name) or "").strip():
            raise invalid(f"{vendor.title} needs a {name}.", name)
    if op.shape is not None:
        op.shape(draft)
    take.refuse_rest(vendor.name)
    draft.passed = _passed(draft)
    if op.form:
        pairs_of(draft.passed)  # refuses what a form cannot say, before anything is kept
    return draft


def _put(draft: Draft, field: Picture, roles: tuple[Role, ...]) -> None:
    items = list(draft.request.with_role(*roles))
    if len(items) > 1:
        raise invalid(f"{draft.vendor.title} takes one {field.what}, not {len(items)}.", "inputs")
    if items:
        draft.put(field.name, items[0])


def ours(vendor: Vendor, op: Op) -> set[str]:
    """The fields that we alone write."""
    return {one for one in (*(line.name for line in op.lines), *op.ours, vendor.handle, vendor.callback) if one}


def params(vendor: Vendor) -> dict[str, str]:
    """The neutral names of the fields that an error may be about."""
    found: dict[str, str] = {}
    for op in (way for one in vendor.ops.values() for way in (one, *one.ways)):
        for line in (one for one in op.lines if one.name):
            found.setdefault(line.name, "inputs" if line.roles else line.neutral[0])
    return found


def _passed(draft: Draft) -> dict[str, msgspec.Raw]:
    """Fields that nobody here knows. Ours stand in the place of any that we write; `seconds[]` and `SIZE` count as what
    a reader may take for it."""
    native = draft.request.native
    if native is None or not native.fields:
        return {}
    passed: dict[str, msgspec.Raw] = {}
    vendor, written = draft.vendor, ours(draft.vendor, draft.op)
    for name, raw in native.fields.items():
        plain = name.partition("[")[0].strip().lower()
        if name in written:
            continue
        check_unbilled(name, raw, vendor.billed)
        if vendor.library and _ASSET in msgspec.json.encode(msgspec.json.decode(raw)).lower():  # however it is escaped
            message = f"'{name[:128]}' names a file of a library, which only fields for media may."
            raise GatewayError("unsupported_parameter", message, param=name[:128])
        if plain not in written:
            passed[name] = raw
        elif draft.op.form:
            raise GatewayError("unsupported_parameter", f"'{name}' may be taken for '{plain}'; write that.", param=name)
    return passed


def check_unbilled(name: str, raw: msgspec.Raw, billed: AbstractSet[str]) -> None:
    """Raise GatewayError where the field `name`, or one within the object that it is, changes the price."""
    plain, *inner = (one.strip().rstrip("]").lower() for one in name.split("["))
    found = name if plain in billed or not billed.isdisjoint(inner) else None
    if found is None and bytes(raw).lstrip()[:1] == b"{":
        found = _billed_in(msgspec.json.decode(raw), billed, name)
    if found is not None:
        message = f"'{found[:128]}' changes the price and is not passed on."
        raise GatewayError("unsupported_parameter", message, param=found[:128])


def _billed_in(said: dict[str, Any], billed: AbstractSet[str], at: str) -> str | None:
    """Such a field of an object, and where it stands; the objects of lists are nobody's parameters."""
    left = [(at, said)]
    while left:
        outer, fields = left.pop()
        for name, value in fields.items():
            if name.strip().lower() in billed:
                return f"{outer}.{name}"
            if isinstance(value, dict):
                left.append((f"{outer}.{name}"[:128], value))
    return None


async def filled(draft: Draft, media: MediaReader) -> bytes | Form:
    """JSON, or a form, with the media read. Raises GatewayError and FetchError where they cannot be had."""
    if draft.op.form:
        return await _filled_form(draft, media)
    stored = False
    for holder, name, item in draft.media:
        stored |= item.object_key is not None
        holder[name] = await _in_json(item, draft, media)
    return await asyncio.to_thread(draft.encoded) if stored else draft.encoded()


async def _in_json(item: MediaInput, draft: Draft, media: MediaReader) -> str:
    """A URL as it is, a stored picture as base64; as a URL too where the upstream takes nothing else; by its name there
    where the upstream has it."""
    if item.asset_id is not None and item.asset_id in draft.kept:
        return draft.kept[item.asset_id]
    traits = draft.op.traits or draft.vendor.traits
    linked = item.object_key is None and item.url is not None
    if traits.by_url(item.role) or (linked and draft.vendor.takes_links):
        return await media.as_url(item)
    content = await media.as_base64(item, draft.vendor.most_media)
    if draft.vendor.inline == "base64":
        return content
    return f"data:{item.content_type or _type_of(content)};base64,{content}"


def _type_of(content: str) -> str:
    """Of what nobody has told us of what type it is, in base64."""
    found = kind_of(base64.b64decode(content[:_HEAD]))
    return _PICTURE if found is OTHER else found[0]


async def _filled_form(draft: Draft, media: MediaReader) -> Form:
    """A single picture may stay a URL where the upstream takes one, several go as files in their order."""
    pairs = [*_texts(draft.body), *pairs_of(draft.passed)]
    if len(draft.media) == 1 and not draft.op.uploads:
        _, name, item = draft.media[0]
        if item.object_key is None and item.url is not None:
            return Form((*pairs, (f"{name}[image_url]", item.url)))
    files: list[File] = []
    room = draft.vendor.most_media
    for _, name, item in draft.media:
        path = await media.as_upload(item, room)
        room -= (await asyncio.to_thread(path.stat)).st_size
        files.append(File(str(name), path))
    return Form(tuple(pairs), tuple(files))


def _texts(body: Mapping[str, Any]) -> list[Pair]:
    found: list[Pair] = []
    for name, value in body.items():
        if isinstance(value, dict | list):
            found += pairs_of({name: msgspec.Raw(msgspec.json.encode(value))})
        else:
            found.append((name, str(value).lower() if isinstance(value, bool) else str(value)))
    return found

"""What serves `/v1/assets…`: from requests to the room of assets, and back."""

from __future__ import annotations

from typing import Final, get_args

import msgspec
from msgspec import UNSET
from starlette.responses import Response

from telecine.assets.asset import Changes, Filter, GroupChanges, State
from telecine.assets.rows import missing_asset, missing_group
from telecine.assets.uploads import Part
from telecine.dialects.assets.adding import KINDS, added, allow, group_of, wanted_of
from telecine.dialects.assets.render import (
    asset_list,
    asset_object,
    group_list,
    group_object,
    quota_object,
    upload_object,
)
from telecine.dialects.assets.wire import (
    AssetList,
    AssetObject,
    ChangedAsset,
    ChangedGroup,
    CompletedUpload,
    DeletedAsset,
    GroupList,
    GroupObject,
    NewGroup,
    NewUpload,
    QuotaObject,
    UploadObject,
)
from telecine.dialects.bodies import read_object, typed
from telecine.dialects.call import Call
from telecine.dialects.fields import renamed
from telecine.dialects.lookup import whole
from telecine.nouns.errors import GatewayError, invalid
from telecine.nouns.ids import asset_id, group_id, parse_asset_id

LIMIT: Final = 20
MOST: Final = 100
"""Files of a page: without a word, and at most."""
STATES: Final[tuple[str, ...]] = get_args(State)
VARIANTS: Final = ("file", "poster")
_MOST_SEARCH: Final = 200


def _asset(call: Call) -> int:
    """The id in the path. Raises GatewayError (`not_found`)."""
    number = parse_asset_id(call.id)
    if number is None:
        raise missing_asset(call.id)
    return number


def _group(call: Call) -> int:
    number = parse_asset_id(call.id)
    if number is None:
        raise missing_group(call.id)
    return number


def _page(call: Call) -> Filter:
    """What the query says of a page. Raises GatewayError (`invalid_request`)."""
    after, search = call.query("after"), call.query("search")
    start = None if after is None else parse_asset_id(after)
    if after is not None and start is None:
        raise invalid(f"after: '{after[:128]}' is no id.", "after")
    if search is not None and (len(search) > _MOST_SEARCH or "\0" in search):
        raise invalid(f"search: at most {_MOST_SEARCH} characters, and no NUL.", "search")
    return Filter(limit=whole(call.request, "limit", LIMIT, MOST), after=start, search=search)


def _word(call: Call, name: str, words: tuple[str, ...]) -> tuple[str, ...]:
    said = call.query(name)
    if said is not None and said not in words:
        raise invalid(f"{name}: must be one of {', '.join(words)}.", name)
    return () if said is None else (said,)


async def add(call: Call) -> AssetObject:
    """A new file. Raises GatewayError."""
    return asset_object(await added(call), call.edge.assets)


async def list_assets(call: Call) -> AssetList:
    """A page of files. Raises GatewayError."""
    group = group_of(call.query("group"))
    wanted = msgspec.structs.replace(
        _page(call),
        kinds=_word(call, "kind", tuple(KINDS)),
        states=_word(call, "status", STATES),
        groups=() if group is None else (group,),
    )
    return asset_list(await call.edge.assets.list(call.principal, wanted), call.edge.assets)


async def read(call: Call) -> AssetObject:
    """A file's record. Raises GatewayError."""
    return asset_object(await call.edge.assets.get(call.principal, _asset(call)), call.edge.assets)


async def change(call: Call) -> AssetObject:
    """The file as it is then. Raises GatewayError."""
    await call.edge.assets.get(call.principal, _asset(call))  # what is not theirs is not there, whatever the body says
    said = typed((await read_object(call.request)).fields, ChangedAsset)
    group = said.group if said.group is UNSET else group_of(said.group)
    changes = Changes(name=said.name, group_id=group)
    return asset_object(await call.edge.assets.update(call.principal, _asset(call), changes), call.edge.assets)


async def remove(call: Call) -> DeletedAsset:
    """It is gone. Raises GatewayError."""
    gone = await call.edge.assets.remove(call.principal, _asset(call))
    return DeletedAsset(asset_id(gone.id), "asset")


async def content(call: Call) -> Response:
    """The bytes, with `Range`, `ETag` and the right type. Raises GatewayError."""
    variant = (_word(call, "variant", VARIANTS) or ("file",))[0]
    asset = await call.edge.assets.get(call.principal, _asset(call))
    return await call.edge.media.serve(call.request, asset.served, "poster" if variant == "poster" else "file")


async def quota(call: Call) -> QuotaObject:
    """What there is, and may be. Raises GatewayError."""
    return quota_object(await call.edge.assets.quota(call.principal))


async def add_group(call: Call) -> GroupObject:
    """A new group. Raises GatewayError."""
    new = typed((await read_object(call.request)).fields, NewGroup)
    made = await call.edge.assets.groups.create(call.principal, new.name, about=new.description, type=new.type)
    return group_object(made)


async def list_groups(call: Call) -> GroupList:
    """A page of groups. Raises GatewayError."""
    return group_list(await call.edge.assets.groups.list(call.principal, _page(call)))


async def read_group(call: Call) -> GroupObject:
    """A group. Raises GatewayError."""
    return group_object(await call.edge.assets.groups.get(call.principal, _group(call)))


async def change_group(call: Call) -> GroupObject:
    """The group as it is then. Raises GatewayError."""
    await call.edge.assets.groups.get(call.principal, _group(call))
    said = typed((await read_object(call.request)).fields, ChangedGroup)
    changes = GroupChanges(name=said.name, about=said.description, type=said.type)
    return group_object(await call.edge.assets.groups.update(call.principal, _group(call), changes))


async def remove_group(call: Call) -> DeletedAsset:
    """It is gone. Raises GatewayError."""
    gone = await call.edge.assets.groups.remove(call.principal, _group(call))
    return DeletedAsset(group_id(gone.id), "asset.group")


async def begin_upload(call: Call) -> UploadObject:
    """A file that comes in parts. Raises GatewayError."""
    new = typed((await read_object(call.request)).fields, NewUpload)
    wanted = wanted_of(new.name, new.group, new.kind)
    try:
        return upload_object(await call.edge.assets.uploads.create(call.principal, new.bytes, wanted))
    except GatewayError as error:
        raise renamed(error, {"size": "bytes"}) from None


async def read_upload(call: Call) -> UploadObject:
    """How far it is. Raises GatewayError."""
    return upload_object(await call.edge.assets.uploads.get(call.principal, _asset(call)))


async def put_part(call: Call) -> Part:
    """A part that has come. Raises GatewayError."""
    text: str = call.request.path_params["number"]
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 7 else 0
    uploads = call.edge.assets.uploads
    size = await uploads.expected(call.principal, _asset(call), number)
    allow(call, size + 1)  # what is more is then refused by the number of the part
    async with call.edge.assets.sending(call.principal):
        return await uploads.put(call.principal, _asset(call), number, call.request.stream())


async def complete_upload(call: Call) -> AssetObject:
    """The file, which is put together. Raises GatewayError."""
    await call.edge.assets.get(call.principal, _asset(call))
    headers = call.request.headers
    bodiless = headers.get("content-length", "0") == "0" and "transfer-encoding" not in headers
    said = CompletedUpload() if bodiless else typed((await read_object(call.request)).fields, CompletedUpload)
    done = await call.edge.assets.uploads.complete(call.principal, _asset(call), said.sha256)
    return asset_object(done, call.edge.assets)

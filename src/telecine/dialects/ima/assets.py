"""The asset library as IMA has it: a row for each of its operations, over the one library of the account.

Its groups and files are those of `/v1/assets`; the video models that `model` names an upload for are let pass, for
there is one library for all of them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final

from msgspec import UNSET

from telecine.assets.asset import Changes, Filter, GroupChanges, Wanted
from telecine.dialects.bodies import read_object, release
from telecine.dialects.call import Call
from telecine.dialects.fields import renamed
from telecine.dialects.forms import is_form, read_form
from telecine.dialects.ima.library import (
    asset_item,
    asset_name,
    checked,
    group_ids,
    group_item,
    group_name,
    named,
    number_of,
    page_of,
    read,
    states_of,
    understood,
)
from telecine.dialects.inline import chunks_of
from telecine.dialects.rows import Plain, Row
from telecine.nouns.errors import GatewayError, invalid
from telecine.wires.ima import assets as wire
from telecine.wires.ima.errors import ErrorResponse

_FILE: Final = "file"
_EXAMPLE: Final = "https://example.com/boat.png"
_ID: Final = "asset-06xx11d95wm5j"


async def create_group(call: Call) -> wire.AssetGroupResponse:
    """创建素材分组."""
    said = await read(call, wire.AssetGroupCreateRequest)
    checked(said.name, "name", wire.MOST_NAME)
    checked(said.description, "description", wire.MOST_DESCRIPTION)
    groups = call.edge.assets.groups
    made = await groups.create(call.principal, said.name, about=said.description or "", type=said.group_type)
    return wire.AssetGroupResponse(data=group_item(made))


async def list_groups(call: Call) -> wire.AssetGroupListResponse:
    """查询素材分组列表."""
    said = await read(call, wire.AssetGroupListRequest)
    number, size = page_of(said)
    only = said.filters or wire.AssetGroupListFilters()
    wanted = Filter(
        limit=size,
        offset=(number - 1) * size,
        search=only.name,
        groups=group_ids(only.group_ids),
        types=(only.group_type,) if only.group_type else (),
        counted=True,
    )
    page = await call.edge.assets.groups.list(call.principal, wanted)
    data = wire.AssetGroupPage([group_item(one) for one in page.groups], page.total or 0, number, size)
    return wire.AssetGroupListResponse(data=data)


async def get_group(call: Call) -> wire.AssetGroupResponse:
    """查询单个素材分组."""
    said = await read(call, wire.AssetGetRequest)
    return wire.AssetGroupResponse(data=group_item(await call.edge.assets.groups.get(call.principal, named(said))))


async def update_group(call: Call) -> wire.AssetIdResponse:
    """更新素材分组."""
    said = await read(call, wire.AssetUpdateRequest)
    checked(said.name, "name", wire.MOST_NAME)
    checked(said.description, "description", wire.MOST_DESCRIPTION)
    if said.name is None and said.description is None:
        raise invalid("name: say what is to change: name, description or both.", "name")
    changes = GroupChanges(
        name=UNSET if said.name is None else said.name,
        about=UNSET if said.description is None else said.description,
    )
    group = await call.edge.assets.groups.update(call.principal, named(said), changes)
    return wire.AssetIdResponse(data=wire.AssetId(group_name(group.id)))


async def create_asset(call: Call) -> wire.AssetIdResponse:
    """上传素材(创建素材): what is at a URL, which is fetched after the answer, or a file."""
    request = call.request
    try:
        body = await (read_form(request, ()) if is_form(request) else read_object(request))
        said: wire.AssetCreateRequest = understood(body, wire.AssetCreateRequest)
        files = [file for name, file in body.files if name == _FILE]
        if len(files) != len(body.files) or len(files) + (said.url is not None) != 1:
            raise invalid(f"url: exactly one is needed: a url, or a file in the field '{_FILE}' of a form.", "url")
        kind = {name.lower(): kind for kind, name in wire.KINDS.items()}.get((said.asset_type or "").lower())
        if kind is None and said.asset_type is not None:
            raise invalid(f"asset_type: must be one of {', '.join(wire.KINDS.values())}.", "asset_type")
        group_id = number_of(said.group_id, "group_id") if said.group_id is not None else None
        name = checked(said.name, "name", wire.MOST_NAME) or (files[0].filename if files else None)
        wanted = Wanted(name=name or None, group_id=group_id, kind=kind)
        library = call.edge.assets
        if files:
            made = await library.add(call.principal, chunks_of(files[0]), wanted, param=_FILE, size=files[0].size)
        else:
            made = await library.add_url(call.principal, said.url or "", wanted)
    except GatewayError as error:
        raise renamed(error, {"id": "group_id"}) from None
    finally:
        await request.close()
        release(request.scope)
    return wire.AssetIdResponse(data=wire.AssetId(asset_name(made.id)))


async def list_assets(call: Call) -> wire.AssetListResponse:
    """查询素材列表."""
    said = await read(call, wire.AssetListRequest)
    number, size = page_of(said)
    only = said.filters or wire.AssetListFilters()
    if only.group_type:
        message = "filters.group_type: name the groups themselves, as group_ids."
        raise GatewayError("unsupported_parameter", message, param="filters.group_type")
    wanted = Filter(
        limit=size,
        offset=(number - 1) * size,
        search=only.name,
        groups=group_ids(only.group_ids),
        states=states_of(only.statuses or ()),
        counted=True,
    )
    page = await call.edge.assets.list(call.principal, wanted)
    data = wire.AssetPage([asset_item(call, one) for one in page.assets], page.total or 0, number, size)
    return wire.AssetListResponse(data=data)


async def get_asset(call: Call) -> wire.AssetGetResponse:
    """查询单个素材."""
    said = await read(call, wire.AssetGetRequest)
    return wire.AssetGetResponse(data=asset_item(call, await call.edge.assets.get(call.principal, named(said))))


async def rename_asset(call: Call) -> wire.AssetIdResponse:
    """更新素材名称."""
    said = await read(call, wire.AssetUpdateRequest)
    if said.name is None:
        raise invalid("name: is required.", "name")
    if said.description is not None:
        raise GatewayError("unsupported_parameter", "description: an asset has none.", param="description")
    checked(said.name, "name", wire.MOST_NAME)
    asset = await call.edge.assets.update(call.principal, named(said), Changes(name=said.name))
    return wire.AssetIdResponse(data=wire.AssetId(asset_name(asset.id)))


async def delete_asset(call: Call) -> wire.AssetDeleteResponse:
    """Gone for its account; its bytes stay until no task needs them."""
    said = await read(call, wire.AssetGetRequest)
    await call.edge.assets.remove(call.principal, named(said))
    return wire.AssetDeleteResponse()


async def quota(call: Call) -> wire.AssetQuotaResponse:
    """查询素材配额信息."""
    found = await call.edge.assets.quota(call.principal)
    return wire.AssetQuotaResponse(
        data=wire.AssetQuota(
            max_count_per_user=found.most_files,
            current_count=found.files,
            max_bytes_per_user=found.most_bytes,
            current_bytes=found.bytes,
        )
    )


def _row(path: str, summary: str, handle: Callable[[Call], Awaitable[Any]], **said: Any) -> Plain:
    return Plain(path, summary, method="POST", handle=handle, error=ErrorResponse, **said)


ROWS: Final[tuple[Row, ...]] = (
    _row(
        wire.GROUP_CREATE,
        "Make a group of assets",
        create_group,
        answer=wire.AssetGroupResponse,
        body=wire.AssetGroupCreateRequest,
        example={"name": "Boats"},
    ),
    _row(
        wire.GROUP_LIST,
        "List groups of assets",
        list_groups,
        answer=wire.AssetGroupListResponse,
        body=wire.AssetGroupListRequest,
        example={"page_number": 1, "page_size": 20},
    ),
    _row(
        wire.GROUP_GET,
        "Read a group of assets",
        get_group,
        answer=wire.AssetGroupResponse,
        body=wire.AssetGetRequest,
        example={"id": "group-06xx11d95wm5j"},
    ),
    _row(
        wire.GROUP_UPDATE,
        "Change a group of assets",
        update_group,
        answer=wire.AssetIdResponse,
        body=wire.AssetUpdateRequest,
        example={"id": "group-06xx11d95wm5j", "name": "Ships"},
    ),
    _row(
        wire.CREATE,
        "Add an asset",
        create_asset,
        answer=wire.AssetIdResponse,
        body=wire.AssetCreateRequest,
        example={"group_id": "group-06xx11d95wm5j", "url": _EXAMPLE, "asset_type": "Image"},
        forms=True,
    ),
    _row(
        wire.LIST,
        "List assets",
        list_assets,
        answer=wire.AssetListResponse,
        body=wire.AssetListRequest,
        example={"filters": {"statuses": [wire.ACTIVE]}, "page_number": 1, "page_size": 20},
    ),
    _row(
        wire.GET,
        "Read an asset",
        get_asset,
        answer=wire.AssetGetResponse,
        body=wire.AssetGetRequest,
        example={"id": _ID},
    ),
    _row(
        wire.UPDATE,
        "Rename an asset",
        rename_asset,
        answer=wire.AssetIdResponse,
        body=wire.AssetUpdateRequest,
        example={"id": _ID, "name": "Boat"},
    ),
    _row(
        wire.DELETE,
        "Delete an asset",
        delete_asset,
        answer=wire.AssetDeleteResponse,
        body=wire.AssetGetRequest,
        example={"id": _ID},
    ),
    _row(wire.QUOTA, "Read the quota of assets", quota, answer=wire.AssetQuotaResponse),
)

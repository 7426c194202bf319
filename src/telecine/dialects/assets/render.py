"""From assets and groups to our own JSON."""

from __future__ import annotations

import math

from telecine.assets.asset import Asset, AssetPage, Group, GroupPage, Quota
from telecine.assets.library import Assets
from telecine.assets.uploads import Upload
from telecine.dialects.assets.wire import (
    AssetError,
    AssetList,
    AssetObject,
    GroupList,
    GroupObject,
    QuotaObject,
    UploadObject,
)
from telecine.nouns.ids import asset_id, group_id, output_id


def asset_object(asset: Asset, assets: Assets) -> AssetObject:
    """The file, with links that are good for as long as all are."""
    made = asset.task_id is not None and asset.output is not None
    return AssetObject(
        id=asset_id(asset.id),
        name=asset.name,
        group=None if asset.group_id is None else group_id(asset.group_id),
        status=asset.state,
        kind=asset.kind,
        url=assets.link(asset),
        poster_url=assets.link(asset, "poster"),
        content_type=asset.content_type,
        bytes=asset.bytes,
        sha256=asset.sha256 if asset.state == "ready" else None,
        width=asset.width,
        height=asset.height,
        duration=asset.duration,
        output=output_id(asset.task_id or 0, asset.output or 0) if made else None,
        error=None if asset.error is None else AssetError(asset.error.code, asset.error.message),
        created_at=asset.created_at,
        updated_at=asset.updated_at,
    )


def asset_list(page: AssetPage, assets: Assets) -> AssetList:
    """A page."""
    data = [asset_object(one, assets) for one in page.assets]
    return AssetList(data, page.has_more, data[-1].id if data else None)


def group_object(group: Group) -> GroupObject:
    """The group."""
    return GroupObject(
        id=group_id(group.id),
        name=group.name,
        description=group.about,
        type=group.type,
        created_at=group.created_at,
        updated_at=group.updated_at,
    )


def group_list(page: GroupPage) -> GroupList:
    """A page."""
    data = [group_object(one) for one in page.groups]
    return GroupList(data, page.has_more, data[-1].id if data else None)


def quota_object(quota: Quota) -> QuotaObject:
    """What there is, and may be."""
    return QuotaObject(
        files=quota.files,
        most_files=quota.most_files,
        bytes=quota.bytes,
        most_bytes=quota.most_bytes,
        leaving=quota.leaving,
    )


def upload_object(upload: Upload) -> UploadObject:
    """How far it is."""
    asset = upload.asset
    return UploadObject(
        id=asset_id(asset.id),
        name=asset.name,
        status=asset.state,
        bytes=asset.bytes,
        part_size=upload.part_size,
        part_count=math.ceil(asset.bytes / upload.part_size),
        parts=list(upload.parts),
        expires_at=upload.expires_at,
    )

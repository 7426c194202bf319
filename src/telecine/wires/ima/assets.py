"""The asset library, as Volcengine's Ark has it: files in groups, which later requests call `asset://<id>`.

All of it is posted. Requests are in snake_case, and in Ark's PascalCase or camelCase all the same; what an answer says
of an asset is in PascalCase, in `{success, message, data}`.

Reconstructed: that an asset may come as a file, in a form with the same fields and `file`; what a quota says beside its
two numbers.
"""

from __future__ import annotations

from typing import Final, Literal

import msgspec
from msgspec import UNSET, UnsetType

from telecine.wires.scalars import Word

ROOT: Final = "/v1/assets"
GROUP_CREATE: Final = f"{ROOT}/group/create"
GROUP_LIST: Final = f"{ROOT}/group/list"
GROUP_GET: Final = f"{ROOT}/group/get"
GROUP_UPDATE: Final = f"{ROOT}/group/update"
CREATE: Final = f"{ROOT}/create"
LIST: Final = f"{ROOT}/list"
GET: Final = f"{ROOT}/get"
UPDATE: Final = f"{ROOT}/update"
DELETE: Final = f"{ROOT}/delete"
QUOTA: Final = f"{ROOT}/quota"
SCHEME: Final = "asset://"
PROCESSING: Final = "Processing"
ACTIVE: Final = "Active"
FAILED: Final = "Failed"
"""Status of an asset."""
KINDS: Final[dict[Literal["image", "video", "audio"], str]] = {"image": "Image", "video": "Video", "audio": "Audio"}
"""By our kind of file, `AssetType`."""
GROUP_TYPE: Final = "AIGC"
PROJECT: Final = "default"
"""Where nothing is said."""
UPLOADS: Final = "ima-pro-upload"
OVERSEAS_UPLOADS: Final = "seedance-upload"
DOMESTIC_UPLOADS: Final = "ima-pro-upload-cn"
DOMESTIC: Final = "-cn"
"""`model` of an upload says for which models an asset is: the first where nothing is said; `seedance-2.0` and
`seedance-2.0-fast` take those of the second alone, models whose names end so those of the third."""
MOST_NAME: Final = 64
MOST_DESCRIPTION: Final = 300
PAGE_SIZE: Final = 20
MOST_PAGE: Final = 200


class AssetGroupCreateRequest(msgspec.Struct, kw_only=True):
    """A new group."""

    name: str
    description: str | None = None
    group_type: Word | None = None
    project_name: Word | None = None
    model: Word | None = None


class AssetGroupListFilters(msgspec.Struct, kw_only=True):
    """Which groups."""

    name: str | None = None
    group_ids: list[str] | None = None
    group_type: Word | None = None


class _Paged(msgspec.Struct, kw_only=True):
    """Which page of a list, from 1, and in which order."""

    page_number: int | None = None
    page_size: int | None = None
    sort_by: Word | None = None
    sort_order: Word | None = None
    project_name: Word | None = None
    model: Word | None = None


class AssetGroupListRequest(_Paged, kw_only=True):
    """A page of groups."""

    filters: AssetGroupListFilters | None = None


class AssetGetRequest(msgspec.Struct, kw_only=True):
    """One group, or one asset: by `id`, or by the other name that its kind has."""

    id: str | None = None
    asset_id: str | None = None
    group_id: str | None = None
    project_name: Word | None = None


class AssetUpdateRequest(AssetGetRequest, kw_only=True):
    """A group's new name and description, or an asset's new name."""

    name: str | None = None
    description: str | None = None


class AssetCreateRequest(msgspec.Struct, kw_only=True):
    """A new asset: what is at `url`, or the file that stands beside these fields."""

    group_id: str | None = None
    url: str | None = None
    name: str | None = None
    asset_type: Word | None = None
    """Image, Video or Audio."""
    project_name: Word | None = None
    model: Word | None = None


class AssetListFilters(msgspec.Struct, kw_only=True):
    """Which assets."""

    group_ids: list[str] | None = None
    group_type: Word | None = None
    statuses: list[str] | None = None
    name: str | None = None


class AssetListRequest(_Paged, kw_only=True):
    """A page of assets."""

    filters: AssetListFilters | None = None


class AssetId(msgspec.Struct, frozen=True, rename="pascal"):
    """What was made or changed."""

    id: str


class AssetGroupItem(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    """A group. Times in ISO 8601."""

    id: str
    name: str = ""
    title: str = ""
    description: str = ""
    group_type: str = GROUP_TYPE
    project_name: str = PROJECT
    create_time: str = ""
    update_time: str = ""


class AssetFault(msgspec.Struct, frozen=True, rename="pascal"):
    """Why an asset cannot be used."""

    code: str
    message: str


class AssetItem(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    """An asset. `asset_ref` is what a request calls it."""

    id: str
    name: str = ""
    url: str = msgspec.field(default="", name="URL")
    group_id: str = ""
    asset_type: str = ""
    status: str
    error: AssetFault | UnsetType = UNSET
    project_name: str = PROJECT
    create_time: str = ""
    update_time: str = ""
    asset_ref: str = ""


class AssetGroupPage(msgspec.Struct, frozen=True, rename="pascal"):
    """A page of groups."""

    items: list[AssetGroupItem]
    total_count: int
    page_number: int
    page_size: int


class AssetPage(msgspec.Struct, frozen=True, rename="pascal"):
    """A page of assets."""

    items: list[AssetItem]
    total_count: int
    page_number: int
    page_size: int


class AssetQuota(msgspec.Struct, frozen=True, kw_only=True):
    """How many assets there may be, 0 for any number, and are; the bytes are ours."""

    enabled: bool = True
    max_count_per_user: int = 0
    current_count: int = 0
    max_bytes_per_user: int | UnsetType = UNSET
    current_bytes: int | UnsetType = UNSET


class _Good(msgspec.Struct, frozen=True, kw_only=True):
    success: bool = True
    message: str = ""


class AssetIdResponse(_Good, frozen=True, kw_only=True):
    """The answer to a create or an update of an asset, and to an update of a group."""

    data: AssetId


class AssetGroupResponse(_Good, frozen=True, kw_only=True):
    """The answer to a create of a group, and a group."""

    data: AssetGroupItem


class AssetGetResponse(_Good, frozen=True, kw_only=True):
    """An asset."""

    data: AssetItem


class AssetGroupListResponse(_Good, frozen=True, kw_only=True):
    """Groups."""

    data: AssetGroupPage


class AssetListResponse(_Good, frozen=True, kw_only=True):
    """Assets."""

    data: AssetPage


class AssetQuotaResponse(_Good, frozen=True, kw_only=True):
    """The quota."""

    data: AssetQuota


class AssetDeleted(msgspec.Struct, frozen=True):
    """It is gone."""

    deleted: bool = True


class AssetDeleteResponse(_Good, frozen=True, kw_only=True):
    """The answer to a delete, which the console sends and Zcheap does not document."""

    data: AssetDeleted = AssetDeleted()

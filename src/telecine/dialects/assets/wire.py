"""Bodies and answers of `/v1/assets`."""

from __future__ import annotations

import msgspec
from msgspec import UNSET, UnsetType

from telecine.assets.asset import State
from telecine.assets.uploads import Part
from telecine.media.formats import Kind


class NewAsset(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A file that is to be fetched from `url`, or that a task of the account's has made: of `task`, by its id, the
    `output` with that index; or `output` alone, by its own id. Such a file is not copied. As a form the file is in
    `file`, and as the whole body it says its own type (`image/png`), with what else there is to say in the query."""

    url: str | None = None
    task: str | None = None
    output: int | str | None = None
    name: str | None = None
    group: str | None = None
    kind: Kind | None = None
    """What it has to be; anything where left out."""


class ChangedAsset(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is to change; what is left out stays, and a `group` of null takes it out of its group."""

    name: str | UnsetType = UNSET
    group: str | UnsetType | None = UNSET


class NewGroup(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A group. `type` says in any words what it is for."""

    name: str
    description: str = ""
    type: str | None = None


class ChangedGroup(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is to change; what is left out stays."""

    name: str | UnsetType = UNSET
    description: str | UnsetType = UNSET
    type: str | UnsetType | None = UNSET


class NewUpload(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A file of `bytes` bytes that comes in parts."""

    bytes: int
    name: str | None = None
    group: str | None = None
    kind: Kind | None = None


class CompletedUpload(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All parts have been sent. `sha256`: of the whole file, in hexadecimal digits, to be compared."""

    sha256: str | None = None


class AssetError(msgspec.Struct, frozen=True):
    """Why a file will never be there."""

    code: str
    message: str


class AssetObject(msgspec.Struct, frozen=True, kw_only=True):
    """A file. Times are seconds since the Unix epoch; `duration` in seconds. Requests name it as `asset://` and its id.

    `status` is `uploading`, `processing`, `ready` or `failed`; of what it is made, and where it is, is known when it is
    `ready`. `output` is the id of the output whose file it is, where it came from no client.
    """

    id: str
    object: str = "asset"
    name: str
    group: str | None
    status: State
    kind: Kind | None
    url: str | None
    poster_url: str | None
    content_type: str | None
    bytes: int
    sha256: str | None
    width: int | None
    height: int | None
    duration: float | None
    output: str | None
    error: AssetError | None
    created_at: float
    updated_at: float


class AssetList(msgspec.Struct, frozen=True):
    """One page, newest first; the next begins after `last_id`."""

    data: list[AssetObject]
    has_more: bool
    last_id: str | None
    object: str = "list"


class GroupObject(msgspec.Struct, frozen=True, kw_only=True):
    """A group."""

    id: str
    object: str = "asset.group"
    name: str
    description: str
    type: str | None
    created_at: float
    updated_at: float


class GroupList(msgspec.Struct, frozen=True):
    """One page, newest first; the next begins after `last_id`."""

    data: list[GroupObject]
    has_more: bool
    last_id: str | None
    object: str = "list"


class QuotaObject(msgspec.Struct, frozen=True, kw_only=True):
    """What the library holds, and what it may. `leaving`: bytes of files that were deleted and still lie there; they
    and the others together may be twice `most_bytes`."""

    object: str = "asset.quota"
    files: int
    most_files: int
    bytes: int
    most_bytes: int
    leaving: int


class UploadObject(msgspec.Struct, frozen=True, kw_only=True):
    """A file that comes in parts of `part_size` bytes, the last one of what is left, numbered from 1. `id` is the
    asset's. `expires_at`: when it is given up, unless more comes."""

    id: str
    object: str = "asset.upload"
    name: str
    status: State
    bytes: int
    part_size: int
    part_count: int
    parts: list[Part]
    """Those that have come."""
    expires_at: float | None


class DeletedAsset(msgspec.Struct, frozen=True):
    """It is gone."""

    id: str
    object: str
    deleted: bool = True

"""What a library holds, and what may be asked of it."""

from __future__ import annotations

from typing import Literal

import msgspec
from msgspec import UNSET, UnsetType

from telecine.media.formats import Kind
from telecine.nouns.errors import TaskError
from telecine.nouns.task import Output

State = Literal["uploading", "processing", "ready", "failed"]
"""Its parts are still to come; it is fetched, or put together, and looked at; it can be used; it never can."""


class Asset(msgspec.Struct, frozen=True, kw_only=True):
    """A file. Times are seconds since the Unix epoch, `duration` is in seconds."""

    id: int
    account_id: int
    group_id: int | None = None
    name: str
    state: State
    kind: Kind | None = None
    """As its client said until the file has been looked at."""
    object_key: str | None = None
    poster_key: str | None = None
    content_type: str | None = None
    bytes: int = 0
    """As they are counted; of one that comes in parts, those that are to come."""
    sha256: str | None = None
    width: int | None = None
    height: int | None = None
    duration: float | None = None
    frame_rate: float | None = None
    task_id: int | None = None
    """With `output`, the output whose file it is, where it came from no client."""
    output: int | None = None
    error: TaskError | None = None
    """Why it failed."""
    created_at: float
    updated_at: float

    @property
    def served(self) -> Output:
        """The same for whoever serves files."""
        return Output(
            task_id=self.id,
            index=0,
            state="stored",
            kind=self.kind or "image",
            object_key=self.object_key,
            poster_key=self.poster_key,
            content_type=self.content_type,
            bytes=self.bytes,
            sha256=self.sha256,
        )


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """Files that belong together. A file is in one at most."""

    id: int
    account_id: int
    name: str
    about: str = ""
    type: str | None = None
    """What its client says that it is for, in whatever words."""
    created_at: float
    updated_at: float


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What a client says of a file that it adds."""

    name: str | None = None
    """None: what the file or its URL is called."""
    group_id: int | None = None
    kind: Kind | None = None
    """What it has to be; None for whatever it is."""


class Changes(msgspec.Struct, frozen=True, kw_only=True):
    """What is to change of a file; what is unset stays."""

    name: str | UnsetType = UNSET
    group_id: int | UnsetType | None = UNSET
    """None takes it out of its group."""


class GroupChanges(msgspec.Struct, frozen=True, kw_only=True):
    """The same of a group."""

    name: str | UnsetType = UNSET
    about: str | UnsetType = UNSET
    type: str | UnsetType | None = UNSET


class Filter(msgspec.Struct, frozen=True, kw_only=True):
    """Which files, or groups, a list shows, the newest first. None or empty means no restriction."""

    limit: int
    after: int | None = None
    """The id after which the page begins."""
    offset: int = 0
    search: str | None = None
    """What the name has somewhere, in capitals or not."""
    kinds: tuple[str, ...] = ()
    states: tuple[str, ...] = ()
    groups: tuple[int, ...] = ()
    types: tuple[str, ...] = ()
    """Of groups."""
    counted: bool = False
    """Whether to count all that it describes."""


class AssetPage(msgspec.Struct, frozen=True):
    """One page. `total`: of all pages together, where it was to be counted."""

    assets: tuple[Asset, ...]
    has_more: bool
    total: int | None = None


class GroupPage(msgspec.Struct, frozen=True):
    """The same of groups."""

    groups: tuple[Group, ...]
    has_more: bool
    total: int | None = None


class Quota(msgspec.Struct, frozen=True):
    """What an account keeps, and what it may. Bytes of files that were deleted and still lie in storage (`leaving`)
    count where they are as many again."""

    files: int
    bytes: int
    most_files: int
    most_bytes: int
    leaving: int = 0

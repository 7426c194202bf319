"""What the commands read of the API's answers (`/v1/tasks`, `/v1/models`, `/admin/v1`)."""

from __future__ import annotations

from typing import Any, Generic, Literal, TypeVar

import msgspec

Status = Literal["draft", "queued", "running", "succeeded", "failed", "cancelled"]
Item = TypeVar("Item")


class Page(msgspec.Struct, Generic[Item], frozen=True):
    """A list."""

    data: list[Item]
    has_more: bool = False


class File(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a file. `duration` in seconds."""

    url: str | None = None
    content_type: str | None = None
    bytes: int | None = None
    width: int | None = None
    height: int | None = None
    duration: float | None = None
    sha256: str | None = None


class Output(File, frozen=True, kw_only=True):
    """One file or text of a task."""

    index: int
    part: str = "main"
    text: str | None = None


class Error(msgspec.Struct, frozen=True):
    """Why a task failed, or why the server refused."""

    message: str
    code: str | None = None


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """A task. Times are seconds since the Unix epoch."""

    id: str
    status: Status
    progress: int = 0
    operation: str
    model: str
    dialect: str = ""
    created_at: float
    started_at: float | None = None
    ended_at: float | None = None
    outputs: list[Output] = []
    error: Error | None = None
    external_id: str | None = None

    @property
    def ended(self) -> bool:
        """True once the status can no longer change."""
        return self.status not in ("draft", "queued", "running")


class Asset(File, frozen=True, kw_only=True):
    """A file of the library. Times are seconds since the Unix epoch."""

    id: str
    name: str
    status: str
    kind: str | None = None
    group: str | None = None
    output: str | None = None
    error: Error | None = None
    created_at: float

    @property
    def coming(self) -> bool:
        """True while the server still sees to it."""
        return self.status not in ("ready", "failed")


class PartDone(msgspec.Struct, frozen=True):
    """A part that the server has."""

    number: int


class Upload(msgspec.Struct, frozen=True, kw_only=True):
    """A file that goes there in parts."""

    id: str
    bytes: int
    part_size: int
    parts: list[PartDone] = []


class Quota(msgspec.Struct, frozen=True, kw_only=True):
    """What the library holds, and what it may."""

    files: int
    most_files: int
    bytes: int
    most_bytes: int
    leaving: int


class Model(msgspec.Struct, frozen=True):
    """A model by its public name."""

    id: str


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """What bounds a key or an account, as the API tells it. `expires_at` in seconds since the Unix epoch."""

    models: list[str] | None = None
    expires_at: float | None = None
    limits: dict[str, Any] = {}


class Key(Terms, frozen=True, kw_only=True):
    """A key; its text (`key`) and its `secret_key` are there only in the answer that makes it."""

    id: str
    name: str
    account: str
    admin: bool
    source: str
    created_at: float
    revoked_at: float | None
    access_key: str | None = None
    key: str | None = None
    secret_key: str | None = None


class Channel(msgspec.Struct, frozen=True, kw_only=True):
    """A channel. `circuit`: closed, open or half_open. `paused_for` in seconds."""

    name: str
    provider: str
    base_url: str
    models: list[str]
    priority: int
    weight: int
    max_in_flight: int | None
    pool: str | None
    draining: bool
    circuit: str
    paused_for: float


class ChannelTest(msgspec.Struct, frozen=True):
    """Whether a channel's upstream answers."""

    name: str
    ok: bool
    ms: float
    message: str


class ChannelProbe(msgspec.Struct, frozen=True):
    """In which form a channel's upstream is spoken to."""

    name: str
    form: str | None
    said: bool
    serves: list[str]
    message: str


class Refusal(msgspec.Struct, frozen=True):
    """The body of an error."""

    error: Error

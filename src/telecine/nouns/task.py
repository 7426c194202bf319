"""A task and what belongs to it. The tables in `store/` hold these fields; `tasks/` alone changes them."""

from __future__ import annotations

from typing import Final, Literal, TypeVar

import msgspec

from telecine.nouns.billed import Billed
from telecine.nouns.errors import TaskError
from telecine.nouns.money import Price
from telecine.nouns.operations import Kind
from telecine.nouns.request import GenerationRequest, ReferenceKind

State = Literal[
    "draft", "queued", "submitting", "running", "reconciling", "collecting", "succeeded", "failed", "cancelled"
]
Status = Literal["draft", "queued", "running", "succeeded", "failed", "cancelled"]
TERMINAL: frozenset[str] = frozenset({"succeeded", "failed", "cancelled"})

AttemptState = Literal["preparing", "submitting", "accepted", "unknown", "refused", "never_sent", "ended", "lost"]
OutputState = Literal["pending", "stored", "lost"]
MAIN: Final = "main"
"""The part of an item that was asked for and is billed; all others (cover, lyrics, last_frame, …) are companions."""
GRID: Final = "grid"
"""The companion that shows all pictures of a task as one."""
T = TypeVar("T")


class Tokens(msgspec.Struct, frozen=True):
    """Tokens as the upstream counted them, each in one kind only, so that their sum is the whole.

    `input` was read afresh, `cached` read from the upstream's cache, `cache_write` written to it; `output` was
    generated; `audio` was read or generated as sound. A provider whose upstream counts one kind within another takes it
    out. Raises ValueError for a negative count, which would pay the client.
    """

    input: int = 0
    cached: int = 0
    cache_write: int = 0
    output: int = 0
    audio: int = 0

    def __post_init__(self) -> None:
        if min(self.input, self.cached, self.cache_write, self.output, self.audio) < 0:
            raise ValueError("a count of tokens is negative")

    @property
    def total(self) -> int:
        """All of them."""
        return self.input + self.cached + self.cache_write + self.output + self.audio


class Usage(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a task really used; what nobody reported is left out.

    `seconds` of video or audio; `images` counted; `units` as the upstream names them.
    """

    seconds: float | None = None
    images: int | None = None
    units: str | None = None
    """The upstream's own figure, verbatim (Kling's `final_unit_deduction` is a decimal string)."""
    tokens: Tokens | None = None
    compute_seconds: float | None = None
    """Seconds for which the upstream computed, 0 or more."""


def link_of(url: str | None) -> str | None:
    """`url` where anybody may follow it."""
    return url if url and url.startswith(("https://", "http://")) else None


class Facts(msgspec.Struct, frozen=True):
    """What a vendor said beside a job or one of its outputs, for the dialects that show it (buttons, titles, times).

    Kept as the vendor's own JSON; `telecine.wires` has the types.
    """

    vendor: str
    raw: msgspec.Raw

    @classmethod
    def of(cls, vendor: str, said: object) -> Facts:
        """`said`, as JSON."""
        return cls(vendor, msgspec.Raw(msgspec.json.encode(said)))

    def read(self, vendor: str, type: type[T]) -> T | None:  # noqa: A002  as msgspec calls it
        """The facts of `vendor`; None where they are another's, or are no `type` (any more)."""
        if vendor != self.vendor:
            return None
        try:
            return msgspec.json.decode(self.raw, type=type)
        except msgspec.MsgspecError:
            return None


class Output(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that a task produced: a file, or a text, which is kept inline."""

    task_id: int
    index: int
    item: int = 0
    """Which of the results that were asked for it belongs to: which clip, which picture of a grid."""
    part: str = MAIN
    """What it is of its item: the thing itself, or a companion."""
    state: OutputState = "pending"
    kind: Kind = "video"
    upstream_url: str | None = None
    upstream_id: str | None = None
    upstream_expires_at: float | None = None
    object_key: str | None = None
    poster_key: str | None = None
    content_type: str | None = None
    bytes: int | None = None
    sha256: str | None = None
    width: int | None = None
    height: int | None = None
    duration: float | None = None
    """Seconds, as probed."""
    frame_rate: float | None = None
    """Frames a second, as probed; None for what has no frames."""
    tries: int = 0
    text: str | None = None
    """What was made, where that is a text; it is stored as soon as it is here."""
    facts: Facts | None = None

    @property
    def main(self) -> bool:
        """Whether it is what was asked for, and not a companion of that."""
        return self.part == MAIN

    @property
    def upstream_link(self) -> str | None:
        """Where the upstream offers the file to anybody; None where it is had with our key alone."""
        return link_of(self.upstream_url)


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """One submission of a task to one channel."""

    id: int
    task_id: int
    number: int
    channel: str
    address: str = ""
    """The channel's address when it began: the job is known nowhere else."""
    provider: str
    model: str
    """The upstream's name of the model."""
    state: AttemptState
    handle: str
    """The id that we chose and that the upstream can be asked about."""
    callback_token: str
    pool: str
    weight: int = 1
    slot_held: bool = True
    slot_until: float | None = None
    """A slot whose job can no longer be asked about is freed at this time."""
    prepared: bytes | None = None
    upstream_id: str | None = None
    created_at: float
    submitted_at: float | None = None
    accepted_at: float | None = None
    ended_at: float | None = None
    lookups: int = 0
    submits: int = 1
    """How often the one request was sent; more than once only with a handle that the upstream refuses to take twice."""
    unreadable: int = 0
    units: str | None = None
    """What the upstream says that the job took, verbatim."""
    cost: int | None = None
    """What the upstream charges us for it, in micro-units, where the channel says what a unit costs."""
    error: TaskError | None = None


class Handle(msgspec.Struct, frozen=True, kw_only=True):
    """What an upstream calls `upstream_id`: whose it is, and the one place where it is known."""

    account_id: int
    provider: str
    kind: ReferenceKind
    upstream_id: str
    channel: str
    address: str
    task_id: int | None = None
    """The task that made it."""
    output: int | None = None
    """The index of the output that it is; None for the job itself."""


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """One generation job. Times are seconds since the Unix epoch."""

    id: int
    account_id: int
    key_id: int | None
    version: int = 1
    state: State = "queued"
    dialect: str
    form: str | None = None
    """Which of its dialect's paths made it, as `kling:text2video`; None where the dialect has one for it, and for
    tasks older than this note."""
    operation: str
    model: str
    request: GenerationRequest
    asked: Billed | None = None
    """What the upstream is asked for, its defaults filled in; before one is chosen, what all that could be agree on.
    None for tasks older than this note."""
    external_id: str | None = None
    priority: int = 0
    progress: int = 0
    """Per cent, never falling."""
    channel: str | None = None
    attempt_id: int | None = None
    attempts: int = 0
    created_at: float
    started_at: float | None = None
    """When the upstream was first seen at work on it."""
    ended_at: float | None = None
    deadline: float | None = None
    """Running: when it becomes `reconciling` (our deadline, not the upstream's failure). Queued: when to stop trying
    channels that cannot be reached. Draft: when it has waited for its client for long enough."""
    expires_at: float | None = None
    """When the upstream no longer knows the job."""
    cancel_requested_at: float | None = None
    cancel_refused: bool = False
    """The upstream said that it cannot stop the job any more."""
    deleted_at: float | None = None
    buried_at: float | None = None
    """When nothing was left to do for it: until then it stands in the schedule."""
    source_task: int | None = None
    retry_of: int | None = None
    """The ended task that this one was made from by `retry`."""
    sandbox: bool = False
    usage: Usage | None = None
    facts: Facts | None = None
    preview_url: str | None = None
    """Where the upstream shows how far the job is, while it runs."""
    prices: tuple[Price, ...] = ()
    """The lines of the price book that applied at create: one, or several token lines, which add up."""
    held: int = 0
    """Micro-units set aside at create."""
    most: int | None = None
    """Micro-units that it may cost at the very most; None for tasks older than this bound."""
    charged: int | None = None
    """Micro-units that it cost in the end; None until it is settled."""
    error: TaskError | None = None

    @property
    def status(self) -> Status:
        """What clients see: a job that only waits, here or in the upstream's own queue, is `queued`."""
        if self.state in ("draft", "succeeded", "failed", "cancelled"):
            return self.state
        return "queued" if self.started_at is None else "running"

    @property
    def ended(self) -> bool:
        """True once the state can no longer change."""
        return self.state in TERMINAL

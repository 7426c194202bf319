"""What the verbs of a provider may come to. Which of them a verb answers with, `telecine.providers.base` says."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

import msgspec

from telecine.net.spool import Spooled
from telecine.nouns.errors import TaskError
from telecine.nouns.operations import Kind
from telecine.nouns.task import MAIN, Facts, Usage


class Accepted(msgspec.Struct, frozen=True):
    """The upstream has a job and this is its id."""

    upstream_id: str


class Refused(msgspec.Struct, frozen=True):
    """The upstream said no, and no job exists.

    `elsewhere`: another channel may well accept it (our credential, their maintenance); otherwise the request itself is
    at fault. `capacity`: the upstream is full, so the task waits and is sent again after `retry_after` seconds.
    """

    error: TaskError
    elsewhere: bool = False
    capacity: bool = False
    retry_after: float | None = None
    spared: bool = False
    """It is about this request's model or path, so that it says nothing against the channel."""


class NeverSent(msgspec.Struct, frozen=True):
    """DNS, connect or TLS failed: nothing reached the upstream."""

    reason: str
    inputs: bool = False
    """It is a file of the request that cannot be had, and the upstream was not even tried."""


class Unknown(msgspec.Struct, frozen=True):
    """Sent, and no readable answer came: a job may or may not exist."""

    reason: str


class UpstreamOutput(msgspec.Struct, frozen=True):
    """One thing that the upstream made: at a `url`, or here already as `text`; the other is empty.

    `expires_at` in seconds since the Unix epoch.
    """

    url: str = ""
    kind: Kind = "video"
    upstream_id: str | None = None
    expires_at: float | None = None
    item: int | None = None
    """Which of the results that were asked for it belongs to, from 0. None: every main part is an item of its own, and
    a companion belongs to the main part before it."""
    part: str = MAIN
    """`main` is what was asked for, and alone is billed; `cover`, `lyrics`, `last_frame`, … are companions."""
    text: str | None = None
    content: Spooled | bytes | None = None
    """The file itself, where it came inside the answer; bytes where it is small. It is in storage before what the
    answer says is believed."""
    facts: Facts | None = None


class Running(msgspec.Struct, frozen=True):
    """Still at work. `progress` in per cent where the upstream tells; `retry_after` in seconds where it asks.

    `preview`: a picture at a link of how far it is; None keeps the one that was told before.
    """

    progress: int | None = None
    started: bool = True
    """False while the job only waits in the upstream's queue."""
    retry_after: float | None = None
    preview: UpstreamOutput | None = None


class Succeeded(msgspec.Struct, frozen=True):
    """The job ended and this is what it made."""

    outputs: tuple[UpstreamOutput, ...]
    usage: Usage = Usage()
    facts: Facts | None = None
    """Of the job as a whole."""


class Finished(msgspec.Struct, frozen=True):
    """`submit` answered with the result at once."""

    result: Succeeded
    upstream_id: str | None = None


class Failed(msgspec.Struct, frozen=True):
    """The upstream itself says, in a readable answer, that the job failed."""

    error: TaskError


class Unreadable(msgspec.Struct, frozen=True):
    """No verdict: 5xx, HTML, an unknown status word, bad JSON, no answer. Never terminal; asked again later."""

    reason: str
    retry_after: float | None = None


class NotFound(msgspec.Struct, frozen=True):
    """The upstream readably says that it knows no such job."""


class Lost(msgspec.Struct, frozen=True):
    """The upstream surely has a job no more that it had accepted: it was started anew and keeps none, or says so.

    Only where the vendor's documents leave no doubt; anything less is NotFound, which ends nothing.
    """

    reason: str
    unbilled: bool = False
    """Nothing was and nothing will be billed for it, so that it may be sent again."""


class Found(msgspec.Struct, frozen=True):
    """`look_up` found the job that our handle names."""

    upstream_id: str
    outcome: Running | Succeeded | Failed


class Cancelled(msgspec.Struct, frozen=True):
    """The upstream stopped the job and will not bill it."""


class NotCancellable(msgspec.Struct, frozen=True):
    """The upstream cannot stop this job; it is settled when it ends."""


class Reported(msgspec.Struct, frozen=True):
    """What the account behind a channel has used, in the upstream's own units, by whatever it counts by (packs).

    A count goes on for as long as its name is there; it falls where the upstream gives back, or starts it anew.
    """

    used: Mapping[str, Decimal]


SubmitOutcome = Accepted | Finished | Refused | NeverSent | Unknown
PollOutcome = Running | Succeeded | Failed | Unreadable | NotFound | Lost
LookUpOutcome = Found | NotFound | Unreadable
CancelOutcome = Cancelled | NotCancellable | Unreadable
ReportOutcome = Reported | Unreadable

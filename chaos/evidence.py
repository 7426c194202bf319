"""What is known after a run. The journals of the upstreams and of the webhook receiver, what the clients were told, and
what our own reads say of it, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Literal

import msgspec

ENDED = frozenset({"succeeded", "failed", "cancelled"})


class Wish(msgspec.Struct, frozen=True):
    """What one client wants. `name` is its prompt, by which everything else is found again."""

    name: str
    form: str = "openai videos"
    """What it sends, by its name in `FORMS`."""
    account: str = "default"
    keyed: bool = True
    """It sends an `Idempotency-Key`."""
    external: bool = False
    """It sends a name of its own for the job, where the form has such a thing."""
    twice: bool = False
    """It sends the create twice, the second time before or after the first is answered."""
    cancel_after: float | None = None
    """Seconds after the answer at which it wants the job no more."""
    wrong: bool = False
    """The request is one that must be refused."""


class Answer(msgspec.Struct, frozen=True):
    """The last answer to a create. Status 0: nobody answered for as long as the client had patience."""

    status: int
    task: int | None = None
    """The task that it names, in whatever dialect."""
    final: bool = False
    """It said that sending the same again is of no use."""
    text: str = ""


class Job(msgspec.Struct, frozen=True):
    """One job that an upstream made, from its journal. Times are seconds by the machine's clock."""

    upstream: str
    status: Literal["good", "failed", "open"]
    made_at: float
    told_at: float | None = None
    """When a readable answer first told its end."""
    answered: bool = True
    """A readable answer to the create left the upstream, and somebody was there to read it."""
    file: str = ""
    """SHA-256 of what it made."""


class Task(msgspec.Struct, frozen=True):
    """One task as our own API shows it at the end. Times are seconds by the machine's clock."""

    id: int
    status: str
    created_at: float
    ended_at: float | None = None
    code: str | None = None
    """Of its error."""
    charged: Decimal = Decimal(0)
    files: tuple[str, ...] = ()
    """SHA-256 of each output as a client gets it; the HTTP status where it gets none."""


class Case(msgspec.Struct, frozen=True):
    """Everything about one wish."""

    wish: Wish
    answers: Sequence[Answer] = ()
    cancelled: str | None = None
    """What the client was told of its cancel: `cancelled`, `marked`, `requested_upstream` or `ended`."""
    asked: frozenset[str] = frozenset()
    """The upstreams that a create of it has reached."""
    jobs: Sequence[Job] = ()
    tasks: Sequence[Task] = ()
    heard: Sequence[str] = ()
    """The terminal words that the webhook receiver was told."""


class Account(msgspec.Struct, frozen=True):
    """What an account says of itself."""

    spent: Decimal = Decimal(0)
    held: Decimal = Decimal(0)


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """A whole run."""

    cases: Sequence[Case]
    accounts: dict[str, Account]
    strangers: Sequence[str] = ()
    """Tasks and jobs that no client asked for."""
    breaks: Sequence[float] = ()
    """When the server was killed or an upstream taken down, by the machine's clock."""
    happened: dict[str, int] = {}
    """How often each thing happened that a run has to survive."""
    ledger: str = ""
    """What `telecine ledger check` complained of."""

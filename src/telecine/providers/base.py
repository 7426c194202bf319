"""The seam between tasks and upstreams: its verbs, and the outcomes that they may have.

| verb | repeatable | answers |
|---|---|---|
| `prepare` | yes | bytes that `submit` needs, kept on the attempt; Refused or NeverSent |
| `submit` | no, exactly one request | Accepted, Finished, Refused, NeverSent or Unknown |
| `poll`, `look_up` | yes | Running, Succeeded, Failed, Unreadable or NotFound; `poll` also Lost |
| `poll_many` | yes | what `poll` would answer, for those of the jobs that a list tells of |
| `collect` | yes | the bytes of one output |
| `cancel` | yes | Cancelled, NotCancellable or Unreadable |
| `report` | yes | Reported or Unreadable |
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Final, Protocol, TypeVar, runtime_checkable
from urllib.parse import urlsplit, urlunsplit

import msgspec

from telecine.net.spool import Spool
from telecine.nouns.billed import Billed
from telecine.nouns.errors import GatewayError
from telecine.nouns.request import GenerationRequest, MediaInput, Role
from telecine.nouns.task import Facts
from telecine.nouns.workflow import Workflow
from telecine.providers.outcomes import (
    CancelOutcome,
    LookUpOutcome,
    NeverSent,
    PollOutcome,
    Refused,
    ReportOutcome,
    SubmitOutcome,
    Unreadable,
    UpstreamOutput,
)

Options = TypeVar("Options", bound=msgspec.Struct)
MOST_ID: Final = 512
"""Characters of an upstream's id; a longer one is none, and an answer with it cannot be read."""
MOST_LINK: Final = 8192
"""The same for a link."""


class Forms(msgspec.Struct, frozen=True):
    """In which of several forms an upstream is spoken to."""

    spoken: str | None
    """None: nobody knows, and the first is tried."""
    served: tuple[str, ...] = ()
    """Those that it surely serves, as far as it has been asked."""
    said: bool = False
    """Its channel says so; else it was found out."""
    sure: bool = True
    """All that was asked could be told."""


class Traits(msgspec.Struct, frozen=True):
    """What a provider declares about one operation with one model at its upstream; what it does not, nobody relies on.
    All times in seconds."""

    retention: float
    """How long the upstream knows a job and keeps its files."""
    look_up: bool = False
    """It can be asked about a job by the handle that we chose."""
    unique_handle: bool = False
    """It refuses a second job with the same handle, so that submitting again with it cannot pay twice."""
    cancel: bool = False
    visibility_lag: float = 30.0
    """How long an accepted job may stay invisible to `look_up`."""
    submit_timeout: float = 60.0
    deadline: float = 3600.0
    """How long a job usually takes at the very most; after that we ask more slowly."""
    prepares: bool = False
    """`prepare` does something, so that it needs a transaction of its own."""
    usual: float = 20.0
    """How long a job usually takes, until this process has seen a few end."""
    poll_floor: float = 2.0
    """The shortest spacing of polls that its upstream welcomes."""
    polls_free: bool = False
    """Asking costs nothing, so that even a short job is asked about several times while it runs."""
    synchronous: bool = False
    """`submit` answers when the job is done, which takes minutes: `submit_timeout` says how many. While it waits for
    that answer, it keeps no step from others."""
    url_only: bool | frozenset[Role] = False
    """It takes media, or those of some roles, as URLs alone. Files that clients send inline it has from us, and they
    are refused where it cannot reach this installation."""
    keeps: bool = False
    """Files of a client's library are uploaded there before the job, and need no address of ours."""
    grids: bool = False
    """All pictures of a grid are one job, which takes one slot."""
    listed: bool = False
    """One question, `poll_many`, can ask about many jobs of a channel."""

    def by_url(self, role: Role) -> bool:
        """Whether it takes what has this role as a URL alone."""
        return self.url_only is True or (self.url_only is not False and role in self.url_only)

    def prepared(self, request: GenerationRequest) -> bool:
        """Whether `prepare` does something for a request."""
        return self.prepares or (self.keeps and any(item.asset_id is not None for item in request.inputs))


class Telling(msgspec.Struct, frozen=True):
    """How an upstream tells what its account has used. Times in seconds."""

    lag: float
    """How late what `report` says may be."""
    retention: float
    """How long the upstream knows a job, at the most: no older one is in what it says."""


class Terms(msgspec.Struct, frozen=True):
    """What has to be known of a provider before there is one, and of its channels whatever the job."""

    free: bool = False
    """It bills nobody: a job of it costs nothing unless its channel says so, and needs no price."""
    remote: bool = True
    """Its channels have an address, and whatever name they are said to serve. What is made on this machine is made by
    what the catalogue knows, so that a glob there means every model of the catalogue."""
    credential: str = ""
    """What a channel has to have, as the end of a sentence; nothing: it may do without."""
    graphs: bool = False
    """It runs workflows whose graph is here, and nothing else, whatever its channels are said to serve."""
    keyless: bool = False
    """Its upstreams ask for no credential, unless somebody has put a proxy in front."""
    options: type[msgspec.Struct] | None = None
    """What its channels may say beside what all may: a frozen struct whose fields all have defaults, and which forbids
    others. None: nothing."""


@lru_cache(maxsize=1024)
def _address_of(base_url: str) -> str:
    parts = urlsplit(base_url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2])).rstrip("/")


class Channel(msgspec.Struct, frozen=True):
    """What a provider may know about the channel that it works for."""

    name: str
    base_url: str
    api_key: str | None = None
    access_key: str | None = None
    secret_key: str | None = None
    webhook_secret: str | None = None
    allow_private: bool = False
    """Files that this upstream links to may lie on private addresses."""
    options: msgspec.Struct | None = None
    """As the `Terms.options` of its provider has them, with their defaults."""

    def option(self, kind: type[Options]) -> Options:
        """Its options, or the defaults of `kind` where it has none of that kind."""
        return self.options if isinstance(self.options, kind) else kind()

    @property
    def address(self) -> str:
        """`base_url` without credentials in it: where jobs are known, whoever asks."""
        return _address_of(self.base_url)

    def __repr__(self) -> str:
        return f"Channel({self.name!r})"  # never the credentials


SOLE: Final = ""
"""In `Submission.named`, which no client can write: what a source that is named as a whole has made, where that is one
thing."""


class Source(msgspec.Struct, frozen=True):
    """What a submission follows up (remix, extend, …), as its channel knows it."""

    upstream_id: str | None
    """The job; None where the upstream never named it, or where nobody here knows it."""
    request: GenerationRequest | None = None
    """What it was made from, where it was a task of ours."""
    output_id: str | None = None
    """The output that is meant (a clip, a picture), or whatever else lives there (a voice, a session)."""
    model: str | None = None
    """The upstream's name of the model that it was made with, where it was a task of ours."""
    item: int | None = None
    """Which of the results of the job is meant, from 0 on; None where it is the whole."""
    facts: Facts | None = None
    """What its upstream said beside it, where it was a task of ours."""


class Uploaded(msgspec.Struct, frozen=True):
    """A file that an upstream keeps by an id of its own."""

    upstream_id: str
    expires_at: float | None = None
    """When the upstream deletes it (seconds since the Unix epoch); None for as long as its account is there."""


Put = Callable[[], Awaitable[Uploaded | Refused | NeverSent]]
"""Uploads one file. May be repeated, and raises as `Provider.prepare` does."""


class Uploads(Protocol):
    """What the upstream of a submission's channel calls the files that it keeps. Implemented by `tasks/`."""

    async def name_of(self, item: MediaInput, put: Put, place: str = "") -> str | Refused | NeverSent:
        """What the upstream calls the file; where it has it not yet, what came of `put`. `place`: which of several
        places of the upstream's it has to be in.

        A file of a library is uploaded once for all tasks of its account on the channel, until the upstream is about
        to delete it (or twice, where two processes meet it at the same moment); any other once for its task. Raises
        what `put` raises.
        """
        ...

    async def forget(self, item: MediaInput, place: str = "") -> None:
        """The upstream has the file no more, whatever it said: the next `name_of` uploads it anew."""
        ...


class EachAnew:
    """Where nothing is remembered."""

    async def name_of(self, item: MediaInput, put: Put, place: str = "") -> str | Refused | NeverSent:
        """What came of `put`."""
        made = await put()
        return made.upstream_id if isinstance(made, Uploaded) else made

    async def forget(self, item: MediaInput, place: str = "") -> None:
        """Nothing was kept."""


def _at_once() -> None:
    """Nothing has to be checked."""


class Submission(msgspec.Struct, frozen=True):
    """Everything that `prepare` and `submit` need."""

    request: GenerationRequest
    model: str
    """The upstream's name of the model."""
    handle: str
    callback_url: str | None
    prepared: bytes | None = None
    source: Source | None = None
    """For a request with a `source`, unless the upstream never named what that is."""
    named: Mapping[str, str] = {}
    """What else the request is made with and its client calls by our names, as the upstream calls it."""
    before_send: Callable[[], None] = _at_once
    """To be called right before the first byte of the one request goes out. What it raises, `submit` lets through:
    nothing may be sent then."""
    account_id: int = 0
    """Whose task it is: what a provider does on this machine is shared fairly among accounts."""
    spool: Spool | None = None
    """Where files go that come inside the answer."""
    uploads: Uploads = EachAnew()
    workflow: Workflow | None = None
    """What the request is a call of, with its graph as it is configured now, which is good for the request's values;
    None for all else, and for an app that only its upstream has."""


class Job(msgspec.Struct, frozen=True):
    """Everything that names a job to its upstream."""

    operation: str
    model: str
    handle: str
    upstream_id: str | None
    submitted_at: float
    spool: Spool | None = None
    """Where files go that come inside the answer."""


class MediaReader(Protocol):
    """How a provider gets at the media of a request. Implemented by `media/`."""

    async def as_url(self, item: MediaInput) -> str:
        """A URL at which the upstream can have the file without a key: the client's own; of a stored file, a signed
        one of ours that ends in some hours. Raises GatewayError where the file is gone, and `no_address`."""
        ...

    async def as_base64(self, item: MediaInput, limit: int) -> str:
        """The whole of a file of at most `limit` bytes, in base64. Raises GatewayError when it is larger or cannot be
        had, and telecine.net.client.FetchError when it cannot be had now."""
        ...

    async def as_upload(self, item: MediaInput, limit: int | None = None) -> Path:
        """A local copy of the file, of at most `limit` bytes, to be read only; it lives as long as the task's step.
        Raises as `as_base64` does."""
        ...


def no_address(role: Role) -> GatewayError:
    """For a file that came inline, where the upstream takes URLs alone and cannot reach this installation."""
    return GatewayError(
        "unsupported_parameter",
        f"This upstream takes the {role} only as a URL, and this installation has no address at which it could fetch "
        "the file. Send a URL; or the operator sets public_url.",
        param=f"inputs.{role}",
    )


@runtime_checkable
class Keeper(Protocol):
    """A provider that keeps something of its jobs on this machine."""

    async def forget(self, handles: Sequence[str]) -> None:
        """Delete all that is kept of these jobs; whoever asks about one later is told that there is none.

        Raises OSError.
        """
        ...


@runtime_checkable
class Formed(Protocol):
    """A provider whose upstreams are spoken to in one of several forms each."""

    async def forms(self, channel: Channel) -> Forms:
        """Ask the upstream anew which it serves, by questions that cost nothing.

        Raises telecine.net.client.FetchError where it cannot be reached.
        """
        ...


@runtime_checkable
class Lister(Protocol):
    """A provider some of whose upstreams tell which models they have."""

    async def models(self, channel: Channel) -> Sequence[str] | None:
        """Their names; None where this upstream is of a kind that does not tell. Raises as `Provider.ping` does."""
        ...


class Provider(Protocol):
    """One upstream service. Those that inherit it answer as stands here where a verb is none of theirs."""

    name: str
    terms: Terms
    speaks: frozenset[str] = frozenset()
    """The dialects that its upstream speaks: what nobody here knows of their requests passes through to it."""
    telling: Telling | None = None
    """None: this upstream does not tell what its account has used."""

    def traits_of(self, operation: str, model: str, channel: Channel | None = None) -> Traits:
        """What holds for `operation` with `model`, as the upstream calls that, on `channel`, whose options may change
        it; without one, on a channel that has none. Pure, and never raises."""
        ...

    async def open(self) -> None:
        """Called once before any other verb: what outlives a request (sockets, folders) begins here."""
        return

    async def close(self) -> None:
        """Called once after all other verbs. What `open` began ends here."""
        return

    def check(self, request: GenerationRequest, model: str, channel: Channel | None = None) -> Billed:
        """What the upstream will be asked for, as far as prices depend on it. Raises GatewayError
        (`unsupported_parameter`, `invalid_request`) where it cannot express `request`, on `channel` where that is
        named.

        Pure: the same take-or-refuse translation that `submit` uses, before anything is stored or sent.
        """
        ...

    async def prepare(
        self, channel: Channel, submission: Submission, media: MediaReader
    ) -> bytes | Refused | NeverSent | None:
        """Do what may be repeated before the job exists (uploads, face detection); None where nothing is needed.

        Refused or NeverSent where the upstream does not let that be done: there is no job then. Raises as `submit`.
        """
        return None

    async def submit(self, channel: Channel, submission: Submission, media: MediaReader) -> SubmitOutcome:
        """Send the one request that creates the job, `submission.before_send` right before it. Never raises for
        anything that the upstream does.

        Before anything is sent: raises GatewayError where the request or its media do not fit this upstream, and
        telecine.net.client.FetchError where a file of the request cannot be had now.
        """
        ...

    async def poll(self, channel: Channel, job: Job) -> PollOutcome:
        """Ask about a job by the upstream's id. Never raises for anything that the upstream does."""
        ...

    async def poll_many(self, channel: Channel, jobs: Sequence[Job]) -> Mapping[str, PollOutcome]:
        """Ask about many jobs at once; by handle, what is known of them now. Only called where `traits.listed` holds.

        A job that is left out has no verdict: whoever asked polls it alone. Never raises for what the upstream does.
        """
        return {}

    async def look_up(self, channel: Channel, job: Job) -> LookUpOutcome:
        """Ask about a job by the handle that we chose. Only called where `traits.look_up` holds."""
        ...

    def collect(self, channel: Channel, output: UpstreamOutput) -> AsyncIterator[bytes]:
        """The bytes of one output. Raises telecine.net.client.FetchError where they cannot be had now."""
        ...

    async def cancel(self, channel: Channel, job: Job) -> CancelOutcome:
        """Ask the upstream to stop a job. Only called where `traits.cancel` holds."""
        ...

    async def report(self, channel: Channel) -> ReportOutcome:
        """Ask what the account has used, at most once a second. Only called where `telling` is not None."""
        return Unreadable("this upstream does not tell what an account has used")

    async def ping(self, channel: Channel) -> str:
        """Ask the upstream something that costs nothing; a short text for the operator.

        Raises GatewayError (`authentication`, …) or telecine.net.client.FetchError where it does not work.
        """
        ...

    def read_callback(self, channel: Channel, headers: Mapping[str, str], body: bytes) -> bool:
        """Whether a callback is genuine, as far as the vendor lets us tell. Its content is never believed."""
        return False

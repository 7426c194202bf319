"""What a vendor states, so that the machine can speak to it.

A `Vendor` is one upstream service, an `Op` one operation of it. Most of both is facts: paths, fields, words, codes. A
function stands where facts do not do, and is pure.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, Literal

import msgspec

from telecine.clock import Clock
from telecine.net.spool import Spooled
from telecine.nouns.billed import Billed
from telecine.providers.base import Channel, Telling, Terms, Traits
from telecine.providers.complaint import Complaint
from telecine.providers.http.credentials import Sign, bearer
from telecine.providers.http.getters import Getter
from telecine.providers.outcomes import Succeeded
from telecine.providers.refusal import WORDS, Words
from telecine.providers.take import Take

if TYPE_CHECKING:
    from telecine.nouns.request import GenerationRequest, MediaInput
    from telecine.providers.http.body import Draft

Write = Callable[[Any, Take], Any]
"""From a neutral value to the one on the wire; None leaves the field out. Raises GatewayError."""


class Field(msgspec.Struct, frozen=True):
    """How one neutral field is written."""

    name: str
    """On the wire."""
    write: Write | None = None
    """None: as it is. Of inputs nothing is written here: an `Op.shape` does."""


def later(_value: Any, _take: Take) -> None:
    """Nothing: an `Op.shape` writes it."""


class Picture(msgspec.Struct, frozen=True):
    """A field that holds one input: a stored one as `Vendor.inline` says in JSON, as a file in a form; a URL as it
    is."""

    name: str
    what: str = "picture"
    """How a client would call it."""


Fields = Mapping[str, str | Field | Picture]
"""By neutral name: `prompt`, `parameters.title`, `inputs.first_frame|image`, `source`."""


class Line(msgspec.Struct, frozen=True):
    """One of the fields of an operation, looked at once so that no request need do so."""

    neutral: tuple[str, ...]
    name: str
    attribute: str
    """Of the request, or of its parameters."""
    parameter: bool
    roles: tuple[Any, ...]
    """Of inputs; none where it is about something else."""
    picture: Picture | None
    write: Write | None

    @classmethod
    def of(cls, neutral: str, field: str | Field | Picture) -> Line:
        """The line for a field by its neutral name."""
        room, _, inner = neutral.partition(".")
        roles = tuple(inner.split("|")) if room == "inputs" else ()
        return cls(
            neutral=tuple(f"inputs.{role}" for role in roles) or (neutral,),
            name=field if isinstance(field, str) else field.name,
            attribute=inner or neutral,
            parameter=room == "parameters",
            roles=roles,
            picture=field if isinstance(field, Picture) else None,
            write=field.write if isinstance(field, Field) else None,
        )


class Op(msgspec.Struct, frozen=True, kw_only=True):
    """One operation.

    `fields` is what it takes, and the field that says it on the wire. Whatever else is set is refused by name.
    """

    create: str
    """`POST` and a path; `{model}`, and `{source}` (the job that is followed up) are filled in."""
    poll: str = ""
    """`GET` and a path with the job's `{id}`; nothing: below the path of the create."""
    look_up: str = ""
    """The same with our handle as `{id}`, where that is another path."""
    results: str = ""
    """The same, where what a job has made is asked for when its poll says that it is done: the fields of the job in
    that answer count beside those of the poll."""
    stops: Sequence[str] = ()
    """Method and path, with the job's `{id}`, of each way to stop a job (one that waits, one that runs); all are asked,
    in this order. What has become of the job says its next poll."""
    fields: Fields
    needs: Sequence[str] = ()
    """Fields of `fields` that have to be there, and not blank."""
    shape: Callable[[Draft], None] | None = None
    """Writes what `fields` cannot. Raises GatewayError."""
    ours: AbstractSet[str] = frozenset()
    """Fields that `shape` writes."""
    billed: Callable[[Draft], Billed]
    """What the body comes to, with the vendor's defaults."""
    traits: Traits | None = None
    """Where they are not the vendor's."""
    adjusted: Callable[[Traits, Channel], Traits] = lambda traits, _channel: traits
    """Its traits, as a channel's options change them."""
    form: bool = False
    """Its body is a form, and not JSON."""
    uploads: bool = False
    """In its form, pictures are files, also those that a client has given as a URL."""
    answer: Callable[[Told], Succeeded | str] | None = None
    """Where the job is done when its create is answered, and cannot be asked about: what that answer says that it has
    made, or why it cannot be told. None: the answer names a job."""
    whole: Callable[[Told], Succeeded | str] | None = None
    """Where the answer to its create may be the result itself, and name no job: the same of such an answer."""
    unlike: Mapping[str, Any] = {}
    """The vendor's facts that are others for its jobs, by their names: `outputs`, `status` …"""
    plain: Callable[[bytes], bytes] | None = None
    """The JSON in the answer to its create, where that is something else: a stream of events."""
    many: Many | None = None
    """How many jobs are asked about at once."""
    search: Many | None = None
    """Where no question takes our handle: a list among whose jobs is the one that has it (`Vendor.handled`). That there
    is no such list is no job there."""
    shelf: Shelf | None = None
    """Where files of a client's library are uploaded to before the create, where they are."""
    before: Before | None = None
    """What has to be asked before the create, where anything has."""
    other: Callable[[str], Op | None] = lambda _model: None
    """What it is with a model, as the upstream calls that, where that is something else."""
    ways: Sequence[Op] = ()
    """Other paths at which the upstream makes it with the same models. What a job is named by does not tell at which of
    them it was made, so that it is looked for at each; the handle counts at all of them."""
    suits: Callable[[GenerationRequest, str], bool] = lambda _request, _model: False
    """Of such a way: whether it is the one for a request with a model."""
    lines: tuple[Line, ...] = ()
    """What `fields` come to; made here."""
    takes: frozenset[str] = frozenset()
    """The neutral names in `fields`, one by one; made here."""

    def __post_init__(self) -> None:
        lines = tuple(Line.of(neutral, field) for neutral, field in self.fields.items())
        msgspec.structs.force_setattr(self, "lines", lines)
        msgspec.structs.force_setattr(self, "takes", frozenset(name for line in lines for name in line.neutral))


class Many(msgspec.Struct, frozen=True, kw_only=True):
    """One question about many jobs: by their ids, or a list of whatever there is, the newest first. An answer that is
    no object but a list stands in one, as its `data`."""

    ask: str
    """Method and path; of a question about ids in its path, with `{ids}`; of a list, with `{size}` and `{page}`."""
    id: Getter
    """In a job of the answer: its id."""
    items: Callable[[Any], Sequence[Any]]
    """The jobs in an answer, as far as it tells all of them that a poll would."""
    most: int
    """Jobs in one question."""
    body: Callable[[list[str]], Any] | None = None
    """The question about these ids; None: they are in the path, or it is a list."""
    turn: Callable[[Any, int, int], str] = lambda _said, _page, _size: ""
    """What `{page}` becomes after an answer, the so-many-th, of so many lines; nothing: it was the last."""


class Before(msgspec.Struct, frozen=True, kw_only=True):
    """A question before the create, whose answer the create names. It may be repeated: whatever it makes is billed to
    nobody."""

    question: Callable[[Draft, str], tuple[str, Any] | None]
    """Method and path, and the body, with our handle; None where nothing has to be asked."""
    made: Getter
    """In a good answer: what the create names; where there is nothing, the question was refused."""
    field: str
    """Of the create, for that."""


class Shelf(msgspec.Struct, frozen=True, kw_only=True):
    """Where the upstream keeps files that jobs may name, so that one of a client's library is uploaded there once."""

    put: str
    """Method and path of an upload: JSON with a link to the file or, where the upstream could not reach us, a form with
    the file and the same fields."""
    said: Callable[[MediaInput, str, Channel], Mapping[str, str]]
    """What an upload says of a file, for jobs of a model as the upstream calls that."""
    link: str
    """The field for the link."""
    file: str
    """The part of the form with the file."""
    most: int
    """Bytes of one file in a form."""
    made: Getter
    """The file's id in the answer to an upload."""
    ask: str
    """Method and path of the question about one."""
    asked: Callable[[str], Any]
    """Its body, with the id."""
    told: Getter
    """The file in a good answer to it."""
    status: Status
    """Of that: a file is good once it is `done`."""
    reason: Getter
    """Of that: why it is not."""
    name: str
    """What a job calls it, with its `{id}`."""
    place: Callable[[str], str] = lambda _model: ""
    """Of a model, as the upstream calls that: which of several places its files have to be in."""
    wanted: Callable[[Channel], bool] = lambda _channel: True


class Status(msgspec.Struct, frozen=True):
    """Where the status of a job stands, and the vendor's words for it. Any other word is no verdict."""

    of: Getter
    queued: AbstractSet[str]
    running: AbstractSet[str]
    done: AbstractSet[str]
    failed: AbstractSet[str]


class Objection(msgspec.Struct, frozen=True):
    """What an answer is like that objects to a question: its HTTP status (0: any), one of its words, its text."""

    status: int
    words: AbstractSet[str] = frozenset()
    says: Sequence[re.Pattern[str]] = ()
    """All of them."""

    def fits(self, status: int, said: Complaint) -> bool:
        """Whether an answer with this status and complaint is like that."""
        return (
            self.status in (0, status)
            and (not self.words or not self.words.isdisjoint(said.words))
            and all(one.search(said.message) for one in self.says)
        )


class HttpOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a channel of any vendor may say."""

    lists: bool = True
    """Ask about many jobs at once, where the vendor has lists."""


class Told(msgspec.Struct, frozen=True):
    """A job as its upstream tells it, and what is needed to understand that."""

    job: Any
    name: str
    """Its id there."""
    channel: Channel
    root: str
    now: float
    """Seconds since the Unix epoch."""
    files: Mapping[str, Spooled] = {}
    """What came inside the answer, for `telecine.net.inlined.content_of`."""


class Account(msgspec.Struct, frozen=True):
    """How the upstream is asked what the account has used."""

    ask: Callable[[float], str]
    """The path, at a time in seconds since the Unix epoch."""
    used: Callable[[Any], Mapping[str, Decimal] | str]
    """What a good answer says, by whatever the upstream counts by, or why that cannot be told."""
    telling: Telling


def strip(suffix: str) -> Callable[[Channel], str]:
    """The base URL without a suffix that operators write or leave out."""
    return lambda channel: channel.base_url.rstrip("/").removesuffix(suffix).rstrip("/")


def _itself(told: Any) -> Any:
    return told


def _always(_told: Any) -> bool:
    return True


def _never(_channel: Channel, _headers: Mapping[str, str], _body: bytes, _now: float) -> bool:
    return False


class Vendor(msgspec.Struct, frozen=True, kw_only=True):
    """One upstream service. Getters look at the decoded answer, or at the job in it where they say so."""

    name: str
    title: str
    """As errors call it."""
    speaks: frozenset[str]
    ops: Mapping[str, Op]
    traits: Traits
    models: re.Pattern[str] | None = None
    """Of a later generation: the names, as the upstream has them, of the models that are spoken to in its wire."""
    later: tuple[Vendor, ...] = ()
    """Further generations of the wire at the same addresses, each for its `models`: with the same channels, and with
    files, account and callbacks as this one says."""
    credential: str = ""
    """What a channel has to have (`Terms`)."""
    options: type[HttpOptions] = HttpOptions
    """What its channels may say."""
    root: Callable[[Channel], str] = strip("/")
    """What paths are appended to."""
    spelt: Callable[[Channel, str], str] = lambda _channel, path: path
    """A path as it is at this channel, where a vendor has sites whose paths differ."""
    auth: Callable[[Clock], Sign] = bearer
    forms: Mapping[str, Vendor] = {}
    """Where its upstreams speak in several ways, each as a table of its own, those first that are to be preferred.
    This table is none of them then, and says what holds for all."""
    form: Callable[[Channel], str | None] = lambda _channel: None
    """Which of them a channel says; None: its upstream is asked."""
    sign: str = ""
    """Of such a form: the path of a question about a job that nobody has, `{id}`, which only an upstream that serves
    this form answers otherwise than it does one about any path. Nothing: it is served where no other is."""

    billed: AbstractSet[str]
    """Fields that change the price: never passed through."""
    free: frozenset[str] = frozenset()
    """Fields of a request of which this table's functions ask no more than whether they say anything, so that what a
    check came to holds for all requests that differ in nothing else."""
    objects: AbstractSet[str] = frozenset()
    """Of a body in JSON: the objects in it that hold fields, whose names are then `settings.duration`."""
    handle: str = ""
    """The field that our handle is written into."""
    handle_header: str = ""
    """The same as a header."""
    callback: str = ""
    """The field that our address for callbacks is written into."""
    headers: Callable[[Channel, str | None], Mapping[str, str]] = lambda _channel, _callback: {}
    """Those of a create that say how it is to be answered; with our address for callbacks, where there is one."""
    inline: Literal["base64", "data"] = "base64"
    """How a stored picture stands in JSON: its base64 alone, or as a `data:` URL."""
    library: bool = False
    """Its upstream knows files as `asset://`, those too that other accounts have put there through us: a field that
    nobody here knows may name none."""
    takes_links: bool = True
    """A picture that its client has given as a URL may stay one; else it is sent as a stored one is."""
    most_media: int = 0
    """Bytes of one picture in JSON, before base64; of all together in a form."""

    fine: Callable[[Any], bool] = _always
    """Whether an answer with status 2xx says that all is well."""
    made: Getter
    """The id of the job, in the answer to a create."""
    there: Sequence[Objection] = ()
    """What a create is answered where a job has our handle: one that we made, for nobody else uses our handles."""
    words: Words = msgspec.field(default_factory=lambda: WORDS)
    """What the words of a refusal mean."""
    at_once: Callable[[Any], bool] | None = None
    """Whether the job in the answer to a create is done already."""

    bare: bool = False
    """The answer to a poll may be a list, which then stands in an object, as its `data`."""
    job: Getter = _itself
    """The job, in the answer to a poll."""
    id: Getter | None = None
    """In a job: its id; None where nobody need look."""
    handled: Getter | None = None
    """In a job: our handle."""
    status: Status
    progress: Getter | None = None
    """In a job: per cent, as a number or as text."""
    preview: Getter | None = None
    """In a job that runs: the URL of a picture of how far it is."""
    reasons: Sequence[Getter] = ()
    """In a job: why it failed, in whatever shape."""
    policy: re.Pattern[str] | None = None
    """Texts of reasons and refusals that are about what may not be shown, besides what all vendors' texts are."""
    blocked: Callable[[Any], bool] | None = None
    """Whether a failed job was stopped by a moderation, which may give no reason."""
    outputs: Callable[[Told], Succeeded | str]
    """What a job that is done has made, or why that cannot be told."""
    missing: Sequence[Objection] = ()
    """What a question about a job is answered where there is no such job."""
    absent: Callable[[Any], bool] = lambda _said: False
    """Whether a good answer to such a question says that there is none."""

    content: str = ""
    """`GET` and the path of a file that is had with our key alone, with the job's `{id}`."""
    link: Getter | None = None
    """The file's URL in JSON that came in the place of the file."""
    ping: str
    """A path whose answer costs nothing."""
    ping_body: Any = None
    """What is posted there; None: it is read."""
    pinged: Callable[[Any], str] = lambda _said: ""
    """What the operator is told of a good answer to that, behind its HTTP status."""
    listed: Getter | None = None
    """In a good answer to `ping`: the names of the models that there are; None where it says no such thing."""
    known: Sequence[Objection] = ()
    """What only somebody is answered whom the upstream knows: as good as a good answer to `ping`."""
    genuine: Callable[[Channel, Mapping[str, str], bytes, float], bool] = _never
    """Whether a callback is; header names in lower case, and the time in seconds since the Unix epoch."""
    account: Account | None = None

    def generation(self, model: str) -> Vendor:
        """The one that speaks of this model, as the upstream calls that."""
        return next((one for one in self.later if one.models and one.models.fullmatch(model)), self)

    def op(self, operation: str, model: str) -> Op | None:
        """What an operation with a model is in this generation."""
        op = self.ops.get(operation)
        return op and (op.other(model) or op)

    def making(self, op: Op) -> Vendor:
        """The same, as it is of the jobs of `op`."""
        return msgspec.structs.replace(self, **op.unlike) if op.unlike else self

    @property
    def terms(self) -> Terms:
        """What has to be known before there is a provider."""
        return Terms(credential=self.credential, options=self.options)


BEHIND: Final = "content:"
"""Before the id of a job whose file is behind `Vendor.content`: no URL, so that no client is ever shown one of ours."""

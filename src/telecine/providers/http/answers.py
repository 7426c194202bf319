"""From an upstream's answers to outcomes: the HTTP status first, then the envelope, then the word.

Nothing is guessed.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from telecine.net.client import Reply
from telecine.nouns.errors import ErrorCode, GatewayError, TaskError
from telecine.nouns.operations import Kind
from telecine.nouns.text import handy
from telecine.providers.base import MOST_ID, MOST_LINK, Channel
from telecine.providers.complaint import Complaint, complaint_in, complaint_of, text
from telecine.providers.http.body import params
from telecine.providers.http.facts import Account, Objection, Op, Told, Vendor
from telecine.providers.http.getters import Getter
from telecine.providers.outcomes import (
    Accepted,
    Failed,
    Finished,
    Found,
    LookUpOutcome,
    NotFound,
    Refused,
    Reported,
    ReportOutcome,
    Running,
    SubmitOutcome,
    Succeeded,
    Unknown,
    Unreadable,
    UpstreamOutput,
)
from telecine.providers.refusal import BETWEEN, POLICY, THEIR_ACCOUNT, about_policy, asked, refusal
from telecine.providers.scrub import scrubbed

Verdict = Running | Succeeded | Failed
_MOST_NUMBER: Final = 2**64
"""Ids that are numbers stay below it."""
_MILLISECONDS: Final = 1e11
"""A time of this many seconds is none: it was counted in milliseconds."""


def submitted(vendor: Vendor, op: Op, reply: Reply, channel: Channel, now: float) -> SubmitOutcome:
    """What became of a create."""
    said = decoded(reply.body) if 200 <= reply.status < 300 else None
    whole = op.answer or op.whole
    name = named(vendor.made(said)) if said is not None and op.answer is None else None
    if name is not None and not vendor.fine(said):
        return Unknown(f"HTTP {reply.status} with an error beside the id of a job")
    told = Told(said, name or "", channel, vendor.root(channel), now, reply.files)
    if name is not None:
        return _made(vendor, replace(told, job=vendor.job(said)))
    # One that tells of no result may have been billed all the same.
    result = whole(told) if whole is not None and said is not None and vendor.fine(said) else ""
    if isinstance(result, Succeeded):
        return Finished(result)
    if _objects(reply, vendor.there):
        return Unknown("a job with this handle already exists")
    outcome = refused(vendor, reply, channel)
    if isinstance(outcome, Refused) and outcome.spared and "{source}" in op.create:
        return replace(outcome, elsewhere=False)  # what follows up keeps to its channel: it is its source that is gone
    return outcome


def refused(vendor: Vendor, reply: Reply, channel: Channel) -> Refused | Unknown:
    """What an answer means that names no job."""
    return refusal(reply, channel, words=vendor.words, params=params(vendor), policy=vendor.policy)


def _made(vendor: Vendor, told: Told) -> SubmitOutcome:
    if vendor.at_once is not None and vendor.at_once(told.job):
        result = vendor.outputs(told)
        if isinstance(result, Succeeded):
            return Finished(result, told.name)
    return Accepted(told.name)


def polled(
    vendor: Vendor,
    reply: Reply,
    channel: Channel,
    *,
    name: str,
    handle: str,
    now: float,
    more: Reply | None = None,
) -> LookUpOutcome:
    """What a query about `name` says, which may be our handle; `more` is what was answered about its results."""
    wait, good = asked(reply), 200 <= reply.status < 300
    said = _read(vendor, reply) if good else None
    if _gone(vendor, reply, said):
        return NotFound()
    if not good:
        unread = "" if complaint_of(reply.body) else " with a body that cannot be read"
        return Unreadable(f"HTTP {reply.status}{unread}", wait)
    if said is None or not vendor.fine(said):
        return Unreadable(f"HTTP {reply.status} with a body that says nothing clear", wait)
    job = vendor.job(said)
    found, made = name if vendor.id is None else named(vendor.id(job)), {} if more is None else _job(vendor, more)
    if found is None or not isinstance(job, dict) or made is None:
        return Unreadable("an answer without a job", wait)
    if found != name and not (name == handle and _ours(vendor, job, handle)):
        return Unreadable("an answer about another job", wait)
    outcome = judged(vendor, Told({**job, **made}, found, channel, vendor.root(channel), now, reply.files), wait)
    return outcome if isinstance(outcome, Unreadable) else Found(found, outcome)


def _gone(vendor: Vendor, reply: Reply, said: dict[str, Any] | None) -> bool:
    """Whether an answer says that there is no such job: an objection, or a good answer without one."""
    if said is None or not vendor.fine(said):
        return not 200 <= reply.status < 300 and _objects(reply, vendor.missing)
    return vendor.absent(said)


def _job(vendor: Vendor, reply: Reply) -> dict[str, Any] | None:
    """The job in a good answer."""
    said = _read(vendor, reply) if 200 <= reply.status < 300 else None
    job = vendor.job(said) if said is not None and vendor.fine(said) else None
    return job if isinstance(job, dict) else None


def _read(vendor: Vendor, reply: Reply) -> dict[str, Any] | None:
    return listing(reply.body) if vendor.bare else decoded(reply.body)


def done(vendor: Vendor, reply: Reply) -> bool:
    """Whether a job is told to be done."""
    job = _job(vendor, reply)
    return job is not None and text(vendor.status.of(job)) in vendor.status.done


def stopping_refused(reply: Reply) -> bool:
    """Whether an upstream readably says that it will not stop a job, or has no such path."""
    told = complaint_of(reply.body)
    said_no = told is not None and (400 <= reply.status < 500 or (reply.status < 300 and told.failed))
    return reply.status in (404, 405) or (said_no and reply.status not in {*BETWEEN, 429})


def _objects(reply: Reply, objections: Sequence[Objection]) -> bool:
    said = complaint_of(reply.body) if objections else None
    return said is not None and any(one.fits(reply.status, said) for one in objections)


def _ours(vendor: Vendor, job: Any, handle: str) -> bool:
    """Whether the job may have our handle: it says so, or it says none."""
    return vendor.handled is not None and vendor.handled(job) in (None, "", handle)


def judged(vendor: Vendor, told: Told, wait: float | None = None) -> Verdict | Unreadable:
    """What a job's own word says."""
    status, said = vendor.status, vendor.status.of(told.job)
    now = text(said)
    if not now:
        return Unreadable("an answer without a status", wait)
    if now in status.running or now in status.queued:
        progress = percent(vendor.progress(told.job)) if vendor.progress else None
        seen = link(vendor.preview(told.job)) if vendor.preview and now in status.running else None
        preview = UpstreamOutput(seen, "image") if seen is not None else None
        return Running(progress, now in status.running, wait, preview)
    if now in status.done:
        made = vendor.outputs(told)
        return Unreadable(made, wait) if isinstance(made, str) else made
    if now in status.failed:
        return Failed(_failure(vendor, told, now))
    return Unreadable(f"an unknown status '{scrubbed(text(said), told.channel)[:40]}'", wait)


def _failure(vendor: Vendor, told: Told, status: str) -> TaskError:
    reasons = [one for one in (complaint_in(find(told.job)) for find in vendor.reasons) if one is not None]
    said = next((one for one in (scrubbed(reason.message, told.channel) for reason in reasons) if one), "")
    blocked = vendor.blocked is not None and vendor.blocked(told.job)
    policy = any(vendor.words.get(one) is POLICY for reason in reasons for one in reason.words)
    if blocked or policy or about_policy(said) or (vendor.policy is not None and vendor.policy.search(said)):
        return TaskError("content_policy", said or "The upstream's moderation stopped the job.")
    cancelled = "The upstream cancelled the job." if status.startswith("cancel") else "The upstream gave no reason."
    return TaskError("upstream_failed", said or cancelled)


def pinged(vendor: Vendor, reply: Reply, channel: Channel) -> str:
    """What an answer to `Vendor.ping` says about the channel. Raises GatewayError where the channel does not work."""
    said, told, status = listing(reply.body), complaint_of(reply.body), reply.status
    fine = 200 <= status < 300 and said is not None and vendor.fine(said) and not (told and told.failed)
    if said is not None and (fine or _objects(reply, vendor.known)):
        return f"HTTP {status}{scrubbed(vendor.pinged(said), channel)}"
    if told is None:
        if status not in (401, 403) or reply.body.lstrip().startswith(b"<"):  # some page of something in between
            raise GatewayError("upstream_failed", f"HTTP {status}: not readable")
        told = Complaint()
    theirs = status in (401, 403) or any(vendor.words.get(one) is THEIR_ACCOUNT for one in told.words)
    code: ErrorCode = "upstream_failed" if not theirs else "authentication" if status == 401 else "permission"
    words = f" ({told.words[0]})" if told.words else ""
    raise GatewayError(code, f"HTTP {status}: {scrubbed(told.message + words, channel) or 'no reason given'}")


def reported(vendor: Vendor, account: Account, reply: Reply) -> ReportOutcome:
    """What an answer says that the account has used."""
    said = decoded(reply.body)
    if said is None or not 200 <= reply.status < 300 or not vendor.fine(said):
        told = "a body that cannot be read" if said is None else f"code {said.get('code')}"
        return Unreadable(f"HTTP {reply.status} with {told[:40]}", reply.retry_after)
    used = account.used(said)
    return Unreadable(used, reply.retry_after) if isinstance(used, str) else Reported(used)


def decoded(body: bytes | msgspec.Raw) -> dict[str, Any] | None:
    """The JSON object in `body`; None where it is none."""
    try:
        return _OBJECT.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):  # ValidationError is a DecodeError
        return None


def listing(body: bytes | msgspec.Raw) -> dict[str, Any] | None:
    """The same, where a list stands for an object with that as its `data`."""
    try:
        found = _LISTING.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return found if isinstance(found, dict) else {"data": found}


_OBJECT: Final = msgspec.json.Decoder(dict[str, Any])
_LISTING: Final = msgspec.json.Decoder(dict[str, Any] | list[Any])


def named(value: object) -> str | None:
    """An id that can be kept: a text, or a number as one."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    name = str(value) if isinstance(value, str) or abs(value) < _MOST_NUMBER else ""
    return name if handy(name, MOST_ID) else None


def total(items: Iterable[Any], of: Getter) -> float | None:
    """The sum of what `of` finds in `items`; None where it is not told of all of them."""
    numbers = [number(of(one)) for one in items]
    return None if None in numbers else sum(one or 0.0 for one in numbers)


def link(value: object) -> str | None:
    """A link that can be kept."""
    good = isinstance(value, str) and value.startswith(("https://", "http://")) and handy(value, MOST_LINK)
    return value if good and isinstance(value, str) else None


def file(value: object, kind: Kind, name: object, expires_at: float | None, **more: Any) -> UpstreamOutput | None:
    """The output at a link; None where there is none that can be kept."""
    url = link(value)
    return None if url is None else UpstreamOutput(url, kind, named(name), expires_at, **more)


def number(value: object) -> float | None:
    """A finite number, also where it is written as text."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return None
    return found if math.isfinite(found) else None


def seconds_since_epoch(value: object) -> float | None:
    """A time, which some relays count in milliseconds."""
    found = number(value)
    return found / 1000 if found is not None and found > _MILLISECONDS else found


def percent(value: object) -> int | None:
    """A progress as a number, or as text with a sign behind it (`76%`)."""
    found = number(value.strip().rstrip("%") if isinstance(value, str) else value)
    return None if found is None else max(0, min(100, round(found)))

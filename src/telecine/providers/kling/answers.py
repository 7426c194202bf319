"""From Kling's answers to outcomes: the HTTP status first, then the body, and nothing guessed."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Final, TypeVar

import msgspec

from telecine.net.client import Reply
from telecine.nouns.errors import ErrorCode, GatewayError, TaskError
from telecine.nouns.money import MOST_UNITS
from telecine.nouns.task import Usage
from telecine.nouns.text import handy
from telecine.providers.base import (
    MOST_ID,
    MOST_LINK,
    Accepted,
    Channel,
    Failed,
    NotFound,
    Reported,
    Running,
    SubmitOutcome,
    Succeeded,
    Unknown,
    Unreadable,
    UpstreamOutput,
)
from telecine.providers.complaint import Complaint, complaint_of, text
from telecine.providers.kling.words import PARAMS, VERDICTS
from telecine.providers.refusal import refusal
from telecine.providers.scrub import scrubbed
from telecine.wires.kling import RETENTION, Costs, Created, Envelope, TaskData, Video

_Wire = TypeVar("_Wire")
_POLICY: Final = re.compile(r"risk control|content|sensitive|policy|审核|违规|风控|敏感", re.IGNORECASE)
_NO_TASK: Final = re.compile(r"not\s+(be\s+)?found|not\s+exist|不存在|找不到", re.IGNORECASE)
_HANDLE: Final = re.compile(r"external[\s_]*task[\s_]*id", re.IGNORECASE)
_TWICE: Final = re.compile(r"exist|duplicate|unique|已存在|重复", re.IGNORECASE)


def submitted(reply: Reply, channel: Channel) -> SubmitOutcome:
    """What became of a create."""
    envelope = _decoded(reply.body, Envelope)
    if envelope is not None and 200 <= reply.status < 300:
        created = _decoded(envelope.data, Created)
        named = created is not None and handy(created.task_id, MOST_ID)
        if envelope.code == 0:
            return Accepted(created.task_id) if created and named else Unknown("accepted without a task id")
        if named:
            return Unknown(f"code {envelope.code} beside the id of a job")
    said = complaint_of(reply.body)
    if said is not None and _is_there(said):
        return Unknown("a job with this handle already exists")
    return refusal(reply, channel, words=VERDICTS, params=PARAMS)


def _is_there(said: Complaint) -> bool:
    """Whether the handle was refused because a job has it: one that we made, for nobody else uses our handles."""
    if not _HANDLE.search(said.message):
        return False
    return not {"1200", "1201"}.isdisjoint(said.words) or _TWICE.search(said.message) is not None


def polled(
    reply: Reply, channel: Channel, now: float
) -> tuple[TaskData, Running | Succeeded | Failed] | Unreadable | NotFound:
    """What a query says about a job, with the job as Kling names it."""
    envelope = _decoded(reply.body, Envelope)
    if envelope is None:
        return Unreadable(f"HTTP {reply.status} with a body that cannot be read", reply.retry_after)
    if not 200 <= reply.status < 300 or envelope.code != 0:
        known_absent = (reply.status, envelope.code) == (404, 1203) or (
            (reply.status, envelope.code) == (400, 1201) and _NO_TASK.search(text(envelope.message))
        )
        return NotFound() if known_absent else _odd(reply, f"HTTP {reply.status} with code {envelope.code}")
    data = _decoded(envelope.data, TaskData)
    if data is None or not handy(data.task_id, MOST_ID):
        return _odd(reply, "an answer without a task")
    outcome = _judged(data, channel, now)
    return _odd(reply, outcome) if isinstance(outcome, str) else (data, outcome)


def reported(reply: Reply) -> Reported | Unreadable:
    """What the account's resource packs say."""
    envelope = _decoded(reply.body, Envelope)
    if envelope is None:
        return _odd(reply, f"HTTP {reply.status} with a body that cannot be read")
    if not 200 <= reply.status < 300 or envelope.code != 0:
        return _odd(reply, f"HTTP {reply.status} with code {envelope.code}")
    costs = _decoded(envelope.data, Costs)
    used = "an answer without resource packs" if costs is None or costs.code != 0 else _used(costs)
    return _odd(reply, used) if isinstance(used, str) else Reported(used)


def _used(costs: Costs) -> dict[str, Decimal] | str:
    """Total less remaining, by the id of each pack, or why there is none.

    What is left of a pack is void when it expires: an expired one could look as if it had been used up.
    """
    packs = [pack for pack in costs.resource_pack_subscribe_infos if pack.status != "expired"]
    if not packs:
        return "an account without a resource pack"
    quantities = [one for pack in packs for one in (pack.total_quantity, pack.remaining_quantity)]
    if not all(one.is_finite() and abs(one) <= MOST_UNITS for one in quantities):
        return "a resource pack without a plausible quantity"
    used = {pack.resource_pack_id: pack.total_quantity - pack.remaining_quantity for pack in packs}
    if len(used) < len(packs) or min(used.values()) < 0:
        return "resource packs that cannot be told apart, or with more left than they had"
    return used


def pinged(reply: Reply, channel: Channel) -> str:
    """What an answer says about the channel itself. Raises GatewayError where it does not work.

    A relay need not know every path: an objection to the request still says that the credential is good.
    """
    envelope = _decoded(reply.body, Envelope)
    if envelope is None:
        raise GatewayError("upstream_failed", f"HTTP {reply.status} with a body that is not Kling's.")
    said = f"HTTP {reply.status}, code {envelope.code}: {scrubbed(envelope.message or '', channel)}"
    if envelope.code in (0, 1200, 1201, 1202, 1203):
        return said
    verdict = VERDICTS.get(str(envelope.code))
    refused = verdict is not None and verdict.code == "upstream_refused"
    code: ErrorCode = "authentication" if envelope.code < 1100 else "permission"
    raise GatewayError(code if refused else "upstream_failed", said)


def _odd(reply: Reply, reason: str) -> Unreadable:
    return Unreadable(reason, reply.retry_after)


def _judged(data: TaskData, channel: Channel, now: float) -> Running | Succeeded | Failed | str:
    """The outcome, or why there is none."""
    match data.task_status:
        case "submitted":
            return Running(started=False)
        case "processing":
            return Running()
        case "succeed":
            return _succeeded(data, now)
        case "failed":
            said = text(data.task_status_msg)
            code: ErrorCode = "content_policy" if _POLICY.search(said) else "upstream_failed"
            return Failed(TaskError(code, scrubbed(said, channel) or "The upstream gave no reason."))
    return f"an unknown status '{scrubbed(data.task_status, channel)[:40]}'"


def _succeeded(data: TaskData, now: float) -> Succeeded | str:
    videos = (data.task_result.videos if data.task_result else None) or []
    outputs = tuple(
        UpstreamOutput(video.url, "video", video.id if handy(video.id or "", MOST_ID) else None, now + RETENTION)
        for video in videos
        if video.url and video.url.startswith(("http://", "https://")) and handy(video.url, MOST_LINK)
    )
    if not outputs or len(outputs) < len(videos):
        return "a success without a file"
    units = data.final_unit_deduction
    return Succeeded(outputs, Usage(seconds=_total(videos), units=None if units in (None, "") else str(units)))


def _total(videos: list[Video]) -> float | None:
    """Seconds of all videos together; None where Kling does not say."""
    try:
        return sum(float(video.duration) for video in videos)
    except (TypeError, ValueError):
        return None


def _decoded(body: bytes | msgspec.Raw, form: type[_Wire]) -> _Wire | None:
    try:
        return msgspec.json.decode(body, type=form)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):  # ValidationError is a DecodeError
        return None

"""From an upstream's answers to outcomes: the HTTP status first, then the body, and nothing guessed."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, Final, TypeVar
from urllib.parse import unquote

import msgspec
from msgspec.structs import replace

from telecine.net.client import Reply
from telecine.nouns.errors import GatewayError, TaskError
from telecine.nouns.task import Tokens, Usage
from telecine.nouns.text import handy
from telecine.providers.base import (
    MOST_ID,
    MOST_LINK,
    Accepted,
    Channel,
    Failed,
    Finished,
    NotFound,
    PollOutcome,
    Refused,
    Running,
    SubmitOutcome,
    Succeeded,
    Unreadable,
    UpstreamOutput,
)
from telecine.providers.complaint import complaint_in, complaint_of, text, word
from telecine.providers.openai.words import CONTENT, PARAMS
from telecine.providers.refusal import POLICY, WORDS, about_policy, asked, refusal
from telecine.providers.scrub import scrubbed
from telecine.wires.openai import (
    DONE,
    FAILED,
    NO_TASK_CODES,
    PATH,
    QUEUED,
    RETENTION,
    RUNNING,
    Video,
)

_Wire = TypeVar("_Wire")
_MOST_NUMBER: Final = 2**64
"""Ids that are numbers stay below it."""
_MOST_TOKENS: Final = 10**12
"""An upstream that counts more is not believed."""


def root(channel: Channel) -> str:
    """The base URL without `/v1`, which operators write or leave out."""
    return channel.base_url.rstrip("/").removesuffix("/v1").rstrip("/")


def submitted(reply: Reply, channel: Channel, operation: str, now: float) -> SubmitOutcome:
    """What became of a create."""
    video = _video(reply.body) if 200 <= reply.status < 300 else None
    name = _name(video) if video else None
    if video is not None and name is not None:
        if word(video.status) in DONE and next(_links(video), None):
            return Finished(_succeeded(video, name, channel, now), name)
        return Accepted(name)
    refused = refusal(reply, channel, params=PARAMS)
    if operation == "remix" and isinstance(refused, Refused) and refused.spared:
        return replace(refused, elsewhere=False)  # a remix keeps to its channel: it is its source that is gone
    return refused


def polled(reply: Reply, channel: Channel, name: str, now: float) -> PollOutcome:
    """What a query says about the job that the upstream calls `name`."""
    wait = asked(reply)
    if not 200 <= reply.status < 300:
        said = complaint_of(reply.body)
        if said is not None and (
            reply.status == 404 or (reply.status == 400 and not NO_TASK_CODES.isdisjoint(said.words))
        ):
            return NotFound()
        return Unreadable(f"HTTP {reply.status}" + ("" if said else " with a body that cannot be read"), wait)
    video = _video(reply.body)
    if video is None or not text(video.status):
        return Unreadable("an answer without a status", wait)
    return _judged(video, channel, name, now, wait)


def _judged(video: Video, channel: Channel, name: str, now: float, wait: float | None) -> PollOutcome:
    status, pending = word(video.status), _pending(video)
    if status in DONE:
        return _succeeded(video, name, channel, now)
    if status not in QUEUED | RUNNING | FAILED:
        return Unreadable(f"an unknown status '{scrubbed(text(video.status), channel)[:40]}'", wait)
    if status in FAILED or text(pending.get("failure_reason")):
        return Failed(_failure(video, pending, channel, status))
    started = status in RUNNING or word(pending.get("status")) in RUNNING
    return Running(_progress(video, pending), started, wait)


def pinged(reply: Reply, channel: Channel) -> str:
    """What the list of models says about the channel. Raises GatewayError where it does not work."""
    if 200 <= reply.status < 300:
        listed = _decoded(reply.body, dict[str, Any])
        if listed is None:
            raise GatewayError("upstream_failed", f"HTTP {reply.status} with a body that is not OpenAI's.")
        models = listed.get("data")
        return f"HTTP {reply.status}, {len(models) if isinstance(models, list) else 0} models"
    told = complaint_of(reply.body)
    reason = (scrubbed(told.message, channel) or "no reason given") if told else "not readable"
    said = f"HTTP {reply.status}: {reason}"
    if told is not None and reply.status in (401, 403):
        raise GatewayError("authentication" if reply.status == 401 else "permission", said)
    raise GatewayError("upstream_failed", said)


def link_of(body: bytes) -> str | None:
    """The file's URL in a JSON answer that some relays give in the place of the file (`/content`)."""
    video = _video(body)
    return next(_links(video), None) if video else None


def _video(body: bytes) -> Video | None:
    """The job's object, out of new-api's `{code, message, data}` where it is in one."""
    video = _decoded(body, Video)
    if video is not None and video.status is None and isinstance(video.data, dict):
        return msgspec.convert(video.data, Video)
    return video


def _name(video: Video) -> str | None:
    found = video.id if video.id not in (None, "") else video.task_id
    if not isinstance(found, str | int) or isinstance(found, bool):
        return None
    name = str(found) if isinstance(found, str) or abs(found) < _MOST_NUMBER else ""
    return name if handy(name, MOST_ID) else None


def _succeeded(video: Video, name: str, channel: Channel, now: float) -> Succeeded:
    """One video: at a link of its own, or behind `/content`, where it is fetched with our key."""
    url = next(_links(video), None)
    own = f"{root(channel)}{PATH}/"
    if url is None or (url.startswith(own) and unquote(url).partition("?")[0].endswith("/content")):
        url = CONTENT + name
    until = _number(video.expires_at)
    if until is not None and until > 1e11:  # some relays count in milliseconds
        until /= 1000
    usage = Usage(seconds=_number(video.seconds), tokens=_tokens(video.usage))
    return Succeeded((UpstreamOutput(url, "video", name, until or now + RETENTION),), usage)


def _tokens(usage: object) -> Tokens | None:
    """new-api's `usage` of a video (wire table C.6); the relays that fill it in with zeros have counted nothing."""
    if not isinstance(usage, dict):
        return None
    read, made, both = (usage.get(name) for name in ("prompt_tokens", "completion_tokens", "total_tokens"))
    told = [one for one in (read, made, both) if one is not None]
    if not all(type(one) is int and 0 <= one <= _MOST_TOKENS for one in told):
        return None
    made = made or 0
    read = read if read is not None else max(0, (both or 0) - made)
    return Tokens(input=read, output=made) if read + made > 0 else None


def _links(video: Video) -> Iterator[str]:
    """Where the file may be had, the likeliest name first (wire tables C.3 to C.6 of the relays)."""
    nested = [holder.get("url") for holder in (video.metadata, video.output) if isinstance(holder, dict)]
    for found in (video.url, video.video_url, *nested, video.result_url, video.output):
        if isinstance(found, str) and found.startswith(("https://", "http://")) and handy(found, MOST_LINK):
            yield found


def _failure(video: Video, pending: dict[str, Any], channel: Channel, status: str) -> TaskError:
    told = video.error, video.fail_reason, video.failure_reason, pending.get("failure_reason")
    reasons = [one for one in map(complaint_in, told) if one is not None]
    said = next((one for one in (scrubbed(reason.message, channel) for reason in reasons) if one), "")
    moderation = pending.get("moderation_result")
    blocked = isinstance(moderation, dict) and word(moderation.get("type")) not in ("", "passed")
    policy = any(WORDS.get(one) is POLICY for reason in reasons for one in reason.words)
    if blocked or policy or about_policy(said):
        return TaskError("content_policy", said or "The upstream's moderation stopped the job.")
    cancelled = "The upstream cancelled the job." if status.startswith("cancel") else "The upstream gave no reason."
    return TaskError("upstream_failed", said or cancelled)


def _pending(video: Video) -> dict[str, Any]:
    """`detail.pending_info` of the relays' detail form (wire table C.3)."""
    info = video.detail.get("pending_info") if isinstance(video.detail, dict) else None
    return info if isinstance(info, dict) else {}


def _progress(video: Video, pending: dict[str, Any]) -> int | None:
    """Per cent: a number, `76%`, or the `progress_pct` from 0 to 1 of the detail form."""
    share = _number(pending.get("progress_pct"))
    told = video.progress.strip().rstrip("%") if isinstance(video.progress, str) else video.progress
    percent = share * 100 if share is not None else _number(told)
    return None if percent is None else max(0, min(100, round(percent)))


def _number(value: object) -> float | None:
    """A finite number, also where it is written as text."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _decoded(body: bytes, form: type[_Wire]) -> _Wire | None:
    """The JSON in `body`; None where it is none, or of another form."""
    try:
        return msgspec.json.decode(body, type=form)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):  # ValidationError is a DecodeError
        return None

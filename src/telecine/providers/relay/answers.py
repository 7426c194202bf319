"""What relays say of a video, whatever form they were asked in: where ids, words, links, figures and reasons may stand.

Tolerant in what is read, for relays name the same things in many ways and wrap them in envelopes of their own; strict
in what is concluded: a word that nobody knows is no verdict, and a link is one only where it is a whole URL.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import unquote

import msgspec

from telecine.nouns.task import Facts, Tokens, Usage
from telecine.providers.complaint import text, word
from telecine.providers.http.answers import link, number, seconds_since_epoch
from telecine.providers.http.facts import BEHIND, Told
from telecine.providers.http.getters import Getter, at, rows
from telecine.providers.outcomes import Succeeded, UpstreamOutput
from telecine.wires.openai import DONE, PATH, QUEUED, RETENTION, RUNNING

_pending_status, pending_reason, _pending_share, _pending_verdict = (
    at(f"detail.pending_info.{name}") for name in ("status", "failure_reason", "progress_pct", "moderation_result.type")
)
"""What the relays' detail form adds (wire table C.3)."""
_LINKS: Final = tuple(
    at(one)
    for one in (
        *("url", "video_url", "output_url", "result_url", "metadata.url", "output.url", "output.video_url", "output"),
        *("video.url", "result.url", "content.video_url", "detail.url", "detail.video_url"),
    )
)
"""Wire tables C.3 to C.6 of the relays, and the names that their clients look under; the likeliest first."""
_LISTS: Final = tuple(
    at(one)
    for one in ("data", "outputs", "videos", "video_urls", "task_result.videos", "creations", "detail.generations")
)
"""Lists whose first entry is the file or has its link: what relays pass on of the vendors behind them."""
_NAMES: Final = frozenset({"name", "username"})
"""One of these is there where somebody is told of who may be in videos."""
_OF_CHARACTER: Final = frozenset({"id", "name", "username", "permalink", "created_at"})
_MOST_TOKENS: Final = 10**12
"""An upstream that counts more is not believed."""


def job_of(said: Any) -> Any:
    """The job's object, out of new-api's `{code, message, data}` where it is in one."""
    inner = said.get("data")
    return inner if said.get("status") is None and isinstance(inner, dict) else said


def name_of(said: Any) -> Any:
    """Its id; `task_id` is an alias in new-api, and the only name of the job at some relays."""
    job = job_of(said)
    return job.get("id") if job.get("id") not in (None, "") else job.get("task_id")


def task_of(said: Any) -> Any:
    """The same where `id` may be the number of a row: new-api's tasks are asked about by `task_id`."""
    job = job_of(said)
    return job.get("task_id") if job.get("task_id") not in (None, "") else job.get("id")


def status_of(job: Any) -> Any:
    """Its word in lower case; the detail form may know more than that."""
    said = word(job.get("status")) or word(at("detail.status")(job))
    meanwhile = word(_pending_status(job))
    if said in QUEUED | RUNNING and text(pending_reason(job)):
        return "failed"
    return meanwhile if said in QUEUED and meanwhile in RUNNING else said


def progress_of(job: Any) -> Any:
    """A number, `76%`, or the `progress_pct` from 0 to 1 of the detail form."""
    share = number(_pending_share(job))
    return share * 100 if share is not None else job.get("progress")


def blocked(job: Any) -> bool:
    """Whether the detail form tells that a moderation stopped it."""
    return word(_pending_verdict(job)) not in ("", "passed")


def links_of(job: Any) -> Iterator[str]:
    """Where the file may be had, the likeliest name first."""
    raw = job.get("data") if isinstance(job.get("data"), dict) else {}  # new-api: the answer of whoever is behind it
    for told in (job, raw):
        yield from filter(None, (link(find(told)) for find in _LINKS))
        yield from filter(None, (_first(find, told) for find in _LISTS))
    # new-api once wrote the link of a success here, where the reason of a failure stands
    yield from filter(None, [link(job.get("fail_reason"))])


def _first(find: Getter, told: Any) -> str | None:
    listed = find(told)
    first = listed[0] if isinstance(listed, list) and listed else None
    if isinstance(first, dict):
        return next(filter(None, (link(find(first)) for find in _LINKS)), None)
    return link(first)


def link_of(said: Any) -> str | None:
    """The link in JSON that came in the place of the file."""
    return next(links_of(job_of(said)), None) if isinstance(said, dict) else None


def at_once(job: Any) -> bool:
    """Whether the answer to a create is the result itself."""
    return status_of(job) in DONE and next(links_of(job), None) is not None


def outputs_of(told: Told) -> Succeeded:
    """One video: at a link of its own, or behind `/content`, where it is fetched with our key."""
    url = next(links_of(told.job), None)
    own = f"{told.root}{PATH}/"
    if url is None or (url.startswith(own) and unquote(url).partition("?")[0].endswith("/content")):
        url = BEHIND + told.name
    return made_at(told, url)


def linked(told: Told) -> Succeeded | str:
    """The same where a relay has no `/content`: without a link there is no file."""
    url = next(links_of(told.job), None)
    return "a success without a link" if url is None else made_at(told, url)


def made_at(told: Told, url: str) -> Succeeded:
    """A video at `url`."""
    job = told.job
    until = seconds_since_epoch(job.get("expires_at")) or told.now + RETENTION
    usage = Usage(seconds=number(job.get("seconds")), tokens=tokens_of(job.get("usage")))
    return Succeeded((UpstreamOutput(url, "video", told.name, until),), usage)


def how_far(job: Any) -> Any:
    """The word for a character: OpenAI, and relays that are done at once, say none, and who the character is."""
    said = job.get("status")
    return "completed" if said is None and not _NAMES.isdisjoint(job) else word(said)


def character_of(told: Told) -> Succeeded | str:
    """Somebody who lives upstream: by the id that prompts and requests name them by, with what is said of them, and
    their picture."""
    job = told.job
    facts = {name: one for name, one in job.items() if name in _OF_CHARACTER and isinstance(one, str | int)}
    if _NAMES.isdisjoint(job):
        return "a success without a character"
    url = link(job.get("profile_picture_url")) or link(job.get("avatar_url"))
    known = {"id": told.name} | facts | ({"profile_picture_url": url} if url else {})
    words, kept = msgspec.json.encode(known).decode(), Facts.of("openai", facts)
    made = UpstreamOutput(kind="text", text=words, upstream_id=told.name, item=0, facts=kept)
    face = (UpstreamOutput(url, "image", None, told.now + RETENTION, item=0, part="cover"),) if url else ()
    return Succeeded((made, *face))


def tokens_of(usage: object) -> Tokens | None:
    """new-api's `usage` of a video (wire table C.6), or OpenAI's of a picture; the relays that fill it in with zeros
    have counted nothing."""
    if not isinstance(usage, dict):
        return None
    read = usage.get("prompt_tokens", usage.get("input_tokens"))
    made = usage.get("completion_tokens", usage.get("output_tokens"))
    both = usage.get("total_tokens")
    told = [one for one in (read, made, both) if one is not None]
    if not all(type(one) is int and 0 <= one <= _MOST_TOKENS for one in told):
        return None
    made = made or 0
    read = read if read is not None else max(0, (both or 0) - made)
    return Tokens(input=read, output=made) if read + made > 0 else None


def under_way(said: Any) -> list[Any]:
    """The videos of a page that are under way: of one that has ended, relays' lists may leave out links and reasons."""
    return [one for one in rows("data")(said) if word(one.get("status")) in QUEUED | RUNNING]


def next_page(said: Any, _page: int, _size: int) -> str:
    """The cursor that follows a page."""
    last = said.get("last_id")
    return f"&after={last}" if said.get("has_more") is True and isinstance(last, str) and last.isprintable() else ""

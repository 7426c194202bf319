"""What IMA says of a job, and what comes of that: pictures, and videos in either style.

A picture's task stands in an envelope (`{code, data}`), a video's in one or bare; each has words of its own. Extra
fields may stand at every level, so that nothing here has a type: only what has the form that it needs is taken.
"""

from __future__ import annotations

from typing import Any, Final

from telecine.net.inlined import content_of
from telecine.nouns.task import Facts, Usage
from telecine.providers.complaint import word
from telecine.providers.http.answers import file, link, number
from telecine.providers.http.facts import Told
from telecine.providers.http.getters import at, rows
from telecine.providers.outcomes import Succeeded, UpstreamOutput
from telecine.providers.relay.answers import tokens_of
from telecine.wires import ima as wire

KEPT: Final = 86400.0
"""Seconds for which links are believed to work, and jobs to be known; nobody documents how long they do."""
_results: Final = rows("results")
_pictures: Final = rows("data")
_TOLD: Final = ("format", "metadata", "amount_usd")
"""What a job is told with beside its files."""


def fine(said: Any) -> bool:
    """A video's task may come without an envelope, and tells why it failed where an answer tells that it is none."""
    refused = said.get("error") and said.get("status") is None
    return said.get("code") in (None, "", wire.SUCCESS) and not refused


def job_of(said: Any) -> Any:
    """The task, out of its envelope where it is in one."""
    inner = said.get("data")
    return inner if said.get("status") is None and isinstance(inner, dict) else said


def name_of(said: Any) -> Any:
    """Its id, as clients read it: `task_id`, else `id`."""
    job = job_of(said)
    return job.get("task_id") or job.get("id")


def status_of(job: Any) -> str:
    """Its word in lower case."""
    return word(job.get("status"))


def picture_of(told: Told) -> Succeeded | str:
    """The one picture of a task."""
    made = file(told.job.get("url"), "image", told.name, told.now + KEPT)
    if made is None:
        return "a success without a link"
    return Succeeded((made,), Usage(images=1, tokens=tokens_of(told.job.get("usage"))), _facts(told.job))


def pictures_of(told: Told) -> Succeeded | str:
    """The pictures in an answer that is the result itself, as links or in base64 [reconstructed]."""
    made = [one for item in _pictures(told.job) if (one := _picture(item, told)) is not None]
    if not made:
        return "an answer without a picture"
    return Succeeded(tuple(made), Usage(images=len(made), tokens=tokens_of(told.job.get("usage"))), _facts(told.job))


def _picture(item: dict[str, Any], told: Told) -> UpstreamOutput | None:
    url, text = link(item.get("url")), item.get("b64_json")
    if url is not None:
        return UpstreamOutput(url, "image", expires_at=told.now + KEPT)
    content = content_of(text, told.files) if isinstance(text, str) and text else None
    return None if content is None else UpstreamOutput(kind="image", content=content)


def videos_of(told: Told) -> Succeeded | str:
    """The results, of which there is mostly one; else the one link, which may stand in two places."""
    job, until = told.job, told.now + KEPT
    listed = _results(job)
    links = [one.get("url") for one in listed] or [at("metadata.url")(job) or job.get("url")]
    made = [file(url, "video", told.name if len(links) == 1 else None, until) for url in links]
    found = tuple(one for one in made if one is not None)
    if len(found) < len(made):
        return "a success without a link"
    lengths = [number(one.get("duration")) for one in listed]
    seconds = sum(one for one in lengths if one is not None) if lengths and None not in lengths else None
    return Succeeded(found, Usage(seconds=seconds or None, tokens=tokens_of(job.get("usage"))), _facts(job))


def _facts(job: Any) -> Facts | None:
    """What else it says, without links: those are the upstream's own."""
    said = {name: _unlinked(job.get(name)) for name in _TOLD if job.get(name) not in (None, "", {})}
    return Facts.of("ima", said) if said else None


def _unlinked(value: Any) -> Any:
    if not isinstance(value, dict):
        return value if isinstance(value, str | int | float) and link(value) is None else None
    return {name: one for name, one in value.items() if isinstance(one, str | int | float) and link(one) is None}

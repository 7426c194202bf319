"""What the Videos API states (platform.openai.com/docs/api-reference/videos), and what relays make of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import unquote

from msgspec.structs import replace

from telecine.nouns.task import Tokens, Usage
from telecine.providers.base import Succeeded, Traits, UpstreamOutput
from telecine.providers.complaint import text, word
from telecine.providers.http.answers import link, number, seconds_since_epoch
from telecine.providers.http.facts import BEHIND, Field, Many, Objection, Op, Status, Told, Vendor, later, strip
from telecine.providers.http.getters import at, rows
from telecine.providers.openai.shape import FIELDS, PICTURES, billed, pictures, remixed, shape
from telecine.wires import openai as wire
from telecine.wires.openai import DONE, PATH, QUEUED, RETENTION, RUNNING

_pending_status, _pending_reason, _pending_share, _pending_verdict = (
    at(f"detail.pending_info.{name}") for name in ("status", "failure_reason", "progress_pct", "moderation_result.type")
)
"""What the relays' detail form adds (wire table C.3)."""
_LINKS: Final = [at(one) for one in ("url", "video_url", "metadata.url", "output.url", "result_url", "output")]
"""Wire tables C.3 to C.6 of the relays."""
_MOST_TOKENS: Final = 10**12
"""An upstream that counts more is not believed."""


def _job(said: Any) -> Any:
    """The job's object, out of new-api's `{code, message, data}` where it is in one."""
    inner = said.get("data")
    return inner if said.get("status") is None and isinstance(inner, dict) else said


def _name(said: Any) -> Any:
    """Its id; `task_id` is an alias in new-api, and the only name of the job at some relays."""
    job = _job(said)
    return job.get("id") if job.get("id") not in (None, "") else job.get("task_id")


def _status(job: Any) -> Any:
    """Its word in lower case; the detail form may know more than that."""
    said, meanwhile = word(job.get("status")), word(_pending_status(job))
    if said in QUEUED | RUNNING and text(_pending_reason(job)):
        return "failed"
    return meanwhile if said in QUEUED and meanwhile in RUNNING else said


def _progress(job: Any) -> Any:
    """A number, `76%`, or the `progress_pct` from 0 to 1 of the detail form."""
    share = number(_pending_share(job))
    return share * 100 if share is not None else job.get("progress")


def _links(job: Any) -> Iterator[str]:
    """Where the file may be had, the likeliest name first."""
    return filter(None, (link(find(job)) for find in _LINKS))


def _link(said: Any) -> str | None:
    return next(_links(_job(said)), None) if isinstance(said, dict) else None


def _outputs(told: Told) -> Succeeded:
    """One video: at a link of its own, or behind `/content`, where it is fetched with our key."""
    job, url = told.job, next(_links(told.job), None)
    own = f"{told.root}{PATH}/"
    if url is None or (url.startswith(own) and unquote(url).partition("?")[0].endswith("/content")):
        url = BEHIND + told.name
    until = seconds_since_epoch(job.get("expires_at")) or told.now + RETENTION
    usage = Usage(seconds=number(job.get("seconds")), tokens=_tokens(job.get("usage")))
    return Succeeded((UpstreamOutput(url, "video", told.name, until),), usage)


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


def _listed(said: Any) -> list[Any]:
    """The videos of a page that are under way: of one that has ended, relays' lists may leave out links and reasons."""
    return [one for one in rows("data")(said) if word(one.get("status")) in QUEUED | RUNNING]


def _next_page(said: Any, _page: int, _size: int) -> str:
    last = said.get("last_id")
    return f"&after={last}" if said.get("has_more") is True and isinstance(last, str) and last.isprintable() else ""


_MADE: Final = Op(
    create=f"POST {PATH}",
    poll=f"GET {PATH}/{{id}}",
    fields=FIELDS,
    needs=("prompt",),
    shape=shape,
    ours=wire.OURS,
    billed=billed,
    form=True,
    many=Many(
        ask=f"GET {PATH}?limit={{size}}{{page}}", id=_name, items=_listed, most=wire.MOST_LISTED, turn=_next_page
    ),
)
OPENAI: Final = Vendor(
    name="openai",
    title="The OpenAI Videos API",
    speaks=frozenset({"openai"}),
    root=strip("/v1"),
    ops={
        "text_to_video": _MADE,
        "image_to_video": replace(_MADE, fields={**FIELDS, **PICTURES}, shape=pictures),
        # The model and the length are the source's, which the upstream knows; OpenAI takes nothing but a prompt.
        "remix": replace(
            _MADE,
            create=f"POST {PATH}/{{source}}/remix",
            fields={"prompt": "prompt", "duration": Field("seconds", later), "source": Field("video_id", later)},
            shape=remixed,
            form=False,
        ),
    },
    traits=Traits(
        retention=RETENTION,
        poll_floor=2.0,
        usual=60.0,
        listed=True,
    ),
    billed=wire.BILLED,
    handle_header="idempotency-key",  # some relays know it; nothing here relies on it
    most_media=wire.MAX_IMAGES,
    made=_name,
    at_once=lambda job: word(job.get("status")) in DONE and next(_links(job), None) is not None,
    job=_job,
    status=Status(_status, queued=QUEUED, running=RUNNING, done=DONE, failed=wire.FAILED),
    progress=_progress,
    reasons=(at("error"), at("fail_reason"), at("failure_reason"), _pending_reason),
    blocked=lambda job: word(_pending_verdict(job)) not in ("", "passed"),
    outputs=_outputs,
    missing=(Objection(404), Objection(400, wire.NO_TASK_CODES)),
    content=f"GET {PATH}/{{id}}/content",
    link=_link,
    ping="/v1/models",
    pinged=lambda said: f", {len(rows('data')(said))} models",
)

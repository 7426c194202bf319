"""The OpenAI Videos API (`/v1/videos`), at OpenAI or at one of the many relays that speak it; the base URL may end in
`/v1` or not.

Nobody can be asked here about a job by a handle of ours, and none is refused for being there twice. So a submit with
an unknown outcome ends the task as `submission_unknown`: it is never sent again. There is no cancel either: `DELETE`
removes a video and is not documented to stop one, or to give its price back.

One picture begins the video, two begin and end it, references stay among themselves: that is how the relays take
several files (their Veo channels do; OpenAI itself takes one).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import unquote

import msgspec
from msgspec.structs import replace

from telecine.nouns.billed import Billed
from telecine.nouns.errors import GatewayError, invalid
from telecine.nouns.sizes import is_size, parse_ratio, parse_size, plain_resolution
from telecine.nouns.task import Tokens, Usage
from telecine.providers.base import Succeeded, Traits, UpstreamOutput
from telecine.providers.complaint import text, word
from telecine.providers.http.answers import link, number, seconds_since_epoch
from telecine.providers.http.body import Draft
from telecine.providers.http.facts import (
    BEHIND,
    Field,
    Fields,
    Many,
    Objection,
    Op,
    Picture,
    Status,
    Told,
    Vendor,
    later,
    strip,
)
from telecine.providers.http.getters import at, rows
from telecine.providers.take import whole
from telecine.wires import openai as wire
from telecine.wires.openai import DEFAULT_SIZE, DONE, PATH, QUEUED, RETENTION, RUNNING, SHAPES

_SAYING: Final = ("size", "aspect_ratio", "resolution")
_RELAYED: Final = ("seed", "negative_prompt")
_SHORTS: Final = frozenset(short for _, short in SHAPES)
_pending_status, _pending_reason, _pending_share, _pending_verdict = (
    at(f"detail.pending_info.{name}") for name in ("status", "failure_reason", "progress_pct", "moderation_result.type")
)
"""What the relays' detail form adds (wire table C.3)."""
_LINKS: Final = [at(one) for one in ("url", "video_url", "metadata.url", "output.url", "result_url", "output")]
"""Wire tables C.3 to C.6 of the relays."""
_MOST_TOKENS: Final = 10**12
"""An upstream that counts more is not believed."""


def _shape(draft: Draft) -> None:
    """The frame, and what OpenAI itself has no field for, and relays do."""
    draft.body |= _frame(draft) | _earlier(draft)
    relayed = _said(draft, *_RELAYED)
    if relayed:
        draft.take.all_of(frozenset(_RELAYED))
    draft.body |= relayed


def _earlier(draft: Draft) -> dict[str, Any]:
    """What relays alone have, of a task that was kept when nobody here knew these fields yet."""
    native = draft.request.native if draft.take.speaks else None
    kept = native.fields if native is not None else {}
    said = {name: msgspec.json.decode(kept[name]) for name in wire.RELAYED if name in kept and name not in draft.body}
    return {name: value for name, value in said.items() if value is not None}


def _pictures(draft: Draft) -> None:
    """The same, with the pictures that the video is made from."""
    _shape(draft)
    frames, references = [item.role for _, _, item in draft.media], draft.take.inputs("reference")
    if references and frames:
        raise invalid("The OpenAI Videos API takes either frames or references, not both.", "inputs")
    if frames == ["last_frame"]:
        raise invalid("The OpenAI Videos API takes a last frame only after a first.", "inputs")
    if not (frames or references):
        raise invalid("A picture is needed to make a video from.", "inputs")
    for item in references:
        draft.put("input_reference", item)


def _remixed(draft: Draft) -> None:
    """A remix has the frame of its source, unless it asks for another; judged once that is known."""
    draft.take.all_of(frozenset(_SAYING))
    source = draft.source.request if draft.source is not None else None
    if source is not None and any(getattr(draft.request, name) != getattr(source, name) for name in _SAYING):
        draft.body |= _frame(draft)


def _billed(draft: Draft) -> Billed:
    """What the fields come to; a remix has the length and the frame of its source, which its request repeats.

    Where nothing is said, OpenAI's own models have a documented size; nobody knows what a relay's others make.
    """
    seconds, request = draft.body.get("seconds"), draft.request
    duration = float(seconds) if seconds is not None else request.duration
    size, ratio, resolution = request.size, request.aspect_ratio, plain_resolution(request.resolution or "") or None
    if size is None:
        fitting = _fitting(ratio, resolution)
        if fitting is None:  # passed on as it came
            unjudged = ("resolution",) if resolution is not None and resolution not in _SHORTS else ()
            return Billed(aspect_ratio=ratio, resolution=resolution, duration=duration, unjudged=unjudged)
        size = fitting or (DEFAULT_SIZE if request.model.startswith("sora") else None)
    known = Billed.sized(*parse_size(size)) if size and is_size(size) else Billed(size=size)
    return replace(known, duration=duration)


def _frame(draft: Draft) -> dict[str, str]:
    """The fields that say size, aspect ratio and resolution.

    An explicit size is sent as it is, for relays make more than the four official ones. A ratio and a resolution become
    one of those, and where none fits, they go to the relay of an OpenAI client in its own words.
    """
    take = draft.take
    size, ratio, resolution = (take.field(name) or None for name in _SAYING)
    words = {name for name in _SAYING if take.novel(name)}
    if size and not is_size(size) and "size" in words:
        return {"size": size, **_said(draft, "aspect_ratio", "resolution")}
    if size:
        width, height = parse_size(size)
        plain = f"{width}x{height}"
        _agrees(plain, None if "aspect_ratio" in words else ratio, None if "resolution" in words else resolution)
        return {"size": plain, **_said(draft, *sorted(words - {"size"}))}
    fitting = _fitting(ratio, resolution and plain_resolution(resolution))
    if fitting is not None:
        return {"size": fitting} if fitting else {}
    found = {} if draft.request.operation == "remix" else _said(draft, "aspect_ratio", "resolution")
    if not found:
        param = "aspect_ratio" if ratio not in (None, *(x_y for x_y, _ in SHAPES)) else "resolution"
        raise GatewayError(
            "unsupported_parameter",
            f"The OpenAI Videos API makes {', '.join(sorted(SHAPES.values()))}; "
            f"none of them is '{' '.join(filter(None, (ratio, resolution)))[:40]}'. Or name a size as WIDTHxHEIGHT.",
            param=param,
        )
    return found


def _fitting(ratio: str | None, resolution: str | None) -> str | None:
    """The official size that both mean, nothing where neither is set, None where there is none.

    A resolution alone means the portrait, as OpenAI's own default does.
    """
    if ratio is None and resolution is None:
        return ""
    found = [shape for (x_y, lines), shape in SHAPES.items() if ratio in (None, x_y) and resolution in (None, lines)]
    return None if not found else DEFAULT_SIZE if DEFAULT_SIZE in found else found[-1]


def _said(draft: Draft, *names: str) -> dict[str, str]:
    """Those of the fields `names` that an OpenAI client has set, as it said them."""
    said = (draft.take.own(name) for name in names if getattr(draft.request, name) is not None)
    return dict(one for one in said if one is not None)


def _agrees(size: str, ratio: str | None, resolution: str | None) -> None:
    """Raise GatewayError where the other two ways of saying it say something else."""
    width, height = parse_size(size)
    if ratio is not None:
        across, down = parse_ratio(ratio)
        if width * down != height * across:
            raise invalid(f"The size {size} is not {ratio[:40]}.", "aspect_ratio")
    if resolution is not None and plain_resolution(resolution) != Billed.sized(width, height).resolution:
        raise invalid(f"The size {size} is not {resolution[:40]}.", "resolution")


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


_FIELDS: Final[Fields] = {
    "model": "model",
    "prompt": "prompt",
    "duration": Field(
        "seconds", lambda value, take: take.own_text("duration") or whole(value, "The OpenAI Videos API")
    ),
    **{name: Field("size", later) for name in _SAYING},
    "parameters.watermark": "watermark",
    **{f"parameters.{name}": name for name in wire.RELAYED},
}
_PICTURES: Final[Fields] = {
    "inputs.first_frame|image": Picture("input_reference", "first frame"),
    "inputs.last_frame": Picture("input_reference", "last frame"),
    "inputs.reference": Field("input_reference"),
}
_MADE: Final = Op(
    create=f"POST {PATH}",
    poll=f"GET {PATH}/{{id}}",
    fields=_FIELDS,
    needs=("prompt",),
    shape=_shape,
    ours=wire.OURS,
    billed=_billed,
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
        "image_to_video": replace(_MADE, fields={**_FIELDS, **_PICTURES}, shape=_pictures),
        # The model and the length are the source's, which the upstream knows; OpenAI takes nothing but a prompt.
        "remix": replace(
            _MADE,
            create=f"POST {PATH}/{{source}}/remix",
            fields={"prompt": "prompt", "duration": Field("seconds", later), "source": Field("video_id", later)},
            shape=_remixed,
            form=False,
        ),
    },
    traits=Traits(RETENTION, usual=60.0, listed=True),
    billed=wire.BILLED,
    free=frozenset({"prompt", "negative_prompt", "seed"}),
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

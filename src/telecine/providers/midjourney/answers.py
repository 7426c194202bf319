"""What tasks say: how far they are, what they have made, and what is kept of the rest."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from telecine.nouns.task import GRID, Facts, Usage
from telecine.providers.complaint import text, word
from telecine.providers.http.answers import decoded, file
from telecine.providers.http.facts import Told
from telecine.providers.http.getters import at, rows
from telecine.providers.outcomes import Succeeded, UpstreamOutput
from telecine.wires import midjourney as wire
from telecine.wires.midjourney.buttons import Button

KEPT: Final = 86400.0
"""Seconds for which links work: those of Discord's files are signed for a day."""
_CONFIRM: Final = "confirm"
"""In what is said of a window (`Waiting for window confirm`), by which clients know one too."""
_GRIDS: Final = frozenset(
    {
        *("imagine", "blend", "edit", "edits", "retexture", "reroll", "remix", "inpaint"),
        *("variation", "low_variation", "high_variation", "zoom", "custom_zoom", "outpaint", "pan"),
    }
)
"""What makes four pictures, by its `action`; where they come as one, they are in it, listed or not."""
_MOST_BUTTONS: Final = 40
_MOST_ID: Final = 512
_MOST_TEXT: Final = 32_000
_PROPERTIES: Final = ("finalPrompt", "finalZhPrompt", "messageHash", "flags", "botType")
"""What is kept of a task's properties: all others are about its upstream's accounts, or our own address."""


def named(said: Any) -> Any:
    """The task that a submit was answered with: one that is new, that waits, or that is the very same upscale. What
    waits for a modal is none, and what was refused may name one all the same."""
    code = said.get("code")
    the_same = code == wire.EXISTING and text(at("properties.status")(said)) != ""
    return said.get("result") if code in (wire.DONE, wire.IN_QUEUE) or the_same else None


def plain(body: bytes) -> bytes:
    """An answer as it was before new-api, which makes a 1 of some windows' 21, and leaves what is said with it."""
    said = decoded(body)
    if said is None or said.get("code") != wire.DONE or _CONFIRM not in word(said.get("description")):
        return body
    return msgspec.json.encode({**said, "code": wire.EXISTING})


def waiting(said: Any) -> Any:
    """The task that waits for a modal."""
    opened = said.get("code") == wire.EXISTING or _CONFIRM in word(said.get("description"))
    return said.get("result") if opened else None


def status(job: Any) -> Any:
    """Its word; new-api has none before it has asked its own upstream."""
    return wire.NOT_START if job.get("status") == "" else job.get("status")


def pictures(told: Told) -> Succeeded | str:
    """The pictures one by one, and all of them as one, as far as the upstream shows them so."""
    until, job = told.now + KEPT, told.job
    whole = file(job.get("imageUrl"), "image", None, until)
    apart = [file(one.get("url"), "image", None, until, item=item) for item, one in enumerate(rows("imageUrls")(job))]
    several = [one for one in apart if one is not None]
    if len(several) > 1:
        grid = file(job.get("imageUrl"), "image", None, until, item=0, part=GRID)
        found = [*several, grid] if grid is not None else several
    else:
        found = [whole] if whole is not None else several
    clips = _clips(told, until)
    if not found and not clips:
        return "a success without a picture"
    count = len(several) if len(several) > 1 else wire.GRID if word(job.get("action")) in _GRIDS else 1
    return Succeeded(tuple(found or clips), Usage(images=count if found else None), facts(job))


def videos(told: Told) -> Succeeded | str:
    """The videos, each with its cover."""
    found = _clips(told, told.now + KEPT)
    return Succeeded(tuple(found), Usage(), facts(told.job)) if found else "a success without a video"


def _clips(told: Told, until: float) -> list[UpstreamOutput]:
    links = rows("videoUrls")(told.job) or [{"url": told.job.get("videoUrl")}]
    parts = [
        part
        for item, one in enumerate(links)
        for part in (
            file(one.get("url"), "video", None, until, item=item),
            file(one.get("thumbnail"), "image", None, until, item=item, part="cover"),
        )
    ]
    return [one for one in parts if one is not None]


def texts(told: Told) -> Succeeded | str:
    """What a picture is, or what matters in a prompt: one text of several lines."""
    job = told.job
    found = text_of(at("properties.finalPrompt")(job)) or (
        text_of(job.get("prompt")) if job.get("action") == "DESCRIBE" else ""
    )
    if not found:
        return "a success without a text"
    return Succeeded((UpstreamOutput(kind="text", text=found),), facts=facts(job))


def facts(job: Any) -> Facts:
    """What is kept of a task for its client, and for what is done with it next (`wires.midjourney.Said`)."""
    properties = job.get("properties")
    kept = (
        {name: properties[name] for name in _PROPERTIES if name in properties} if isinstance(properties, dict) else {}
    )
    seed = job.get("seed")
    said = wire.Said(
        prompt_en=text_of(job.get("promptEn")) or None,
        description=text_of(job.get("description")) or None,
        properties={name: value for name, value in kept.items() if isinstance(value, str | int)},
        buttons=[one for one in map(_button, rows("buttons")(job)[:_MOST_BUTTONS]) if one is not None],
        seed=str(seed) if isinstance(seed, str | int) and seed not in ("", 0) else None,
        image_width=_number(job.get("imageWidth")),
        image_height=_number(job.get("imageHeight")),
        job_id=text_of(job.get("jobId")) or None,
    )
    return Facts.of("midjourney", said)


def _button(said: dict[str, Any]) -> Button | None:
    custom_id = said.get("customId")
    if not isinstance(custom_id, str) or not 0 < len(custom_id) <= _MOST_ID:
        return None
    kind, style = _number(said.get("type")) or 2, _number(said.get("style")) or 2
    return Button(custom_id, text(said.get("emoji"))[:40], text(said.get("label"))[:80], kind, style)


def text_of(value: Any) -> str:
    """A text that can be kept."""
    return value.strip() if isinstance(value, str) and len(value) <= _MOST_TEXT else ""


def _number(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 2**31 else None

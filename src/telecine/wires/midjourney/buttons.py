"""The buttons below a Midjourney task: what their `customId` says, and how it is written.

The forms are those of midjourney-proxy-plus (docs/api.md) and of trueai-org/midjourney-proxy, which read them from
Discord. Reconstructed: the labels and emoji, which only people read; that a number behind `Outpaint` other than 50
and 75 is the share, in per cent, that the picture takes of the new one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, Literal

import msgspec

Does = Literal["upscale", "vary", "reroll", "zoom", "pan", "inpaint", "animate", "extend", "imagine", "describe"]
"""What a button does: the last two stand below a description, and draw what a line of it says, or describe again."""
_MOST: Final = 512
"""Characters of a customId; Discord's have 100 at most."""
_ACROSS: Final[Mapping[str, float]] = {"50": 2.0, "75": 1.5}
"""By the number behind `Outpaint`, how much wider the view becomes."""
_SIDES: Final = ("left", "right", "up", "down")
_LARGER: Final = re.compile(r"upsample_v\w{1,4}_(\d)x(?:_(subtle|creative))?", re.ASCII)


class Button(msgspec.Struct, frozen=True, rename="camel"):
    """One of a task's `buttons` (Discord's component)."""

    custom_id: str
    emoji: str = ""
    label: str = ""
    type: int = 2
    style: int = 2
    """2, or 3 where it has been pressed before."""


class Press(msgspec.Struct, frozen=True, kw_only=True):
    """What a button does, and with which of the pictures: `index`, from 1."""

    does: Does
    index: int | None = None
    style: str | None = None
    """`subtle` or `creative`, of what is made larger."""
    factor: float | None = None
    strength: str | None = None
    """`subtle` or `strong`, of a variation."""
    direction: str | None = None
    motion: str | None = None
    """`low` or `high`, of a video."""
    mark: str = ""
    """Whose button it is: the hash of the job at Midjourney; of our own, a UUID that is the task's id."""
    asks: bool = False
    """It opens a window first, for a prompt or a mask."""


def read(custom_id: str) -> Press | None:
    """What the button does; None where nobody here knows, though its upstream may."""
    words = custom_id.split("::") if len(custom_id) <= _MOST else []
    found: Press | None = None
    match words:
        case ["MJ", "JOB", what, number, mark, *_]:
            found = _job(what, _number(number), mark)
        case ["MJ", "Outpaint", share, number, mark, *_] if factor := _across(share):
            found = Press(does="zoom", index=_number(number), factor=factor, mark=mark)
        case ["MJ", "CustomZoom", mark, *_]:
            found = Press(does="zoom", mark=mark, asks=True)
        case ["MJ", "Inpaint", number, mark, *_]:
            found = Press(does="inpaint", index=_number(number), mark=mark, asks=True)
        case ["MJ", "Job", "PicReader", number] if index := _number(number):
            found = Press(does="imagine", index=index)
        case ["MJ", "Picread", "Retry"]:
            found = Press(does="describe")
    return found


_JOBS: Final[Mapping[str, Press]] = {
    "upsample": Press(does="upscale"),
    "variation": Press(does="vary"),
    "reroll": Press(does="reroll"),
    "low_variation": Press(does="vary", strength="subtle"),
    "high_variation": Press(does="vary", strength="strong"),
    **{f"pan_{side}": Press(does="pan", direction=side) for side in _SIDES},
    **{f"animate_{motion}": Press(does="animate", motion=motion) for motion in ("low", "high")},
    **{f"animate_{motion}_extend": Press(does="extend", motion=motion) for motion in ("low", "high")},
}
"""What stands behind `MJ::JOB::`."""


def _job(what: str, index: int | None, mark: str) -> Press | None:
    known = _JOBS.get(what)
    if known is None and (found := _LARGER.fullmatch(what)) is not None:
        known = Press(does="upscale", factor=float(found[1]), style=found[2])
    return None if known is None else msgspec.structs.replace(known, index=index, mark=mark)


def _number(text: str) -> int | None:
    """A picture's number, from 1; None for 0, which means none in particular."""
    return int(text) or None if text.isascii() and text.isdigit() and len(text) < 4 else None


def _across(share: str) -> float | None:
    known = _ACROSS.get(share)
    number = _number(share)
    return known or (None if number is None or not 10 <= number < 100 else 100 / number)


def grid_buttons(mark: str, pictures: int) -> list[Button]:
    """Below a grid: each picture alone, all anew, and four like one of them."""
    numbers = range(1, pictures + 1)
    return [
        *(Button(f"MJ::JOB::upsample::{number}::{mark}", label=f"U{number}") for number in numbers),
        Button(f"MJ::JOB::reroll::0::{mark}::SOLO", emoji="🔄"),
        *(Button(f"MJ::JOB::variation::{number}::{mark}", label=f"V{number}") for number in numbers),
    ]


def picture_buttons(mark: str, *, all_of_them: bool = True) -> list[Button]:
    """Below a single picture. `all_of_them`: where it can also be made larger, moved, and varied by more or less."""
    job = f"MJ::JOB::{{}}::1::{mark}"
    alone = f"{job}::SOLO"
    larger = [
        Button(alone.format(f"upsample_v7_2x_{style}"), "upscale_1", f"Upscale ({style.title()})")
        for style in ("subtle", "creative")
    ]
    varied = [
        Button(alone.format("low_variation"), "🪄", "Vary (Subtle)"),
        Button(alone.format("high_variation"), "🪄", "Vary (Strong)"),
    ]
    moving = [
        Button(alone.format(f"animate_{motion}"), "🎞️", f"Animate ({motion.title()} motion)")
        for motion in ("high", "low")
    ]
    return [
        *((*larger, *varied) if all_of_them else [Button(job.format("variation"), "🪄", "Make Variations")]),
        Button(f"MJ::Inpaint::1::{mark}::SOLO", "🖌️", "Vary (Region)"),
        Button(f"MJ::Outpaint::50::1::{mark}::SOLO", "🔍", "Zoom Out 2x"),
        Button(f"MJ::Outpaint::75::1::{mark}::SOLO", "🔍", "Zoom Out 1.5x"),
        Button(f"MJ::CustomZoom::{mark}", "🔍", "Custom Zoom"),
        *(Button(alone.format(f"pan_{side}"), emoji) for side, emoji in zip(_SIDES, ("⬅️", "➡️", "⬆️", "⬇️"), strict=True)),
        *(moving if all_of_them else []),
    ]


def line_buttons(lines: int) -> list[Button]:
    """Below a description: draw what a line of it says; describe again."""
    return [
        *(Button(f"MJ::Job::PicReader::{number}", f"{number}️⃣") for number in range(1, lines + 1)),
        Button("MJ::Picread::Retry", "🔄"),
    ]

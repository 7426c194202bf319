"""What of a job's files counts: as many results as were asked for, in the upstream's order, without those that are
lost. A result is an item, however many forms it comes in; companions (covers, lyrics, last frames) never count.

Nothing here believes an upstream further than its files, or what was asked of it, bear it out: files beyond those that
were asked for are kept, and never counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

from msgspec.structs import replace

from telecine.nouns.task import Output, Usage

_LEAST_SECONDS, _MOST_SECONDS = 0.1, 3600.0
"""An upstream that tells of a length outside these counts in something else."""
_MOST_TIMES: Final = 10
"""The same, where the length was asked for: so many times that, or so small a part of it."""
_SHARE: Final = 0.02
_FRAMES: Final = 2
_FRAME_RATE: Final = 24.0
"""Of files whose own nobody knows."""
_ROUNDING: Final = 1e-6


def counted(outputs: Sequence[Output], count: int, kind: Literal["image", "audio", "lasting"]) -> list[Output]:
    """The files of a kind that count, where `count` results were asked for; `lasting` are video and audio.

    Of an item that has several (a song as sound, and with pictures) the first one stands for it.
    """
    kinds = ("video", "audio") if kind == "lasting" else (kind,)
    there: dict[int, Output] = {}
    for one in outputs:
        if one.main and one.state != "lost" and one.kind in kinds:
            there.setdefault(one.item, one)
    return list(there.values())[:count]


def pictures(usage: Usage, outputs: Sequence[Output], count: int) -> int:
    """How many pictures count. One file that shows several of them (a grid) counts as so many as its upstream says that
    it has, where so many were asked for."""
    files = len(counted(outputs, count, "image"))
    together = len({one.item for one in outputs if one.main and one.kind == "image"}) == 1
    return max(files, min(usage.images or 0, count)) if files and together else files


def measured(usage: Usage, outputs: Sequence[Output], count: int, asked: float | None) -> Usage:
    """`usage` of what counts: as probed where every file is here, else in the upstream's own words, as far as they can
    be believed. `asked`: the seconds that each file was to have."""
    images = pictures(usage, outputs, count)
    files = counted(outputs, count, "lasting")
    lengths = _probed(files)
    if files and lengths is not None:
        seconds: float | None = round(sum(lengths), 3)
    else:
        each = _believed(usage.seconds, len({one.item for one in outputs if one.main}), asked)
        seconds = None if each is None else round(each * len(files), 3)
    return replace(usage, seconds=seconds, images=images or usage.images)


def seconds(usage: Usage, outputs: Sequence[Output], count: int, asked: float | None) -> float | None:
    """The seconds that are paid for; None where nobody knows. `usage` is what `measured` made of it.

    A file that is nearly as long as it was to be counts as that long. What nobody has measured or told counts as it was
    asked for.
    """
    files = counted(outputs, count, "lasting")
    if not files:
        return 0.0
    lengths = _probed(files)
    if lengths is None and usage.seconds is not None:
        lengths = [usage.seconds / len(files)] * len(files)
    if lengths is None:
        return None if asked is None else asked * len(files)
    return sum(_near(length, asked, file.frame_rate) for length, file in zip(lengths, files, strict=True))


def _probed(files: Sequence[Output]) -> list[float] | None:
    """How long the files are; None where one of them is not here."""
    lengths = [file.duration for file in files if file.state == "stored" and file.duration is not None]
    return lengths if len(lengths) == len(files) else None


def _near(length: float, asked: float | None, frame_rate: float | None) -> float:
    """`asked` where `length` is within 2 % or two frames of it."""
    if asked is None:
        return length
    slack = max(asked * _SHARE, _FRAMES / (frame_rate or _FRAME_RATE)) + _ROUNDING
    return asked if abs(length - asked) <= slack else length


def _believed(told: float | None, items: int, asked: float | None) -> float | None:
    """The length of one item, where the upstream has told that of all together; None where that is none, or another
    unit (frames, milliseconds, minutes) passed off as seconds."""
    if told is None:
        return None
    least, most = (_LEAST_SECONDS, _MOST_SECONDS) if asked is None else (asked / _MOST_TIMES, asked * _MOST_TIMES)
    each = told / max(items, 1)
    return each if least <= each <= most else None

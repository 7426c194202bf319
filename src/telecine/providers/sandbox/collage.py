"""Given pictures in one frame: side by side under the prompt, or one on a larger ground. Runs in a worker."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from telecine.providers.sandbox import storyboard
from telecine.providers.sandbox.jobs import SandboxJob
from telecine.workers import DeclinedError

if TYPE_CHECKING:
    from PIL.Image import Image

Box = tuple[int, int, int, int]
_CAPTION: Final = 0.22
"""The share of a frame's height that its prompt has."""


def picture(path: Path, look: str) -> Image:
    """The picture in `path`, of a video its first frame. Raises DeclinedError."""
    if look != "video":
        return storyboard.read_picture(path)
    import av

    try:
        with av.open(str(path), "r") as container:
            return next(container.decode(video=0)).to_image()  # type: ignore[no-untyped-call,no-any-return]
    except Exception:  # decoders raise anything for a broken file
        raise DeclinedError("the video cannot be read") from None


def side_by_side(job: SandboxJob, index: int, pictures: Sequence[Image], width: int, height: int) -> Image:
    """All of `pictures` whole, in a row under the prompt. Where `width` and `height` exceed the job's, they stand in
    the middle, so that all of it stays in view wherever the camera is."""
    ground = storyboard.ground(job, index, width, height)
    left, top = width - job.width, height - job.height
    box = (left, top, width - left, height - top)
    under = box[1]
    if job.text:
        under += round((box[3] - box[1]) * _CAPTION)
        storyboard.caption(ground, (box[0], box[1], box[2], under), job.text)
    cell = (box[2] - box[0]) / max(len(pictures), 1)
    for number, one in enumerate(pictures):
        _place(ground, one, (round(box[0] + number * cell), under, round(box[0] + (number + 1) * cell), box[3]))
    return ground


def grown(job: SandboxJob, index: int, one: Image, width: int, height: int) -> Image:
    """`one` on a ground that is as much larger as the job says, each side by its share."""
    up, down, left, right = job.growth
    across, along = width / (1 + left + right), height / (1 + up + down)
    ground = storyboard.ground(job, index, width, height)
    at = (round(left * across), round(up * along))
    size = (max(1, round(across)), max(1, round(along)))
    ground.paste(one.resize(size), at)
    if job.text:
        storyboard.caption(ground, (0, round(height * (1 - _CAPTION)), width, height), job.text)
    return ground


def _place(ground: Image, one: Image, box: Box) -> None:
    """`one`, whole and in the middle of `box`, with a margin around it."""
    from PIL import ImageOps

    margin = max(1, min(box[2] - box[0], box[3] - box[1]) // 20)
    room = (max(1, box[2] - box[0] - 2 * margin), max(1, box[3] - box[1] - 2 * margin))
    fitted = ImageOps.contain(one, room)
    ground.paste(fitted, ((box[0] + box[2] - fitted.width) // 2, (box[1] + box[3] - fitted.height) // 2))

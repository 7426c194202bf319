"""What becomes of a picture that is there: larger, much as it was, a part of it anew, several as one. Runs in a
worker."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from telecine.providers.sandbox import collage, storyboard
from telecine.providers.sandbox.jobs import SandboxJob
from telecine.workers import DeclinedError

if TYPE_CHECKING:
    from PIL.Image import Image

_SUBTLE, _STRONG = 0.18, 0.45
"""How much of a variation is of a colour of its own."""
_FACE: Final = (0.34, 0.08, 0.66, 0.5)
"""Where a face is looked for: the shares of the picture's width and height at its left, top, right and bottom."""


def changed(job: SandboxJob, index: int, inputs: Sequence[Path], width: int, height: int) -> Image:
    """The result with this number, of the files of the job. Raises DeclinedError for what is no picture."""
    roles = [one.role for one in job.given]
    if job.draws == "repainted":
        mask = storyboard.read_mask(inputs[roles.index("mask")])
        return _repainted(job, index, storyboard.fitted(inputs[0], width, height), mask)
    pictures = [collage.picture(path, one.look) for path, one in zip(inputs, job.given, strict=True)]
    if not pictures:
        raise DeclinedError("there is no picture")
    match job.draws:
        case "larger":
            return _larger(job, pictures[0], width, height)
        case "varied":
            return _varied(job, index, storyboard.fit(pictures[0], width, height))
        case "blended":
            return _blended(index, [storyboard.fit(one, width, height) for one in pictures])
        case "swapped":
            return _swapped(storyboard.fit(pictures[0], width, height), pictures[roles.index("person")])
        case _:
            return _recoloured(job, index, storyboard.fit(pictures[0], width, height))


def _larger(job: SandboxJob, one: Image, width: int, height: int) -> Image:
    """The whole of it; where something may be added to it, sharper."""
    from PIL import Image, ImageFilter

    larger = one.resize((width, height), Image.Resampling.LANCZOS)
    return larger.filter(ImageFilter.DETAIL) if job.style == "creative" else larger


def _varied(job: SandboxJob, index: int, one: Image) -> Image:
    """The picture, with more or less of a light that differs with each."""
    from PIL import Image

    ground = storyboard.lit(job, index, *one.size)
    return Image.blend(one, ground, _SUBTLE if job.strength == "subtle" else _STRONG)


def _repainted(job: SandboxJob, index: int, one: Image, mask: Image) -> Image:
    """The picture, with its prompt where the mask is light, and untouched everywhere else."""
    from PIL import Image

    mask = mask.resize(one.size, Image.Resampling.NEAREST)
    box = mask.getbbox()
    if box is None:
        return one
    anew = storyboard.lit(job, index, *one.size)
    if job.text:
        storyboard.caption(anew, box, job.text)
    one.paste(anew, (0, 0), mask)
    return one


def _blended(index: int, pictures: Sequence[Image]) -> Image:
    """All of them on top of each other, another one the strongest in each result."""
    from PIL import Image

    turn = index % len(pictures)
    first, *others = (*pictures[turn:], *pictures[:turn])
    for number, other in enumerate(others, 2):
        first = Image.blend(first, other, 0.8 / number)
    return first


def _recoloured(job: SandboxJob, index: int, one: Image) -> Image:
    """Its shapes in the colours of the prompt, which stands below."""
    from PIL import ImageOps

    palette = storyboard.palette(job, index)
    drawn = ImageOps.colorize(ImageOps.autocontrast(one.convert("L")), palette.bottom, "white", mid=palette.accent)
    if job.text:
        storyboard.caption(drawn, (0, round(drawn.height * 0.8), drawn.width, drawn.height), job.text)
    return drawn


def _swapped(one: Image, person: Image) -> Image:
    """The picture with who is in the other one in the place of its face."""
    from PIL import Image, ImageDraw

    left, top, right, bottom = _FACE
    box = (
        round(left * one.width),
        round(top * one.height),
        max(round(right * one.width), round(left * one.width) + 1),
        max(round(bottom * one.height), round(top * one.height) + 1),
    )
    face = storyboard.fit(person, box[2] - box[0], box[3] - box[1])
    oval = Image.new("L", face.size, 0)
    ImageDraw.Draw(oval).ellipse((0, 0, face.width - 1, face.height - 1), fill=255)
    one.paste(face, box[:2], oval)
    return one

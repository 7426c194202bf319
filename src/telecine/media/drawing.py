"""Pictures that are made of kept ones: four in one, one on a larger ground, a mask. Runs in a worker process."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Final

from telecine.media.probe import picture, save

if TYPE_CHECKING:
    from PIL.Image import Image

_CELL: Final = 1024
"""Pixels of the longer side of one picture in a grid, at most."""
_WITH_ALPHA: Final = ("PNG", "WEBP", "GIF")
_OPAQUE: Final = 255
_HALF: Final = 128


def grid(paths: list[Path], target: Path) -> None:
    """Write the pictures to `target` as one JPEG, row by row, in cells like the first. Raises NotMediaError."""
    from PIL import Image, ImageOps

    columns = math.ceil(math.sqrt(len(paths)))
    sheet: Image.Image | None = None
    cell = (1, 1)
    for index, path in enumerate(paths):
        one = picture(path)
        if sheet is None:
            one.thumbnail((_CELL, _CELL))
            cell = one.size
            sheet = Image.new("RGB", (cell[0] * columns, cell[1] * math.ceil(len(paths) / columns)))
        row, column = divmod(index, columns)
        sheet.paste(ImageOps.pad(one, cell), (column * cell[0], row * cell[1]))
    if sheet is not None:
        save(sheet, target)


def canvas(path: Path, target: Path, growth: tuple[float, float, float, float]) -> tuple[int, int]:
    """Write the picture to `target` as PNG, with nothing around it: as shares of its height above and below it, of its
    width left and right. It has as many pixels as before, at most. Returns its size. Raises NotMediaError."""
    from PIL import Image

    one = picture(path)
    up, down, left, right = growth
    across, along = one.width * (1 + left + right), one.height * (1 + up + down)
    scale = min(1.0, math.sqrt(one.width * one.height / (across * along)))
    ground = Image.new("RGBA", (round(across * scale), round(along * scale)), (0, 0, 0, 0))
    size = (max(1, round(one.width * scale)), max(1, round(one.height * scale)))
    ground.paste(one.resize(size), (round(one.width * left * scale), round(one.height * up * scale)))
    ground.save(target, "PNG", compress_level=1)
    return ground.size


def hole(path: Path, target: Path, size: tuple[int, int]) -> None:
    """Write a mask of that size to `target`, as PNG, which is transparent where the one at `path` is so, or, where all
    of that is opaque, where it is light. Raises NotMediaError."""
    from PIL import Image

    open_at = _transparent(path)
    if open_at is None:
        open_at = picture(path).convert("L").point(lambda light: _OPAQUE if light >= _HALF else 0)
    kept = open_at.resize(size).point(lambda light: 0 if light >= _HALF else _OPAQUE)
    mask = Image.new("RGBA", size, "black")
    mask.putalpha(kept)
    mask.save(target, "PNG", compress_level=1)


def _transparent(path: Path) -> Image | None:
    """Where the picture is transparent, as white on black; None where it is so nowhere."""
    from PIL import Image, UnidentifiedImageError

    picture(path)  # which judges whether it may be opened
    try:
        with Image.open(path, formats=_WITH_ALPHA) as one:
            if not one.has_transparency_data:
                return None
            found = one.convert("RGBA").getchannel("A").point(lambda opaque: 0 if opaque >= _HALF else _OPAQUE)
    except UnidentifiedImageError:
        return None
    return found if found.getbbox() is not None else None

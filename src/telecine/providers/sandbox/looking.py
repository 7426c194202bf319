"""What can be seen in a picture: its main colours by name, and how light it is. Runs in a worker."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Final

from telecine.providers.sandbox.recipes import Looks

_SIDE: Final = 48
"""Pixels a side that are looked at."""
_MOST: Final = 3
_LEAST: Final = 0.08
"""The share of a picture that makes a colour one of its main ones."""
_NAMES: Final = {
    "black": (12, 12, 12),
    "dark grey": (70, 70, 70),
    "grey": (128, 128, 128),
    "light grey": (195, 195, 195),
    "white": (245, 245, 245),
    "red": (205, 30, 35),
    "dark red": (110, 15, 20),
    "orange": (240, 140, 25),
    "brown": (115, 70, 35),
    "beige": (225, 205, 170),
    "yellow": (245, 220, 40),
    "olive": (120, 120, 30),
    "green": (45, 160, 60),
    "dark green": (20, 75, 35),
    "light green": (150, 220, 130),
    "turquoise": (45, 190, 190),
    "teal": (15, 90, 95),
    "light blue": (140, 190, 240),
    "blue": (35, 75, 205),
    "dark blue": (15, 25, 75),
    "purple": (125, 45, 160),
    "pink": (245, 150, 185),
    "magenta": (215, 40, 150),
}


def look(path: Path) -> Looks:
    """What is seen in the picture at `path`. Raises DeclinedError."""
    from telecine.providers.sandbox import storyboard

    small = storyboard.read_picture(path).resize((_SIDE, _SIDE))
    raw = small.tobytes()
    pixels = list(zip(raw[0::3], raw[1::3], raw[2::3], strict=True))
    counts = Counter(map(_name, pixels)).most_common(_MOST)
    main = [one for one in counts if one[1] >= _LEAST * len(pixels)] or counts[:1]
    light = sum(0.2126 * red + 0.7152 * green + 0.0722 * blue for red, green, blue in pixels) / (255 * len(pixels))
    return Looks(tuple((name, round(100 * count / len(pixels))) for name, count in main), round(light, 3))


def _name(pixel: tuple[int, int, int]) -> str:
    """The name of the nearest colour; eyes tell green apart best, and blue worst."""
    red, green, blue = pixel
    return min(
        _NAMES,
        key=lambda name: (
            2 * (red - _NAMES[name][0]) ** 2 + 4 * (green - _NAMES[name][1]) ** 2 + 3 * (blue - _NAMES[name][2]) ** 2
        ),
    )

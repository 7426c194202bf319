"""Setting a prompt in type: Chinese, Japanese, Korean and Latin text, wrapped and shrunk to fit. Runs in a worker."""

from __future__ import annotations

import re
from functools import cache, lru_cache
from itertools import count
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from PIL.ImageFont import FreeTypeFont

SANS: Final = "Noto Sans CJK SC"
MONO: Final = "Noto Sans Mono CJK SC"
LEADING: Final = 1.42
_MOST: Final = 2000
"""Characters that are looked at: no frame holds more."""
_CJK: Final = "\u2e80-\u303f\u3040-\u9fff\uac00-\ud7af\uf900-\ufaff\uff00-\uffef\U00020000-\U0003ffff"
_OPEN: Final = "（《〈「『【〔“‘(\\[{"
_CLOSE: Final = "，。！？；：、）》〉」』】〕”’…—～,.!?;:)\\]}"
# What stays on one line: an ideograph or a Latin word, with the opening marks before it and the closing ones after it.
_UNIT: Final = re.compile(
    rf"(\s*)([{_OPEN}]*(?:(?![{_CLOSE}])[{_CJK}]|[^\s{_CJK}{_OPEN}{_CLOSE}][^\s{_CJK}]*|)[{_CLOSE}]*|\S)"
)
# The font has no emoji; a row of boxes would say less than nothing.
_NOT_IN_FONT: Final = re.compile("[\U0001f000-\U0001faff\U000e0000-\U000e007f\u200b-\u200f\u2060-\u206f\ufe00-\ufe0f]")


class Setting(NamedTuple):
    """Text broken into lines that fit; `leading` is the distance of their baselines in pixels."""

    font: FreeTypeFont
    lines: list[str]
    leading: int


@lru_cache(64)
def font(family: str, size: int) -> FreeTypeFont:
    """One face of the font collection, found by its name; `size` in pixels."""
    from PIL import ImageFont

    return ImageFont.truetype(_file(), size, index=_face(family), layout_engine=ImageFont.Layout.BASIC)


def fit(text: str, width: int, height: int, largest: int, smallest: int) -> Setting:
    """`text` as large as the box allows; what does not fit at the smallest size ends in an ellipsis."""
    text = " ".join(_NOT_IN_FONT.sub("", text[:_MOST]).split())
    # Start near the size at which the characters would fill the box.
    size = max(smallest, min(largest, int(1.5 * (width * height / max(len(text), 1)) ** 0.5)))
    while True:
        setting = _set(text, width, size)
        rows = max(1, height // setting.leading)
        if len(setting.lines) <= rows:
            return _balanced(text, width, size, setting)
        if size <= smallest:
            lines = [*setting.lines[: rows - 1], _ellipsised(setting.lines[rows - 1], setting.font, width)]
            return setting._replace(lines=lines)
        size = max(smallest, min(size - 1, int(size * 0.92)))


def _balanced(text: str, width: int, size: int, setting: Setting) -> Setting:
    """The same number of lines, of more even length."""
    if not 1 < len(setting.lines) <= 8:
        return setting
    for narrower in range(width * 15 // 16, width // 2, -(width // 16)):
        even = _set(text, narrower, size)
        if len(even.lines) > len(setting.lines):
            break
        setting = even
    return setting


def _set(text: str, width: int, size: int) -> Setting:
    face = font(SANS, size)
    lines: list[str] = []
    line, used = "", 0.0
    for space, found in _UNIT.findall(text):
        unit = found
        gap = " " if space and line else ""
        length = face.getlength(gap + unit)
        if line and used + length > width:
            lines.append(line)
            line, used, gap, length = "", 0.0, "", face.getlength(unit)
        if length > width:  # a word, a URL perhaps, that is longer than a line
            *full, unit = _broken(unit, face, width)
            lines += full
            length = face.getlength(unit)
        line, used = line + gap + unit, used + length
    return Setting(face, [*lines, line] if line else lines, round(size * LEADING))


def _broken(word: str, face: FreeTypeFont, width: int) -> list[str]:
    pieces = [""]
    for character in word:
        if pieces[-1] and face.getlength(pieces[-1] + character) > width:
            pieces.append("")
        pieces[-1] += character
    return pieces


def _ellipsised(line: str, face: FreeTypeFont, width: int) -> str:
    while line and face.getlength(line + "…") > width:
        line = line[:-1]
    return line.rstrip() + "…"


@cache
def _file() -> str:
    from noto_cjk_sans_otc import FONT_PATH

    return str(FONT_PATH)


@cache
def _face(family: str) -> int:
    from PIL import ImageFont

    for index in count():
        if ImageFont.truetype(_file(), 10, index=index).getname()[0] == family:  # OSError past the last face
            return index
    raise AssertionError  # `count` never ends

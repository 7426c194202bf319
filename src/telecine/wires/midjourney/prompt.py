"""What a prompt of Midjourney's says beside its words: `a cat --ar 16:9 --no dogs --v 7` (docs.midjourney.com,
"Parameter List"). Parameters stand at the end, each behind two dashes, or a long one, which telephones make of them."""

from __future__ import annotations

import re
from itertools import takewhile
from typing import Final

import msgspec

_FLAG: Final = re.compile(r"(?:^|(?<=\s))(?:--|—)(?=[A-Za-z])")
_SPACE: Final = re.compile(r"\s+")
_WORD: Final = re.compile(r"\S+")
_PICTURES: Final = ("http://", "https://", "asset://")
"""How a picture before the words begins; the last is ours."""
LONG: Final = {
    "aspect": "ar",
    "version": "v",
    "stylize": "s",
    "chaos": "c",
    "weird": "w",
    "quality": "q",
    "personalize": "p",
    "profile": "p",
    "repeat": "r",
}
"""By the long name of a parameter, the short one."""
STYLING: Final = frozenset(
    {"v", "style", "s", "c", "w", "q", "p", "raw", "exp", "stop", "hd", "draft", "iw", "sw", "cw", "ow", "sv"}
)
"""Which of Midjourney's own models draws, and how freely: says nothing to another."""


class Prompt(msgspec.Struct, frozen=True):
    """A prompt taken apart."""

    text: str
    """Its words."""
    pictures: tuple[str, ...] = ()
    """URLs before its words: pictures that it is made with."""
    flags: tuple[tuple[str, str], ...] = ()
    """Name (short, in lower case) and value of each parameter, in their order."""

    def value(self, name: str) -> str | None:
        """The value of the last parameter with this name, which is the one that counts; None where there is none."""
        return next((value for one, value in reversed(self.flags) if one == name), None)

    @property
    def names(self) -> frozenset[str]:
        """Which parameters there are."""
        return frozenset(name for name, _ in self.flags)


def read(prompt: str) -> Prompt:
    """`prompt` taken apart."""
    text, *flags = _FLAG.split(prompt)
    found = list(takewhile(lambda word: word[0][:8].lower().startswith(_PICTURES), _WORD.finditer(text)))
    rest = text[found[-1].end() if found else 0 :].strip()
    return Prompt(rest, tuple(word[0] for word in found), tuple(_named(flag) for flag in flags))


def _named(flag: str) -> tuple[str, str]:
    name, *value = _SPACE.split(flag.strip(), maxsplit=1)
    name = name.lower()
    return LONG.get(name, name), value[0] if value else ""

"""Words for a song, from what it is to be about: the same for the same."""

from __future__ import annotations

import random
from typing import Final
from zlib import crc32

_LINES: Final = (
    "{0}, and the night is wide",
    "I saw {0} on the other side",
    "Somebody is humming of {0}",
    "{0} again, and the lights are low",
    "All that we keep is {0}",
    "The morning will ask us for {0}",
)
_STYLES: Final = ("folk, acoustic, slow", "synthwave, bright", "lo-fi, mellow", "piano ballad", "indie pop, upbeat")
_MOST_WORDS: Final = 6


def title_of(about: str) -> str:
    """A title: the first words of what it is about."""
    words = about.split()[:_MOST_WORDS]
    return " ".join(word[:1].upper() + word[1:] for word in words)[:80] or "Untitled"


def style_of(about: str) -> str:
    """A style for what says none."""
    return _STYLES[crc32(about.encode()) % len(_STYLES)]


def write(about: str) -> str:
    """Two verses and a chorus."""
    subject = " ".join(about.split()[:_MOST_WORDS])[:80].rstrip(".,;:!?") or "nothing at all"
    chance = random.Random(crc32(about.encode()))  # noqa: S311  words, not a secret
    parts = []
    for name in ("Verse 1", "Chorus", "Verse 2"):
        lines = (line.format(subject) for line in chance.sample(_LINES, 4))
        parts.append("\n".join((f"[{name}]", *(line[:1].upper() + line[1:] for line in lines))))
    return "\n\n".join(parts)

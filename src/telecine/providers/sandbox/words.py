"""What the sandbox says of a picture, and how it makes a prompt shorter: words, drawn by nobody."""

from __future__ import annotations

from math import gcd
from typing import Final

from telecine.nouns.errors import invalid
from telecine.providers.sandbox.recipes import Given

_NUMBERS: Final = ("1\ufe0f\u20e3", "2\ufe0f\u20e3", "3\ufe0f\u20e3", "4\ufe0f\u20e3", "5\ufe0f\u20e3")
"""As Midjourney numbers its lines."""
_RATIOS: Final = ("1:1", "5:4", "4:3", "3:2", "16:10", "16:9", "2:1", "21:9", "3:1")
_CLOSE: Final = 0.01
"""How far a picture may be from a ratio that it is said to have."""
_LIGHT, _DARK = 0.6, 0.35
_MINOR: Final = frozenset(
    (
        *("a", "an", "the", "of", "in", "on", "at", "by", "to", "for", "with", "and", "or", "but", "from", "into"),
        *("over", "under", "very", "really", "quite", "is", "are", "was", "be", "that", "this", "these", "those"),
        *("its", "it", "some", "please", "there"),
    )
)
"""Words without which a prompt says the same."""
_SHORTER: Final = (1.0, 0.75, 0.5, 0.34, 0.2)
"""How much of the words that mean something is left in each line."""


def described(given: Given) -> str:
    """Four lines, each of which is true of the picture, numbered; a prompt for its like may be any of them."""
    looks = given.looks
    if looks is None:
        return ""
    shape = "square" if given.width == given.height else "landscape" if given.width > given.height else "portrait"
    tone = "light" if looks.light >= _LIGHT else "dark" if looks.light <= _DARK else "half-light"
    names = [name for name, _ in looks.colours]
    shares = [f"{name} ({share} %)" for name, share in looks.colours]
    ratio = ratio_of(given.width, given.height)
    tail = f"--ar {ratio}"
    lines = (
        f"a {tone} {shape} picture, mostly {names[0]}, {given.width} x {given.height} pixels {tail}",
        f"{_listed(shares)} in a {shape} frame of {ratio} {tail}",
        f"a {shape} study in {_listed(names)}, {tone} {tail}",
        f"{_listed(names)}, {tone}, {given.width} pixels wide and {given.height} high {tail}",
    )
    return _numbered(lines)


def shortened(prompt: str) -> str:
    """The prompt in five lines at the most, numbered, each shorter than it and than the line before; its parameters
    (`--ar 16:9`) stay out. Raises GatewayError (`invalid_request`) where nothing can be taken away."""
    words = f" {prompt}".partition(" --")[0].split()
    meant = [one for one in words if one.strip(",.;:!?").lower() not in _MINOR] or words
    lines: list[str] = []
    longest = len(" ".join(words))
    for share in _SHORTER:
        line = " ".join(meant[: max(1, round(len(meant) * share))]).rstrip(",.;:")
        if line and len(line) < longest:
            lines.append(line)
            longest = len(line)
    if not lines:
        raise invalid("The prompt cannot be made shorter.", "prompt")
    return _numbered(lines)


def ratio_of(width: int, height: int) -> str:
    """The proportions of a picture: the usual name that they have, else what they come to."""
    for name in _RATIOS:
        across, down = map(int, name.split(":"))
        for wide, high in ((across, down), (down, across)):
            if abs(width * high / (height * wide) - 1) <= _CLOSE:
                return f"{wide}:{high}"
    common = gcd(width, height)
    return f"{width // common}:{height // common}"


def _numbered(lines: tuple[str, ...] | list[str]) -> str:
    return "\n\n".join(f"{number} {line}" for number, line in zip(_NUMBERS, lines, strict=False))


def _listed(words: list[str]) -> str:
    return ", ".join(words[:-1]) + " and " + words[-1] if len(words) > 1 else words[0]

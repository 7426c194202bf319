"""How much goes to one receiver at a time, and when it is left alone."""

from __future__ import annotations

from typing import Final

import msgspec

AT_ONCE: Final = 8
PATIENCE: Final = 5
"""Failures in a row after which a line is left alone."""
_FIRST_PAUSE: Final = 30.0
_LONGEST_PAUSE: Final = 3600.0


class _Line(msgspec.Struct):
    under_way: int = 0
    failures: int = 0
    closed_until: float = 0.0


class Lines:
    """The lines that something is under way on, or that have failed lately. All others are free."""

    def __init__(self) -> None:
        self._lines: dict[str, _Line] = {}

    def take(self, name: str, now: float) -> bool:
        """Whether one more may be sent on this line now; if so, it counts as under way."""
        line = self._lines.setdefault(name, _Line())
        if _full(line, now):
            return False
        line.under_way += 1
        return True

    def give(self, name: str, now: float, *, well: bool) -> None:
        """One that was under way has ended. The first that goes well frees the line again."""
        line = self._lines[name]
        line.under_way -= 1
        if well:
            line.failures, line.closed_until = 0, 0.0
        elif now >= line.closed_until:  # one that began before the line was closed says nothing new
            line.failures += 1
            if line.failures >= PATIENCE:
                pause = min(_FIRST_PAUSE * 2.0 ** (line.failures - PATIENCE), _LONGEST_PAUSE)
                line.closed_until = now + pause
        if not line.under_way and not line.failures:
            del self._lines[name]

    def full(self, now: float) -> list[str]:
        """The lines on which nothing may be sent now."""
        return [name for name, line in self._lines.items() if _full(line, now)]

    def broken(self) -> list[str]:
        """The lines that are left alone until a single try goes well."""
        return [name for name, line in self._lines.items() if line.failures >= PATIENCE]


def _full(line: _Line, now: float) -> bool:
    most = 1 if line.failures >= PATIENCE else AT_ONCE
    return now < line.closed_until or line.under_way >= most

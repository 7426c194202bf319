"""How much goes to one receiver at a time, and when it is left alone."""

from __future__ import annotations

from typing import Final

import msgspec

AT_ONCE: Final = 8
PATIENCE: Final = 5
"""Failures in a row after which a line is left alone."""
_FIRST_PAUSE: Final = 30.0
_LONGEST_PAUSE: Final = 3600.0


class Pause(msgspec.Struct, frozen=True):
    """Until when a line is left alone (seconds since the Unix epoch), and why."""

    until: float
    reason: str


class _Line(msgspec.Struct):
    under_way: int = 0
    failures: int = 0
    last_failure: str = ""
    closed_until: float = 0.0


class Lines:
    """The lines that something is under way on, or that have failed lately. All others are free."""

    def __init__(self) -> None:
        self._lines: dict[str, _Line] = {}

    def take(self, name: str, now: float, *, asked: bool = False) -> bool:
        """Whether one more may be sent on this line now; if so, it counts as under way.

        `asked`: a person wants to see now what the receiver says, so that it does not wait for the end of a pause.
        """
        line = self._lines.setdefault(name, _Line())
        if _full(line) or (_closed(line, now) and not asked):
            return False
        line.under_way += 1
        return True

    def give(self, name: str, now: float, *, well: bool, failure: str | None = None) -> None:
        """One that was under way has ended. The first that goes well frees the line again.

        `failure` is why it did not go well; None where that is no reason to leave the line alone.
        """
        line = self._lines[name]
        line.under_way -= 1
        if well:
            line.failures, line.closed_until = 0, 0.0
        elif failure is not None and now >= line.closed_until:  # one from before the line was closed says nothing new
            line.failures += 1
            line.last_failure = failure
            if line.failures >= PATIENCE:
                pause = min(_FIRST_PAUSE * 2.0 ** (line.failures - PATIENCE), _LONGEST_PAUSE)
                line.closed_until = now + pause
        self._drop_idle(name)

    def reset(self, name: str) -> None:
        """Forget the failures of a line."""
        if (line := self._lines.get(name)) is not None:
            line.failures, line.closed_until = 0, 0.0
            self._drop_idle(name)

    def pause(self, name: str, now: float) -> Pause | None:
        """The pause of a line that is left alone now."""
        line = self._lines.get(name)
        if line is None or now >= line.closed_until:
            return None
        return Pause(line.closed_until, f"{line.failures} failures in a row, the last one: {line.last_failure}")

    def full(self) -> list[str]:
        """The lines on which nothing at all may be sent now."""
        return [name for name, line in self._lines.items() if _full(line)]

    def closed(self, now: float) -> list[str]:
        """The lines on which only what a person asked for may be sent now."""
        return [name for name, line in self._lines.items() if _closed(line, now)]

    def broken(self) -> list[str]:
        """The lines that are left alone until a single try goes well."""
        return [name for name, line in self._lines.items() if line.failures >= PATIENCE]

    def _drop_idle(self, name: str) -> None:
        line = self._lines[name]
        if not line.under_way and not line.failures:
            del self._lines[name]


def _full(line: _Line) -> bool:
    return line.under_way >= AT_ONCE


def _closed(line: _Line, now: float) -> bool:
    return now < line.closed_until or (line.failures >= PATIENCE and line.under_way > 0)

"""How much goes to one receiver at a time, and when it is left alone."""

from __future__ import annotations

from typing import Final

import msgspec

from telecine.circuit import Circuit, Temper
from telecine.clock import Clock

AT_ONCE: Final = 8
PATIENCE: Final = 5
"""Failures in a row after which a line is left alone."""
_TEMPER: Final = Temper(doubts=PATIENCE, first=30.0, longest=3600.0)


class Pause(msgspec.Struct, frozen=True):
    """Until when a line is left alone (seconds since the Unix epoch), and why."""

    until: float
    reason: str


class _Line:
    def __init__(self, clock: Clock) -> None:
        self.circuit = Circuit(clock, _TEMPER)
        self.under_way = 0
        self.failures = 0
        self.last_failure = ""

    @property
    def full(self) -> bool:
        return self.under_way >= AT_ONCE


class Lines:
    """The lines that something is under way on, or that have failed lately. All others are free."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lines: dict[str, _Line] = {}

    def take(self, name: str, delivery: int, *, asked: bool = False) -> bool:
        """Whether this delivery may be sent on this line now; if so, it counts as under way.

        `asked`: a person wants to see now what the receiver says, so that it does not wait for the end of a pause.
        """
        line = self._lines.get(name) or self._lines.setdefault(name, _Line(self._clock))
        if line.full or not (asked or line.circuit.take(delivery)):
            return False
        line.under_way += 1
        return True

    def give(self, name: str, delivery: int, *, well: bool, failure: str | None = None) -> None:
        """One that was under way has ended. The first that goes well frees the line again.

        `failure` is why it did not go well; None where that is no reason to leave the line alone.
        """
        line = self._lines[name]
        line.under_way -= 1
        if well:
            line.circuit.close()
            line.failures = 0
        elif failure is None:
            line.circuit.spare(delivery)
        else:
            if line.circuit.state != "open":  # one from before the line was closed says nothing new
                line.failures, line.last_failure = line.failures + 1, failure
            line.circuit.doubt(delivery)
        self._drop_idle(name)

    def reset(self, name: str) -> None:
        """Forget the failures of a line."""
        if (line := self._lines.get(name)) is not None:
            line.circuit.close()
            line.failures = 0
            self._drop_idle(name)

    def pause(self, name: str) -> Pause | None:
        """The pause of a line that is left alone now."""
        line = self._lines.get(name)
        until = line.circuit.until if line is not None and line.circuit.state == "open" else None
        if line is None or until is None:
            return None
        return Pause(until, f"{line.failures} failures in a row, the last one: {line.last_failure}")

    def full(self) -> list[str]:
        """The lines on which nothing at all may be sent now."""
        return [name for name, line in self._lines.items() if line.full]

    def closed(self) -> list[str]:
        """The lines on which only what a person asked for may be sent now."""
        return [name for name, line in self._lines.items() if line.circuit.pause() > 0]

    def broken(self) -> list[str]:
        """The lines that are left alone until a single try goes well."""
        return [name for name, line in self._lines.items() if line.circuit.state != "closed"]

    def _drop_idle(self, name: str) -> None:
        line = self._lines[name]
        if not line.under_way and not line.failures:
            del self._lines[name]

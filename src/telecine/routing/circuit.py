"""A channel's circuit: opened by trouble, then tried by one attempt at a time, closed again by one that was well.

Guarantees: while it is not closed, at most one attempt in two minutes is let through between two words about the
channel, and only the word of that one counts; an attempt that was sent before the trouble says nothing about now. Not
guaranteed: that several processes agree; each learns for itself, and a start begins with every circuit closed.
"""

from __future__ import annotations

from typing import Final, Literal

from telecine.clock import Clock

State = Literal["closed", "open", "half_open"]

_FIRST: Final = 1.0
_LONGEST: Final = 30.0
_LONGEST_ASKED: Final = 3600.0
"""Seconds that an upstream is left alone: at first, doubled to, and at most where it asks for more itself."""
_DOUBTS: Final = 3
"""One submit without an answer may be bad luck on a busy channel; three with no answer between them are not."""
_PROBE: Final = 120.0
"""Longer than any submit takes: whoever has not come back by then has died, and another may try."""


class Circuit:
    """The circuit of one channel in this process. `attempt` is the id of the attempt whose word it is."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._until: float | None = None
        """When the channel may be tried again; None while the circuit is closed."""
        self._last = 0.0
        """For how long it was opened last, in seconds."""
        self._probe: int | None = None
        self._probed_at = 0.0
        self._doubts = 0
        self.failing_since: float | None = None
        """Since when nothing but trouble has come of the channel; None where it is well, or only full."""

    @property
    def state(self) -> State:
        """Half-open: the next attempt, or the one under way, shows whether the channel is well."""
        if self._until is None:
            return "closed"
        return "open" if self._clock.now() < self._until else "half_open"

    def pause(self) -> float:
        """Seconds after which to look again; 0 where an attempt may go now.

        While the probe is under way, those who wait look after 1, 2, 4 … seconds: soon after it is over, and seldom.
        """
        now = self._clock.now()
        if self._until is None:
            return 0.0
        if now < self._until:
            return self._until - now
        if self._probe is None:
            return 0.0
        passed = max(0.0, now - self._probed_at)
        return min(max(passed, _FIRST), _PROBE - passed) if passed < _PROBE else 0.0

    def take(self, attempt: int) -> bool:
        """Begin an attempt; False where it may not go. Taken before its commit, so that no two are let through."""
        if self.pause() > 0:
            return False
        if self._until is not None:
            self._probe, self._probed_at = attempt, self._clock.now()
        return True

    def spare(self, attempt: int) -> None:
        """The attempt has come to nothing that says anything about the channel: another may be the probe."""
        if attempt == self._probe:
            self._probe = None

    def well(self, attempt: int) -> None:
        """The channel has given a clear answer about the job."""
        if self._until is None or attempt == self._probe:
            self._close()

    def doubt(self, attempt: int) -> None:
        """The submit was sent, and nobody knows what became of it."""
        if self._until is None:
            self._doubts += 1
        if attempt == self._probe or self._doubts >= _DOUBTS:
            self.trouble(attempt)

    def trouble(self, attempt: int, retry_after: float | None = None, *, full: bool = False) -> None:
        """The channel refused for its own reasons, or could not be reached. `full`: only for want of capacity there.

        `retry_after`: the seconds that it asked for itself. Asked to wait for nothing, or for years, it is not
        believed.
        """
        now = self._clock.now()
        asked = None if retry_after is None else min(max(retry_after, _FIRST), _LONGEST_ASKED)
        if self._until is not None and attempt != self._probe:
            # Sent before the circuit opened: the same trouble, which counts once.
            self._until = max(self._until, now + (asked or 0.0))
            return
        seconds = asked if asked is not None else min(max(self._last * 2, _FIRST), _LONGEST)
        self._until, self._last = now + seconds, min(seconds, _LONGEST)
        self._probe, self._doubts = None, 0
        if full:
            self.failing_since = None
        elif self.failing_since is None:
            self.failing_since = now

    def _close(self) -> None:
        self._until, self._last, self._probe, self._doubts, self.failing_since = None, 0.0, None, 0, None

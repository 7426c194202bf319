"""The circuit of a peer, a channel or a receiver of webhooks: opened by trouble, then tried by one attempt at a time,
closed again by one that was well.

Guarantees: while it is not closed, at most one attempt in two minutes is let through between two words about the
peer, and only the word of that one counts; an attempt that was sent before the trouble says nothing about now. Not
guaranteed: that several processes agree; each learns for itself, and a start begins with every circuit closed.
"""

from __future__ import annotations

from typing import Final, Literal

import msgspec

from telecine.clock import Clock

State = Literal["closed", "open", "half_open"]

_LEAST: Final = 1.0
_LONGEST_ASKED: Final = 3600.0
"""Seconds that a peer is left alone at least, and at most where it asks for more itself."""
_PROBE: Final = 120.0
"""Longer than any submit takes: whoever has not come back by then has died, and another may try."""


class Temper(msgspec.Struct, frozen=True):
    """How soon a circuit opens, and for how long."""

    doubts: int = 3
    """One submit without an answer may be bad luck on a busy channel; three with no answer between them are not."""
    first: float = 1.0
    longest: float = 30.0
    """Seconds that a peer is left alone: at first, and at most, doubled from one time to the next."""


_CHANNELS: Final = Temper()


class Circuit:
    """The circuit of one peer in this process. `attempt` is the id of the attempt whose word it is."""

    def __init__(self, clock: Clock, temper: Temper = _CHANNELS) -> None:
        self._clock = clock
        self._temper = temper
        self._until: float | None = None
        """When the peer may be tried again; None while the circuit is closed."""
        self._last = 0.0
        """For how long it was opened last, in seconds."""
        self._probe: int | None = None
        self._probed_at = 0.0
        self._doubts = 0
        self.failing_since: float | None = None
        """Since when nothing but trouble has come of the peer; None where it is well, or only full."""

    @property
    def until(self) -> float | None:
        """When it may be tried again, or might have been (seconds since the Unix epoch); None while it is closed."""
        return self._until

    @property
    def state(self) -> State:
        """Half-open: the next attempt, or the one under way, shows whether the peer is well."""
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
        return min(max(passed, _LEAST), _PROBE - passed) if passed < _PROBE else 0.0

    def take(self, attempt: int) -> bool:
        """Begin an attempt; False where it may not go. Taken before its commit, so that no two are let through."""
        if self.pause() > 0:
            return False
        if self._until is not None:
            self._probe, self._probed_at = attempt, self._clock.now()
        return True

    def spare(self, attempt: int) -> None:
        """The attempt has come to nothing that says anything about the peer: another may be the probe."""
        if attempt == self._probe:
            self._probe = None

    def well(self, attempt: int) -> None:
        """The peer has given a clear answer."""
        if self._until is None or attempt == self._probe:
            self.close()

    def doubt(self, attempt: int) -> None:
        """It was sent, and nobody knows what became of it."""
        if self._until is None:
            self._doubts += 1
        if attempt == self._probe or self._doubts >= self._temper.doubts:
            self.trouble(attempt)

    def trouble(self, attempt: int, retry_after: float | None = None, *, full: bool = False) -> None:
        """The peer refused for its own reasons, or could not be reached. `full`: only for want of capacity there.

        `retry_after`: the seconds that it asked for itself. Asked to wait for nothing, or for years, it is not
        believed.
        """
        now = self._clock.now()
        asked = None if retry_after is None else min(max(retry_after, _LEAST), _LONGEST_ASKED)
        if self._until is not None and attempt != self._probe:
            # Sent before the circuit opened: the same trouble, which counts once.
            self._until = max(self._until, now + (asked or 0.0))
            return
        first, longest = self._temper.first, self._temper.longest
        seconds = asked if asked is not None else min(max(self._last * 2, first), longest)
        self._until, self._last = now + seconds, min(seconds, longest)
        self._probe, self._doubts = None, 0
        if full:
            self.failing_since = None
        elif self.failing_since is None:
            self.failing_since = now

    def close(self) -> None:
        """Begin anew: nothing speaks against the peer any more."""
        self._until, self._last, self._probe, self._doubts, self.failing_since = None, 0.0, None, 0, None

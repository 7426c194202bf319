"""When to ask an upstream next. Per (provider, model), the durations seen so far set the first poll and the spacing."""

from __future__ import annotations

import math
import random
from collections import deque
from typing import Final

from telecine.providers.base import Traits

_SEEN: Final = 50
_LONGEST: Final = 30.0
_SLOWEST_UNREADABLE: Final = 60.0
_MOST_ASKED: Final = 3600.0
_JITTER: Final = 0.2
_SMOOTHING: Final = 0.01
_SLACK: Final = 0.25
"""A job that is late, or free to ask about, is asked about again after this much of the time that it has run."""
_TOGETHER: Final = 1.0
_MOST_LATE: Final = 5.0
"""What a stop of the process left behind says nothing about how busy it is now."""


class Pace:
    """Durations of finished jobs, in seconds, kept in memory: after a start it learns anew."""

    def __init__(self) -> None:
        self.lateness = 0.0
        """How late steps begin of late, in seconds: spacings stretch with it, so that a busy process catches up."""
        self._durations: dict[tuple[str, str], deque[float]] = {}

    def learn(self, provider: str, model: str, duration: float) -> None:
        """A job of this kind took `duration` seconds."""
        self._durations.setdefault((provider, model), deque(maxlen=_SEEN)).append(duration)

    def late(self, seconds: float) -> None:
        """A step began `seconds` after it was due."""
        self.lateness += (min(seconds, _MOST_LATE) - self.lateness) * _SMOOTHING

    def typical(self, provider: str, model: str, traits: Traits) -> float:
        """The middle duration in seconds; until three jobs have been seen, what the provider says is usual."""
        seen = self._durations.get((provider, model), ())
        return sorted(seen)[len(seen) // 2] if len(seen) >= 3 else traits.usual

    def after(self, provider: str, model: str, elapsed: float, traits: Traits) -> float:
        """Seconds until the next poll of a job that has run for `elapsed` seconds.

        Far from the typical end it asks halfway to it; near the end at the closest spacing that the upstream
        welcomes; past it ever more slowly. Where asking is free, it begins with the closest spacing.
        """
        typical = self.typical(provider, model, traits)
        wait = (typical - elapsed) / 2 if elapsed < typical else (elapsed - typical) * _SLACK
        if traits.polls_free:
            wait = min(wait, elapsed * _SLACK)
        return jittered(min(max(wait, traits.poll_floor), _LONGEST) * (1 + self.lateness))


def together(seconds: float, now: float, traits: Traits) -> float:
    """`seconds` from `now`, and as much more that jobs which fall due close together do so at once: one question is
    about all of them, or one claim."""
    grain = _TOGETHER if traits.listed else _TOGETHER / 4
    return math.ceil((now + seconds) / grain) * grain - now


def asked(retry_after: float | None) -> float:
    """The wait that an upstream asked for, as far as it is believed: a wrong one must not lose a task for years."""
    return min(retry_after or 0.0, _MOST_ASKED)


def backoff(failures: int, floor: float, most: float = _SLOWEST_UNREADABLE) -> float:
    """Seconds to wait after the `failures`-th failure in a row."""
    return jittered(min(floor * 2.0 ** min(failures, 16), most))


def jittered(seconds: float) -> float:
    """`seconds`, give or take a fifth, so that jobs made together are not asked about together."""
    return seconds * random.uniform(1 - _JITTER, 1 + _JITTER)  # noqa: S311  spreading load, not a secret

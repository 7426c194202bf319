"""What a channel has been sent lately, and when it may be sent more.

No window of `seconds` ever holds more than `amount` submits: each counts for that long and a little longer. Those
within a 64th of that time share a mark (`Window`), so a short list does for any rate. At least 96 % of it is reached
(of a rate in one second 89 %), in bursts where they come in bursts.
"""

from __future__ import annotations

from typing import Final

import msgspec

from telecine.nouns.rate import Quota, Rate, Window

_DAY: Final = 86400
_GRAINS: Final = 64
_LEAST_MARGIN: Final = 0.1
_MOST_MARGIN: Final = 1.0
"""Seconds by which the way to an upstream may vary, so that it sees them closer together than they began."""


class Use(msgspec.Struct):
    """A channel's submits. Times are seconds since the Unix epoch."""

    day: int = 0
    """Days since the Unix epoch (UTC)."""
    today: int = 0
    marks: list[tuple[float, int]] = msgspec.field(default_factory=list)
    """When submits began and how many, oldest first."""

    def openings(self, quota: Quota, now: float) -> list[tuple[float, int]]:
        """From when on how many more fit, as far as can be told now, the soonest first."""
        rate, cap, left = quota.rate, quota.daily_cap, self._left(quota, now)
        if cap is None or left is None:
            return self._freed(rate, now) if rate is not None else []
        found = []
        for at, number in [(now, left)] if rate is None else self._freed(rate, now):
            found.append((at, min(number, left)))
            left -= found[-1][1]
        if not left:
            found.append((_midnight(now), cap if rate is None else min(cap, rate.amount)))
        return [one for one in found if one[1]]

    def turn(self, quota: Quota, now: float, position: int = 1) -> float:
        """When the `position`-th submit from now on fits, where those before it go as soon as they may."""
        at, again = now, 0.0
        if quota.rate is not None:
            again = quota.rate.seconds + _margin(quota.rate)
            cycles, index = divmod(position - 1, quota.rate.amount)
            for opening, number in self._freed(quota.rate, now):
                if index < number:
                    at = opening + cycles * again
                    break
                index -= number
        left = self._left(quota, now)
        if left is not None and position > left:
            days, index = divmod(position - left - 1, quota.daily_cap or 1)
            cycles = index // quota.rate.amount if quota.rate is not None else 0
            at = max(at, _midnight(now) + days * _DAY + cycles * again)
        return at

    def take(self, quota: Quota, now: float) -> None:
        """Count one submit, which has been found to fit."""
        day = int(now // _DAY)
        self.day, self.today = day, (self.today if self.day == day else 0) + 1
        window = None if quota.rate is None else self._window(quota.rate)
        if window is not None:
            window.take(now)
        self.marks = [] if window is None else window.marks

    def _freed(self, rate: Rate, now: float) -> list[tuple[float, int]]:
        """From when on the rate alone allows how many more; `amount` in all."""
        return list(self._window(rate).openings(rate, now))

    def _window(self, rate: Rate) -> Window:
        return Window(_GRAINS, self.marks, rate=rate, margin=_margin(rate))

    def _left(self, quota: Quota, now: float) -> int | None:
        """How many the daily cap still allows; None without one."""
        if quota.daily_cap is None:
            return None
        return max(0, quota.daily_cap - (self.today if self.day == int(now // _DAY) else 0))


def _margin(rate: Rate) -> float:
    return min(max(rate.seconds / _GRAINS, _LEAST_MARGIN), _MOST_MARGIN)


def _midnight(now: float) -> float:
    return float((now // _DAY + 1) * _DAY)

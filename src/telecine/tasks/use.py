"""What a channel has been sent lately, and when it may be sent more.

No window of `seconds` ever holds more than `amount` submits: each counts for that long and a little longer. Those
within a 64th of that time share a mark and count as the last of them does, so a short list does for any rate. At least
96 % of it is reached (of a rate in one second 89 %), in bursts where they come in bursts.
"""

from __future__ import annotations

from typing import Final

import msgspec

from telecine.nouns.rate import Quota, Rate

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
            again = _counted(quota.rate)
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
        rate = quota.rate
        if rate is None:
            self.marks = []
            return
        marks = self._counting(rate, now)
        grain = rate.seconds / _GRAINS
        if marks and marks[-1][0] // grain >= now // grain:
            at, number = marks.pop()
            marks.append((max(at, now), number + 1))
        else:
            marks.append((now, 1))
        self.marks = marks

    def _counting(self, rate: Rate, now: float) -> list[tuple[float, int]]:
        """The marks that still count; those from a clock that was far ahead do not."""
        span = _counted(rate)
        return [(at, number) for at, number in self.marks if at + span > now and at < now + span]

    def _freed(self, rate: Rate, now: float) -> list[tuple[float, int]]:
        """From when on the rate alone allows how many more; `amount` in all."""
        marks, span = self._counting(rate, now), _counted(rate)
        found = [(now, rate.amount - sum(number for _, number in marks))]
        for at, number in marks:
            owed = min(found[-1][1], 0)  # where the rate was lowered
            found.append((at + span, number + owed))
        return [(at, number) for at, number in found if number > 0]

    def _left(self, quota: Quota, now: float) -> int | None:
        """How many the daily cap still allows; None without one."""
        if quota.daily_cap is None:
            return None
        return max(0, quota.daily_cap - (self.today if self.day == int(now // _DAY) else 0))


def _counted(rate: Rate) -> float:
    """For how many seconds a submit counts."""
    return rate.seconds + min(max(rate.seconds / _GRAINS, _LEAST_MARGIN), _MOST_MARGIN)


def _midnight(now: float) -> float:
    return float((now // _DAY + 1) * _DAY)

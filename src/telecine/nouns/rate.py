"""So many in so much time: `600/minute`, and the moving window that counts them."""

from __future__ import annotations

from collections import deque
from functools import cache
from math import ceil
from typing import Final

import msgspec

_MOST_SECONDS: Final = 86400


class Rate(msgspec.Struct, frozen=True):
    """At most `amount` in any `seconds`."""

    amount: int
    seconds: int


class Quota(msgspec.Struct, frozen=True):
    """What a channel may be sent: a rate, and submits in one day (UTC). None is no limit."""

    rate: Rate | None = None
    daily_cap: int | None = None


UNLIMITED: Final = Quota()

QUOTA_LINE: Final = "quota:"
"""What the names of lines for quotas begin with, and the names of pools and channels may not."""


def quota_line(channel: str) -> str:
    """The name of the line for the quota of `channel`; the line for a pool is called like the pool."""
    return QUOTA_LINE + channel


def limited_channel(line: str) -> str | None:
    """The channel whose quota the line is for; None for the line of a pool."""
    return line.removeprefix(QUOTA_LINE) if line.startswith(QUOTA_LINE) else None


@cache
def rate_of(text: str) -> Rate:
    """The rate that `text` writes in the notation of the `limits` library: `10/second`, `600 per minute`, `5/2 hours`.

    Raises ValueError.
    """
    if text != text.strip():
        raise ValueError(f"'{text}' has blanks around it")
    import limits  # 100 ms, which only those pay who limit something

    items = limits.parse_many(text)
    rate = Rate(items[0].amount, items[0].get_expiry())
    if len(items) > 1 or rate.amount < 1 or rate.seconds > _MOST_SECONDS:
        raise ValueError("one rate is needed, with an amount of 1 or more and a time of one day at most")
    return rate


class Window:
    """What was counted against one rate. Time is given by the caller, in seconds, and never goes back.

    (The memory storage of the `limits` library starts a thread every ten milliseconds, reads the machine's clock and
    never forgets a name, so only its notation is used.)
    """

    def __init__(self, grains: int | None = None) -> None:
        """`grains`: the rate's time is cut into so many, and what is counted within one leaves at its end, so that no
        more than that is remembered however much is counted. None: everything leaves at its own moment."""
        self._grains = grains
        self._taken: deque[tuple[float, int]] = deque()
        self._sum = 0
        self._rate = Rate(1, 1)

    def wait(self, rate: Rate, now: float) -> float:
        """Seconds until less than the rate's amount is counted; 0 where it is now, so that one more fits."""
        self._forget(rate, now)
        left = self._sum
        for moment, amount in self._taken:
            if left < rate.amount:
                break
            left -= amount
            until = moment + rate.seconds
        return max(0.0, until - now) if self._sum >= rate.amount else 0.0

    def take(self, now: float, amount: int = 1) -> None:
        """Count so many."""
        self._forget(self._rate, now)  # also where nobody asks any more
        if self._grains is not None:
            now = ceil(now * self._grains / self._rate.seconds) * self._rate.seconds / self._grains
        if self._taken and self._taken[-1][0] >= now:
            now, before = self._taken.pop()
            self._taken.append((now, before + amount))
        else:
            self._taken.append((now, amount))
        self._sum += amount

    def remaining(self, rate: Rate, now: float) -> int:
        """How many more fit now."""
        self._forget(rate, now)
        return max(0, rate.amount - self._sum)

    def whole_in(self, rate: Rate, now: float) -> float:
        """Seconds until nothing is counted any more, if nothing is added."""
        self._forget(rate, now)
        return max(0.0, self.idle_at() - now)

    def idle_at(self) -> float:
        """When nothing will be counted any more."""
        return self._taken[-1][0] + self._rate.seconds if self._taken else 0.0

    def _forget(self, rate: Rate, now: float) -> None:
        self._rate = rate
        while self._taken and self._taken[0][0] <= now - rate.seconds:
            self._sum -= self._taken.popleft()[1]


class Windows:
    """A window for each name. Idle ones are dropped, so that names which strangers choose cannot fill the memory."""

    def __init__(self, most: int = 20_000, grains: int | None = None) -> None:
        self._most = most
        self._grains = grains
        self._windows: dict[object, Window] = {}

    def find(self, name: object) -> Window | None:
        """The window of `name`, where there is one."""
        return self._windows.get(name)

    def of(self, name: object, now: float) -> Window:
        """The window of `name`, made where there is none."""
        window = self._windows.get(name)
        if window is None:
            if len(self._windows) >= self._most:
                self._drop(now)
            window = self._windows[name] = Window(self._grains)
        return window

    def _drop(self, now: float) -> None:
        """Forget the idle ones; where all are in use, the quietest half goes."""
        busy = sorted(
            ((window.idle_at(), name) for name, window in self._windows.items() if window.idle_at() > now),
            key=lambda item: item[0],
        )
        self._windows = {name: self._windows[name] for _, name in busy[-(self._most // 2) :]}

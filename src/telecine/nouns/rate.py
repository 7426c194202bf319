"""So many in so much time: `600/minute`, and the moving window that counts them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
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
    """What was counted against one rate. Time is given by the caller, in seconds.

    (The memory storage of the `limits` library starts a thread every ten milliseconds, reads the machine's clock and
    never forgets a name, so only its notation is used.)
    """

    def __init__(
        self,
        grains: int | None = None,
        marks: Iterable[tuple[float, int]] = (),
        *,
        rate: Rate = Rate(1, 1),  # noqa: B008  frozen
        margin: float = 0.0,
    ) -> None:
        """`grains`: the rate's time is cut into so many, and what is counted within one counts as the last of it does,
        so that no more than that is remembered however much is counted. None: everything leaves at its own moment.

        `marks`: when so many were counted, oldest first. `margin`: for how many seconds longer they count.
        """
        self._grains = grains
        self._taken = deque(marks)
        self._sum = sum(amount for _, amount in self._taken)
        self._rate = rate
        self._margin = margin

    @property
    def marks(self) -> list[tuple[float, int]]:
        """When so many were counted, oldest first."""
        return list(self._taken)

    def openings(self, rate: Rate, now: float) -> Iterator[tuple[float, int]]:
        """From when on how many more fit, the soonest first; the rate's amount in all."""
        self._forget(rate, now)
        room = rate.amount - self._sum
        if room > 0:
            yield now, room
        room = min(room, 0)  # below 0 where the rate was lowered, or more was counted than fits
        for moment, amount in self._taken:
            room += amount
            if room > 0:
                yield moment + self._span, room
                room = 0

    def wait(self, rate: Rate, now: float) -> float:
        """Seconds until less than the rate's amount is counted; 0 where it is now, so that one more fits."""
        return next((at - now for at, _ in self.openings(rate, now)), 0.0)

    def take(self, now: float, amount: int = 1) -> None:
        """Count so many."""
        self._forget(self._rate, now)  # also where nobody asks any more
        last = self._taken[-1][0] if self._taken else None
        if last is not None and (last >= now or self._grain(last) >= self._grain(now)):
            last, before = self._taken.pop()
            self._taken.append((max(last, now), before + amount))
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
        return self._taken[-1][0] + self._span if self._taken else 0.0

    @property
    def _span(self) -> float:
        """For how many seconds each counts."""
        return self._rate.seconds + self._margin

    def _grain(self, moment: float) -> float:
        return moment if self._grains is None else ceil(moment * self._grains / self._rate.seconds)

    def _forget(self, rate: Rate, now: float) -> None:
        """Leave out what counts no more, and what a clock that was far ahead has counted."""
        self._rate = rate
        while self._taken and self._taken[0][0] <= now - self._span:
            self._sum -= self._taken.popleft()[1]
        while self._taken and self._taken[-1][0] >= now + self._span:
            self._sum -= self._taken.pop()[1]


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

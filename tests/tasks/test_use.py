"""What a channel may be sent: never more than its rate in any window, and nearly all of it."""

from __future__ import annotations

import math
import random
from bisect import bisect_left

import pytest

from telecine.nouns.rate import Quota, Rate
from telecine.tasks.use import Use

MIDNIGHT = 20_414 * 86400.0


@pytest.fixture(autouse=True)
def database() -> None:
    """No database here: the parametrised fixture of this folder is not wanted."""


def most_in_a_window(starts: list[float], seconds: float) -> int:
    """Over every window of `seconds`, both of its ends included."""
    return max(index - bisect_left(starts, at - seconds) + 1 for index, at in enumerate(starts))


def submitted(use: Use, quota: Quota, begin: float, end: float, late: float = 0.0) -> list[float]:
    """When submits begin for which a line always waits; each comes up to `late` seconds after its turn."""
    chance = random.Random(7)  # noqa: S311  a fixed one, to be repeated
    starts: list[float] = []
    now = begin
    while now < end:
        turn = use.turn(quota, now)
        assert (turn <= now) == any(at <= now for at, _ in use.openings(quota, now))
        if turn > now:
            now = turn + chance.random() * late
        else:
            use.take(quota, now)
            starts.append(now)
    return starts


RATES = [Rate(1, 60), Rate(2, 60), Rate(3, 60), Rate(10, 60), Rate(60, 60), Rate(600, 60), Rate(5, 1), Rate(7, 86400)]


@pytest.mark.parametrize("rate", RATES, ids=str)
@pytest.mark.parametrize("late", [0.0, 0.01])
def test_a_rate_is_never_exceeded_and_nearly_reached(rate: Rate, late: float) -> None:
    use = Use()
    starts = submitted(use, Quota(rate), MIDNIGHT + 17.3, MIDNIGHT + 17.3 + 60 * rate.seconds, late * rate.seconds)
    assert most_in_a_window(starts, rate.seconds) == rate.amount
    assert (0.95 if rate.seconds > 1 else 0.87) * 60 * rate.amount <= len(starts) <= 60 * rate.amount
    assert len(use.marks) <= 66


@pytest.mark.parametrize("rate", RATES, ids=str)
def test_submits_at_random_moments_keep_to_the_rate_too(rate: Rate) -> None:
    chance, use, quota = random.Random(3), Use(), Quota(rate)  # noqa: S311  a fixed one, to be repeated
    starts: list[float] = []
    now = MIDNIGHT
    for _ in range(40 * min(rate.amount, 100)):
        now += chance.expovariate(1.5 * rate.amount / rate.seconds)
        if use.turn(quota, now) <= now:
            use.take(quota, now)
            starts.append(now)
    assert most_in_a_window(starts, rate.seconds) <= rate.amount
    assert len(use.marks) <= 66


def test_what_was_counted_holds_for_another_rate() -> None:
    use = Use()
    for _ in range(10):
        use.take(Quota(Rate(10, 60)), MIDNIGHT)
    for number in range(5):
        use.take(Quota(Rate(20, 60)), MIDNIGHT + 10 + number)
    lower = Quota(Rate(3, 60))
    assert use.openings(lower, MIDNIGHT + 15) == [(MIDNIGHT + 12 + n + 60.9375, 1) for n in range(3)]
    assert use.turn(lower, MIDNIGHT + 15) == MIDNIGHT + 72.9375


def test_a_clock_that_was_far_ahead_blocks_nothing() -> None:
    use, quota = Use(), Quota(Rate(1, 60))
    use.take(quota, MIDNIGHT + 86400)
    assert use.turn(quota, MIDNIGHT) == MIDNIGHT
    use.take(quota, MIDNIGHT)
    assert use.turn(quota, MIDNIGHT - 5) <= MIDNIGHT + 61
    assert use.turn(quota, MIDNIGHT - 5) > MIDNIGHT + 55


def test_a_daily_cap_ends_at_midnight() -> None:
    use, quota = Use(), Quota(None, 3)
    now = MIDNIGHT - 100
    assert use.openings(quota, now) == [(now, 3), (MIDNIGHT, 3)]
    assert [use.turn(quota, now, position) for position in (1, 3, 4, 6, 7)] == [
        now,
        now,
        MIDNIGHT,
        MIDNIGHT,
        MIDNIGHT + 86400,
    ]
    for _ in range(3):
        use.take(quota, now)
    assert use.openings(quota, now) == [(MIDNIGHT, 3)]
    assert use.turn(quota, now) == MIDNIGHT
    assert use.turn(quota, MIDNIGHT) == MIDNIGHT
    starts = submitted(Use(), quota, MIDNIGHT + 5, MIDNIGHT + 4 * 86400)
    assert [start // 86400 - MIDNIGHT // 86400 for start in starts] == [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3]


def test_the_narrower_of_rate_and_cap_counts() -> None:
    quota = Quota(Rate(2, 60), 5)
    starts = submitted(Use(), quota, MIDNIGHT, MIDNIGHT + 2 * 86400)
    assert len(starts) == 10
    assert most_in_a_window(starts, 60) == 2
    assert starts[4] < MIDNIGHT + 130
    assert starts[5] == MIDNIGHT + 86400


def test_a_turn_is_told_beforehand_as_it_comes() -> None:
    for quota in (Quota(Rate(3, 60)), Quota(None, 4), Quota(Rate(2, 60), 5)):
        use = Use()
        for number in range(2):
            use.take(quota, MIDNIGHT + 10 * number)
        now = MIDNIGHT + 25
        told = [use.turn(quota, now, position + 1) for position in range(12)]
        came = submitted(use, quota, now, MIDNIGHT + 4 * 86400)[:12]
        assert [math.isclose(a, b, abs_tol=1.0) for a, b in zip(told, came, strict=True)] == [True] * 12

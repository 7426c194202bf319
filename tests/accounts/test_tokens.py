"""The meter of tokens: what it counts, for whom, for how long, and how much it remembers."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telecine.accounts.principal import Bounds, Principal
from telecine.accounts.tokens import TokenMeter
from telecine.nouns.errors import GatewayError
from telecine.nouns.rate import Rate, Window

MINUTE = Rate(100, 60)


def caller(account: int = 1, key: int | None = 5, **bounds: Any) -> Principal:
    return Principal(account, key, "k", bounds=Bounds(**bounds))


def refusal(meter: TokenMeter, who: Principal, now: float) -> GatewayError | None:
    try:
        meter.check(who, now)
    except GatewayError as error:
        return error
    return None


def test_a_limit_is_reached_by_what_has_ended_and_left_as_it_leaves() -> None:
    meter, who = TokenMeter(), caller(token_rate=MINUTE)
    assert refusal(meter, who, 0.0) is None
    meter.count(1, 5, 99, 10.0)
    assert refusal(meter, who, 10.0) is None
    meter.count(1, 5, 500, 20.0)  # what ran by then may go over
    error = refusal(meter, who, 20.0)
    assert error is not None
    assert (error.code, error.status, error.retry_after) == ("rate_limited", 429, 60.0)
    assert error.message.startswith("This key may take 100 tokens in 60 seconds")
    assert (later := refusal(meter, who, 79.5)) is not None
    assert later.retry_after == 0.5
    assert refusal(meter, who, 80.0) is None


def test_key_and_account_are_both_counted_and_nobody_else() -> None:
    meter = TokenMeter()
    both = Rate(200, 60)
    narrow, sister = caller(token_rate=MINUTE, account_token_rate=both), caller(key=6, account_token_rate=both)
    stranger = caller(account=2, key=7, token_rate=MINUTE, account_token_rate=MINUTE)
    for who in (narrow, sister, stranger):
        assert refusal(meter, who, 0.0) is None
    meter.count(1, 5, 100, 0.0)
    assert refusal(meter, narrow, 1.0) is not None
    assert refusal(meter, sister, 1.0) is None
    meter.count(1, None, 100, 1.0)  # somebody without a key of its own
    assert (error := refusal(meter, sister, 1.0)) is not None
    assert error.message.startswith("This account may take 200")
    assert refusal(meter, stranger, 1.0) is None


def test_the_longer_wait_is_told() -> None:
    meter, who = TokenMeter(), caller(token_rate=MINUTE, account_token_rate=Rate(100, 3600))
    meter.check(who, 0.0)
    meter.count(1, 5, 100, 0.0)
    assert (error := refusal(meter, who, 0.0)) is not None
    assert error.retry_after == 3600.0


def test_who_has_no_limit_is_not_remembered() -> None:
    meter = TokenMeter()
    for key in range(100):
        meter.check(caller(account=key, key=key), 0.0)
        meter.count(key, key, 10**9, 0.0)
    assert meter._windows._windows == {}


@pytest.mark.parametrize("rate", [Rate(10, 1), MINUTE, Rate(10, 86400)])
def test_what_is_remembered_does_not_grow_with_what_is_counted(rate: Rate) -> None:
    window = Window(60)
    window.wait(rate, 0.0)
    for number in range(20_000):  # and nobody asks in between
        window.take(number * rate.seconds / 5000, 3)
        assert len(window._taken) <= 62
    assert window.remaining(Rate(10**9, rate.seconds), 4.0 * rate.seconds) == 10**9 - 4999 * 3


steps = st.lists(st.tuples(st.floats(0, 40), st.integers(0, 60)), max_size=40)


@given(steps)
def test_a_window_counts_no_less_than_there_is_and_forgets_a_grain_late_at_most(
    taken: list[tuple[float, int]],
) -> None:
    window, now, seen = Window(60), 1_763_700_000.0, list[tuple[float, int]]()
    for pause, amount in taken:
        now += pause
        wait = window.wait(MINUTE, now)
        exactly = sum(count for moment, count in seen if moment > now - 60)
        loosely = sum(count for moment, count in seen if moment > now - 61.001)
        assert (wait > 0) >= (exactly >= 100)
        assert (wait > 0) <= (loosely >= 100)
        if wait > 0:
            assert deepcopy(window).wait(MINUTE, now + wait + 1e-6) == 0
        window.take(now, amount)
        seen.append((now, amount))

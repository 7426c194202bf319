"""When an upstream is asked next."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from telecine.providers.sandbox.provider import SandboxProvider
from telecine.tasks.pace import Pace, backoff, jittered
from tests.tasks.scripted import TRAITS

FAST = replace(TRAITS, poll_floor=2.0, usual=20.0)


@pytest.fixture(autouse=True)
def database() -> None:
    """No database here: the parametrised fixture of this folder is not wanted."""


def between(value: float, wanted: float) -> bool:
    return 0.8 * wanted <= value <= 1.2 * wanted


@pytest.mark.parametrize(
    ("elapsed", "wanted"), [(0, 10), (10, 5), (17, 2), (20, 2), (28, 2), (60, 10), (140, 30), (9000, 30)]
)
def test_before_anything_is_known_the_provider_says_what_is_usual(elapsed: float, wanted: float) -> None:
    assert between(Pace().after("p", "m", elapsed, FAST), wanted)


@pytest.mark.parametrize("learnt", [None, 1.0, 6.0, 600.0])
def test_where_asking_is_free_a_short_job_is_seen_at_work(learnt: float | None) -> None:
    pace = Pace()
    for _ in range(3 if learnt else 0):
        pace.learn("sandbox", "m", learnt or 0.0)

    def polls(seconds: float) -> list[float]:
        found = [pace.after("sandbox", "m", 0.0, SandboxProvider.traits)]
        while found[-1] < seconds:
            found.append(found[-1] + pace.after("sandbox", "m", found[-1], SandboxProvider.traits))
        return found

    short, day = polls(4), polls(86400)
    assert short[0] <= 0.6
    assert 4 <= len(short) <= 10
    assert short[-1] <= 4 + 1.2
    assert len(day) < 5000


def test_what_was_seen_counts_once_three_have_ended() -> None:
    pace = Pace()
    for seconds in (100, 110):
        pace.learn("p", "m", seconds)
    assert pace.typical("p", "m", FAST) == 20
    pace.learn("p", "m", 300)
    assert pace.typical("p", "m", FAST) == 110
    assert pace.typical("p", "other", FAST) == 20
    assert between(pace.after("p", "m", 70, FAST), 20)
    assert between(pace.after("p", "m", 109, FAST), 2)


def test_a_process_that_runs_late_asks_less_often_and_recovers() -> None:
    pace = Pace()
    for _ in range(1000):
        pace.late(3.0)
    assert between(pace.after("p", "m", 20, FAST), 2 * 4)
    pace.late(100_000.0)
    assert pace.lateness < 4
    for _ in range(1000):
        pace.late(0.0)
    assert between(pace.after("p", "m", 20, FAST), 2)


def test_backoff_doubles_up_to_its_limit() -> None:
    assert all(between(backoff(n, 2.0), min(2.0 * 2**n, 60)) for n in range(100))
    assert between(backoff(10_000, 2.0, 600.0), 600)


def test_jitter_is_a_fifth() -> None:
    seen = [jittered(10) for _ in range(1000)]
    assert 8 <= min(seen) < 8.5
    assert 11.5 < max(seen) <= 12

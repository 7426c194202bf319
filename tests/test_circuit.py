"""A channel's circuit, with the clock moved by hand."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from telecine.circuit import Circuit
from tests.clock import HandClock


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def circuit(clock: HandClock) -> Circuit:
    return Circuit(clock)


def state(circuit: Circuit) -> str:
    return circuit.state


def test_it_opens_for_longer_each_time_and_closes_at_once(circuit: Circuit, clock: HandClock) -> None:
    pauses = []
    for attempt in range(8):
        assert circuit.take(attempt)
        circuit.trouble(attempt)
        assert state(circuit) == "open"
        pauses.append(circuit.pause())
        clock.advance(circuit.pause())
        assert state(circuit) == "half_open"
    assert pauses == [1, 2, 4, 8, 16, 30, 30, 30]
    assert circuit.take(9)
    circuit.well(9)
    assert (state(circuit), circuit.pause()) == ("closed", 0)
    circuit.trouble(10)
    assert circuit.pause() == 1


@pytest.mark.parametrize(("asked", "obeyed"), [(120.0, 120.0), (0.0, 1.0), (1e9, 3600.0)])
def test_what_the_upstream_asks_for_is_obeyed_within_reason(circuit: Circuit, asked: float, obeyed: float) -> None:
    circuit.trouble(1, asked)
    assert circuit.pause() == obeyed


def test_half_open_lets_one_through_and_the_others_look_ever_more_seldom(circuit: Circuit, clock: HandClock) -> None:
    circuit.trouble(1)
    clock.advance(1)
    assert circuit.take(2)
    assert not circuit.take(3)
    looks = []
    for _ in range(6):
        looks.append(circuit.pause())
        clock.advance(looks[-1])
    assert looks == [1, 1, 2, 4, 8, 16]
    circuit.spare(3)
    assert circuit.pause() > 0, "only the probe's own end lets another through"
    circuit.spare(2)
    assert circuit.pause() == 0
    assert circuit.take(3)


def test_a_probe_that_died_does_not_shut_the_channel_for_ever(circuit: Circuit, clock: HandClock) -> None:
    circuit.trouble(1)
    clock.advance(1)
    assert circuit.take(2)
    clock.advance(119)
    assert circuit.pause() == 1
    clock.advance(1)
    assert circuit.take(3)
    circuit.well(2)
    assert state(circuit) == "half_open", "the word of the one that was given up no longer counts"
    circuit.well(3)
    assert state(circuit) == "closed"


def test_only_the_probes_word_counts_while_it_is_not_closed(circuit: Circuit, clock: HandClock) -> None:
    for attempt in (1, 2, 3, 4):  # all sent before any answered
        circuit.trouble(attempt)
    assert circuit.pause() == 1, "the same trouble counts once"
    circuit.well(5)
    assert state(circuit) == "open"
    circuit.trouble(6, 40.0)
    assert circuit.pause() == 40, "but what it asks for is obeyed"
    clock.advance(40)
    assert circuit.take(7)
    circuit.trouble(8)
    circuit.doubt(9)
    circuit.well(10)
    assert state(circuit) == "half_open"
    circuit.doubt(7)
    assert (state(circuit), circuit.pause()) == ("open", 2)


def test_three_doubts_in_a_row_open_it_and_one_does_not(circuit: Circuit) -> None:
    circuit.doubt(1)
    circuit.doubt(2)
    circuit.well(3)
    circuit.doubt(4)
    circuit.doubt(5)
    assert state(circuit) == "closed"
    circuit.doubt(6)
    assert state(circuit) == "open"


def test_a_full_channel_is_not_a_failing_one(circuit: Circuit, clock: HandClock) -> None:
    circuit.trouble(1)
    began = clock.now()
    clock.advance(1)
    circuit.take(2)
    circuit.trouble(2)
    since = circuit.failing_since
    assert since == began
    clock.advance(2)
    circuit.take(3)
    circuit.trouble(3, full=True)
    since = circuit.failing_since
    assert (since, circuit.pause()) == (None, 4)


class Probes(RuleBasedStateMachine):
    """Any order of attempts, words and time: while it is not closed, never two probes at once."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = HandClock()
        self.circuit = Circuit(self.clock)
        self.number = 0
        self.out: dict[int, float | None] = {}
        """The attempts that nobody has heard of yet; those let through as a probe with the time of that."""

    @rule()
    def begin(self) -> None:
        self.number += 1
        now, shut, may = self.clock.now(), self.circuit.state != "closed", self.circuit.pause() == 0
        under_way = [one for one, at in self.out.items() if at is not None and now - at < 120]
        assert self.circuit.take(self.number) == may
        if may:
            assert not (shut and under_way), "two probes at once"
            self.out[self.number] = now if shut else None

    @precondition(lambda self: self.out)
    @rule(data=st.data(), word=st.sampled_from(["well", "doubt", "trouble", "full", "asked", "spare"]))
    def hear(self, data: st.DataObject, word: str) -> None:
        one = data.draw(st.sampled_from(sorted(self.out)))
        del self.out[one]
        match word:
            case "full":
                self.circuit.trouble(one, full=True)
            case "asked":
                self.circuit.trouble(one, 17.0)
            case _:
                getattr(self.circuit, word)(one)
        if self.circuit.state == "closed":
            self.out = dict.fromkeys(self.out)

    @rule(seconds=st.sampled_from([0.1, 1.0, 10.0, 40.0, 130.0]))
    def time_passes(self, seconds: float) -> None:
        self.clock.advance(seconds)

    @invariant()
    def it_is_never_shut_for_ever(self) -> None:
        assert 0 <= self.circuit.pause() <= 120
        assert self.circuit.state != "open" or self.circuit.pause() > 0


TestProbes = Probes.TestCase
TestProbes.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)

"""The price book: which line wins, what is held, what is charged, and the one rounding rule."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telecine.accounts.prices import PriceBook, used
from telecine.config import PriceConfig
from telecine.nouns import catalogue
from telecine.nouns.money import Price, amount_of, cost, exact, micros_of
from telecine.nouns.request import GenerationRequest, VideoParameters
from telecine.nouns.task import Output, Usage
from tests.tasks.scripted import text_to_video

MODEL = "kling-v2-5-turbo"


def book(*lines: PriceConfig) -> PriceBook:
    return PriceBook(lines, catalogue.load())


def line(price: str, unit: Any = "second", model: str = MODEL, hold: str | None = None, **when: Any) -> PriceConfig:
    return PriceConfig(model, unit, Decimal(price), when, Decimal(hold) if hold else None)


def test_a_model_without_a_line_is_free() -> None:
    assert book(line("1", model="another")).quote(text_to_video()) is None


@pytest.mark.parametrize(
    ("request_", "micros"),
    [
        (text_to_video(), 50_000),
        (text_to_video(parameters=VideoParameters(mode="pro")), 70_000),
        (text_to_video(parameters=VideoParameters(mode="std")), 50_000),
        (text_to_video(parameters=VideoParameters(mode="pro"), audio=True), 140_000),
        (text_to_video(audio=True), 50_000),
        (text_to_video(duration=10.0, parameters=VideoParameters(mode="pro")), 65_000),
    ],
)
def test_the_most_specific_line_that_applies_wins(request_: GenerationRequest, micros: int) -> None:
    prices = book(
        line("0.05"),
        line("0.07", mode="pro"),
        line("0.14", mode="pro", audio=True),
        line("0.065", mode="pro", duration=10),
    )
    quote = prices.quote(request_)
    assert quote is not None
    assert quote.price == Price("second", micros)


@pytest.mark.parametrize(
    ("one", "request_", "hold"),
    [
        (line("0.07"), text_to_video(duration=10.0), 700_000),
        (line("0.07"), text_to_video(), 350_000),
        (line("0.5", "call"), text_to_video(), 500_000),
        (line("0.000001", "character"), text_to_video(prompt="纸船"), 2),
        (line("0.3", "compute_second", hold="40"), text_to_video(), 12_000_000),
        (
            line("0.02", "image", model="storyboard-1"),
            GenerationRequest("text_to_image", "storyboard-1", count=3),
            60_000,
        ),
    ],
)
def test_what_is_held(one: PriceConfig, request_: GenerationRequest, hold: int) -> None:
    quote = book(one).quote(request_)
    assert quote is not None
    assert quote.hold == hold


def test_an_alias_has_the_price_of_its_model_and_may_have_its_own() -> None:
    prices = book(line("0.1", model="sora-2"), line("0.2", model="sora-2-2025-12-08"))
    quotes = [prices.quote(text_to_video(model=name)) for name in ("sora-2-2025-10-06", "sora-2-2025-12-08")]
    assert [quote.price.micros for quote in quotes if quote] == [100_000, 200_000]


def output(kind: Any = "video", state: Any = "stored") -> Output:
    return Output(task_id=1, index=0, kind=kind, state=state)


def test_what_was_really_made_is_charged() -> None:
    second = Price("second", 70_000)
    request = text_to_video(duration=5.0)
    assert used(second, Usage(seconds=5.041), (output(),), request, 350_000) == 352_870
    assert used(second, Usage(), (output(state="pending"),), request, 350_000) == 350_000
    assert used(Price("image", 20_000), Usage(), (output("image"),) * 2, request, 60_000) == 40_000
    assert used(Price("call", 5), Usage(), (output(),), request, 5) == 5


@given(st.integers(0, 10**12), st.decimals(0, 10**5, places=3))
def test_rounding_is_half_up_and_at_most_half_a_micro_unit(micros: int, quantity: Decimal) -> None:
    exact_cost = micros * quantity
    assert abs(cost(Price("second", micros), quantity) - exact_cost) <= Decimal("0.5")


@given(st.integers(-(10**15), 10**15))
def test_amounts_are_written_and_read_back(micros: int) -> None:
    assert micros_of(amount_of(micros)) == micros


@pytest.mark.parametrize("wrong", ["x", "NaN", "Infinity", "0.0000001", ""])
def test_what_is_no_amount(wrong: str) -> None:
    with pytest.raises(ValueError, match="amount"):
        micros_of(wrong)


def test_measured_seconds_have_three_places() -> None:
    assert exact(5.0416666) == Decimal("5.042")

"""The price book: which line wins, what is held, what is charged, and the one rounding rule."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from math import floor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from telecine.accounts.priced import Priced
from telecine.accounts.prices import PriceBook, Quote, used
from telecine.config import ConfigError, PriceConfig, parse
from telecine.nouns import catalogue
from telecine.nouns.billed import Billed
from telecine.nouns.errors import GatewayError
from telecine.nouns.money import TOKEN_UNITS, Price, amount_of, cost, exact, micros_of
from telecine.nouns.parameters import VideoParameters
from telecine.nouns.request import GenerationRequest
from telecine.nouns.task import Output, Tokens, Usage
from telecine.providers.http import Vendor
from telecine.providers.http.body import translate
from telecine.providers.kling import KLING
from telecine.providers.openai import OPENAI
from tests.tasks.scripted import billed_of, text_to_video

MODEL = "kling-v2-5-turbo"


def book(*lines: PriceConfig) -> PriceBook:
    return PriceBook(lines, catalogue.load())


def line(price: str, unit: Any = "second", model: str = MODEL, hold: str | None = None, **when: Any) -> PriceConfig:
    return PriceConfig(model, unit, Decimal(price), when, Decimal(hold) if hold else None)


def quoted(prices: PriceBook, request: GenerationRequest) -> Quote | None:
    return prices.quote(Priced.of(request), [billed_of(request)])


def test_a_model_without_a_line_is_free() -> None:
    assert quoted(book(line("1", model="another")), text_to_video()) is None


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
    quote = quoted(prices, request_)
    assert quote is not None
    assert quote.prices == (Price("second", micros),)


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
    quote = quoted(book(one), request_)
    assert quote is not None
    assert quote.hold == hold


PICTURE = GenerationRequest("text_to_image", "kling-v1", count=2)


def test_a_line_prices_only_what_is_counted_by_its_unit() -> None:
    both = book(line("0.1", model="kling-v1"), line("0.02", "image", model="kling-v1"))
    made = [quoted(both, one) for one in (PICTURE, text_to_video(model="kling-v1", duration=5.0))]
    assert [quote.hold for quote in made if quote] == [40_000, 500_000]
    with pytest.raises(GatewayError) as caught:
        quoted(book(line("0.1", model="kling-v1")), PICTURE)
    assert caught.value.code == "permission"
    anything = book(line("0.02", "image", model="*", mode="std"), line("0.1", model="*"))
    assert [one.hold for one in (quoted(anything, text_to_video(duration=5.0)),) if one] == [500_000]


def test_lines_for_pictures_and_for_videos_stand_side_by_side() -> None:
    lines = '[[prices]]\nmodel = "m"\nunit = "{}"\nprice = 1\n[[prices]]\nmodel = "m"\nunit = "{}"\nprice = 1\n'
    assert len(parse(lines.format("image", "second").encode(), Path("f"), {}).prices) == 2
    for one, other in (("second", "track"), ("image", "call"), ("image", "image")):
        with pytest.raises(ConfigError, match="exclude each other"):
            parse(lines.format(one, other).encode(), Path("f"), {})


def test_a_line_may_be_for_one_operation() -> None:
    prices = book(line("0.1", model="kling-v1"), line("0.02", "call", model="kling-v1", operation="extend"))
    made = [quoted(prices, text_to_video(model="kling-v1", operation=name)) for name in ("extend", "text_to_video")]
    assert [quote.prices for quote in made if quote] == [(Price("call", 20_000),), (Price("second", 100_000),)]


def test_an_alias_has_the_price_of_its_model_and_may_have_its_own() -> None:
    prices = book(line("0.1", model="sora-2"), line("0.2", model="sora-2-2025-12-08"))
    quotes = [quoted(prices, text_to_video(model=name)) for name in ("sora-2-2025-10-06", "sora-2-2025-12-08")]
    assert [quote.prices[0].micros for quote in quotes if quote] == [100_000, 200_000]


def output(kind: Any = "video", state: Any = "stored") -> Output:
    return Output(task_id=1, index=0, kind=kind, state=state)


def test_what_was_really_made_is_charged() -> None:
    second = (Price("second", 70_000),)
    request = text_to_video(duration=5.0)
    assert used(second, Usage(seconds=5.041), (output(),), request, 350_000) == 350_000
    assert used(second, Usage(seconds=6.041), (output(),), request, 350_000) == 422_870
    assert used(second, Usage(), (output(state="pending"),), request, 350_000) == 350_000
    images = replace(request, count=3)
    assert (
        used(
            (Price("image", 20_000),),
            Usage(),
            tuple(replace(output("image"), item=one) for one in range(2)),
            images,
            60_000,
        )
        == 40_000
    )
    assert used((Price("call", 5),), Usage(), (output(),), request, 5) == 5
    assert used((Price("image", 10),), Usage(), (output(),), request, 40) == 40, (
        "a video by the picture is none for free"
    )
    assert used((Price("image", 10),), Usage(), (output(state="lost"),), request, 40) == 0


@pytest.mark.parametrize(
    ("told", "asked", "items", "state", "counts"),
    [
        (4, 4, (0,), "stored", 4),
        (4, 4, (0,), "lost", 0),
        (9, 4, (0,), "stored", 4),
        (4, 1, (0,), "stored", 1),
        (None, 4, (0,), "stored", 1),
        (4, 4, (0, 1), "stored", 2),
    ],
)
def test_a_file_that_shows_several_pictures_counts_as_so_many_as_were_asked_for(
    told: int | None, asked: int, items: tuple[int, ...], state: Any, counts: int
) -> None:
    """A grid; where the pictures come one by one, none counts that has not come."""
    files = tuple(replace(output("image", state), item=item) for item in items)
    request = replace(text_to_video(), count=asked)
    assert used((Price("image", 10),), Usage(images=told), files, request, 40) == 10 * counts


def tokens_of(**counts: int) -> Usage:
    return Usage(tokens=Tokens(**counts))


def test_what_an_upstream_does_not_report_costs_what_was_held() -> None:
    request, tokens = text_to_video(prompt="纸船"), (Price("million_input_tokens", 3_000_000),)
    assert used(tokens, Usage(), (), request, 777) == 777
    assert used(tokens, tokens_of(), (), request, 777) == 0
    assert used(tokens, tokens_of(output=5_000), (), request, 777) == 0  # no line, no price
    computed = (Price("compute_second", 250),)
    assert used(computed, Usage(), (), request, 777) == 777
    assert used(computed, Usage(compute_seconds=1.234), (), request, 777) == 309
    assert used((Price("character", 5),), Usage(), (), request, 777) == 10
    assert used((Price("character", 5),), Usage(), (), replace(request, prompt="", blanked=True), 777) == 777


FAMILY = (
    line("3", "million_input_tokens"),
    line("15", "million_output_tokens"),
    line("30", "million_output_tokens", mode="pro"),
    line("40", "million_audio_tokens", hold="0.5"),
)


@pytest.mark.parametrize(
    ("more", "mode", "prices", "hold"),
    [
        ((), None, {"input": 3, "output": 15, "audio": 40}, 20_180_000),
        ((), "pro", {"input": 3, "output": 30, "audio": 40}, 20_330_000),
        ((line("1", "call", mode="pro"),), None, {"input": 3, "output": 15, "audio": 40}, 20_180_000),
        ((line("1", "call", mode="pro", audio=True),), "pro", {"input": 3, "output": 30, "audio": 40}, 20_330_000),
    ],
)
def test_token_lines_add_up_each_by_its_most_specific_line(
    more: tuple[PriceConfig, ...], mode: Any, prices: dict[str, int], hold: int
) -> None:
    quote = quoted(book(*FAMILY, *more), text_to_video(parameters=VideoParameters(mode=mode)))
    assert quote is not None
    assert {price.unit: price.micros for price in quote.prices} == {
        f"million_{kind}_tokens": price * 1_000_000 for kind, price in prices.items()
    }
    assert quote.hold == hold


def test_a_more_specific_line_of_another_unit_stands_alone() -> None:
    quote = quoted(
        book(*FAMILY, line("1", "call", mode="pro", audio=True)),
        text_to_video(parameters=VideoParameters(mode="pro"), audio=True),
    )
    assert quote is not None
    assert (quote.prices, quote.hold) == ((Price("call", 1_000_000),), 1_000_000)


def test_of_the_lines_of_an_alias_and_its_model_those_of_the_alias_go_first() -> None:
    prices = book(
        line("1", "million_input_tokens", model="sora-2"),
        line("2", "million_output_tokens", model="sora-2"),
        line("9", "million_output_tokens", model="sora-2-2025-12-08"),
    )
    quote = quoted(prices, text_to_video(model="sora-2-2025-12-08"))
    assert quote is not None
    assert [price.micros for price in quote.prices] == [1_000_000, 9_000_000]


def test_the_own_price_of_an_alias_stands_before_a_condition_of_its_model() -> None:
    prices = book(line("5", model="sora-2", duration=4), line("2", model="sora-2-2025-12-08"))
    quote = quoted(prices, text_to_video(model="sora-2-2025-12-08"))
    assert quote is not None
    assert quote.prices == (Price("second", 2_000_000),)


@pytest.mark.parametrize(
    ("model", "micros"),
    [
        ("kling-v2-5-turbo", 7),  # its own line, though others have conditions that hold
        ("kling-v2-6", 5),
        ("kling-v3", 4),
        ("kling-v12", 3),
        ("kling-next", 2),
        ("flux-1", 1),
        ("sora-2", 8),
        ("sora-2-2025-10-06", 8),  # the model that it is an alias of, before any glob
        ("sora-2-2025-12-08", 9),
        ("sora-2-pro", 6),
        ("odd[1", 10),
        ("odd1", 1),
    ],
)
def test_the_line_closest_to_the_name_wins(model: str, micros: int) -> None:
    lines = {
        "*": 1,
        "kling-*": 2,
        "kling-v*": 3,
        "kling-v?": 4,
        "kling-v2-*": 5,
        "sora-2*": 6,
        "kling-v2-5-turbo": 7,
        "sora-2": 8,
        "sora-2-2025-12-08": 9,
        "odd[1": 10,
    }
    dearer = [line("0.5", model=glob, duration=5) for glob in ("*", "kling-*")]
    for order in (1, -1):
        priced = [line(f"0.{number:06}", model=name) for name, number in lines.items()][::order]
        quote = quoted(book(*dearer, *priced), text_to_video(model=model, duration=5.0))
        assert quote is not None
        wanted = 500_000 if model in {"kling-next", "flux-1", "odd1"} else micros
        assert quote.prices == (Price("second", wanted),), model


def test_conditions_decide_among_lines_of_the_same_glob_and_a_glob_stands_in_where_none_holds() -> None:
    prices = book(line("1", model="kling-*"), line("2", model="kling-*", duration=10), line("3", audio=True))
    requests = (text_to_video(), text_to_video(duration=10.0), text_to_video(audio=True, duration=10.0))
    for request, micros in zip(requests, (1_000_000, 2_000_000, 3_000_000), strict=True):
        quote = quoted(prices, request)
        assert quote is not None
        assert quote.prices == (Price("second", micros),)


def test_token_lines_of_a_glob_add_to_those_of_a_name() -> None:
    prices = book(
        line("1", "million_input_tokens", model="*"),
        line("2", "million_output_tokens", model="*"),
        line("9", "million_output_tokens"),
    )
    quote = quoted(prices, text_to_video())
    assert quote is not None
    assert [price.micros for price in quote.prices] == [1_000_000, 9_000_000]


def test_a_name_that_looks_like_one_is_none() -> None:
    assert quoted(book(line("1", model="sora2"), line("1", model="sora")), text_to_video(model="sora-2")) is None


@pytest.mark.parametrize(
    ("vendor", "request_", "micros"),
    [
        (KLING, text_to_video(), 1),
        (KLING, text_to_video(resolution="1080p"), 2),
        (KLING, text_to_video(size="1920x1080"), 2),
        (KLING, text_to_video(size="1280x720"), 1),
        (KLING, text_to_video(parameters=VideoParameters(mode="pro"), duration=10.0), 3),
        (KLING, text_to_video(size="1080*1080", duration=10.0), 3),
        (OPENAI, text_to_video(model="sora-2-pro"), 4),
        (OPENAI, text_to_video(model="sora-2-pro", size="1792x1024"), 5),
        (OPENAI, text_to_video(model="sora-2-pro", resolution="1k", aspect_ratio="7:4"), 5),
        (OPENAI, text_to_video(model="sora-2-pro", resolution="1024p"), 6),
        (OPENAI, text_to_video(model="sora-2-pro", duration=8.0), 7),
    ],
)
def test_conditions_mean_what_the_upstream_is_sent(vendor: Vendor, request_: GenerationRequest, micros: int) -> None:
    """Whichever field says it, and where none does, by the vendor's default."""
    sora = {"model": "sora-2-pro"}
    prices = book(
        line("0.000001", mode="std", duration=5),
        line("0.000002", resolution="1080P", duration=5),
        line("0.000003", mode="pro", duration=10),
        line("0.000004", **sora, duration=4),
        line("0.000005", **sora, size="1792×1024", duration=4),
        line("0.000006", **sora, resolution="1024p", duration=4),
        line("0.000007", **sora, duration=8),
    )
    draft = translate(vendor, request_, "some-model")
    quote = prices.quote(Priced.of(request_), [draft.op.billed(draft)])
    assert quote is not None
    assert quote.prices == (Price("second", micros),)


def test_the_dearest_channel_counts() -> None:
    prices = book(line("1", resolution="720p"), line("2", resolution="1080p"))
    quote = prices.quote(Priced.of(text_to_video()), [Billed(resolution="720p"), Billed(resolution="1080p"), Billed()])
    assert quote is not None
    assert quote.prices == (Price("second", 2_000_000),)


def test_a_call_that_makes_no_files_has_its_price() -> None:
    """By what is known of it beforehand: how many calls, characters or tokens."""
    speech = Priced("speaker", {"character": Decimal(2000)})
    chat = Priced("talker", {"million_input_tokens": Decimal("0.25")})
    prices = book(
        line("0.001", "character", "speaker"),
        line("2", "million_input_tokens", "talker"),
        line("4", "million_output_tokens", "talker", hold="0.5"),
        line("0.5", "call", "finder", mode="deep"),
        line("0.1", "call", "finder"),
    )
    asked: list[tuple[Priced, Billed]] = [(speech, Billed()), (chat, Billed())]
    asked += [(Priced("finder", {"call": Decimal(3)}), Billed(mode=mode)) for mode in (None, "deep")]
    quotes = [prices.quote(priced, [billed]) for priced, billed in asked]
    assert [(one.hold, one.most) for one in quotes if one] == [
        (2_000_000, 2_000_000),
        (2_500_000, 4_500_000),
        (300_000, 300_000),
        (1_500_000, 1_500_000),
    ]
    assert prices.quote(Priced("another", {}), [Billed()]) is None


def test_what_no_line_fits_is_not_free() -> None:
    with pytest.raises(GatewayError, match="has no price for a job like this one") as caught:
        quoted(book(line("1", mode="pro")), text_to_video())
    assert caught.value.code == "permission"


@pytest.mark.parametrize("unit", ["second", "image", "track"])
def test_a_line_for_many_models_makes_none_of_them_free(unit: str) -> None:
    """Whoever prices the videos of a vendor has not said what its calls cost."""
    call = GenerationRequest("kling:identify_face", "kling-identify-face")
    lines = [line("0.1", unit, "kling-*")]
    with pytest.raises(GatewayError, match="has no price for a job like this one"):
        quoted(book(*lines), call)
    assert quoted(book(*lines, line("0.05", "call", "kling-*")), call) == Quote(
        (Price("call", 50_000),), 50_000, 50_000
    )
    free = quoted(book(line("0", unit, "kling-*")), call)
    assert free is not None
    assert free.hold == 0


counts = st.integers(0, 10**12)
micros = st.integers(0, 10**12)
KINDS = dict(zip(TOKEN_UNITS, Tokens.__struct_fields__, strict=True))


@given(st.dictionaries(st.sampled_from(list(TOKEN_UNITS)), micros, min_size=1), st.tuples(*[counts] * 5))
def test_tokens_cost_their_exact_sum_rounded_once(lines: dict[Any, int], taken: tuple[int, ...]) -> None:
    tokens = Tokens(*taken)
    exactly = sum(Fraction(price * getattr(tokens, KINDS[unit]), 1_000_000) for unit, price in lines.items())
    prices = tuple(Price(unit, price) for unit, price in lines.items())
    charge = used(prices, Usage(tokens=tokens), (), text_to_video(), 7)
    assert charge == floor(exactly + Fraction(1, 2))
    assert charge == used(prices[::-1], Usage(tokens=tokens), (), text_to_video(), 7)


@given(counts, counts, micros)
def test_a_token_costs_the_same_in_whatever_kind_it_was_counted(some: int, others: int, price: int) -> None:
    """Rounding kind by kind would charge for the splitting."""
    prices = (Price("million_input_tokens", price), Price("million_cached_tokens", price))
    apart = used(prices, tokens_of(input=some, cached=others), (), text_to_video(), 0)
    assert apart == used(prices, tokens_of(input=some + others), (), text_to_video(), 0)


@given(st.tuples(*[st.integers(-5, 5)] * 5))
def test_a_count_below_nothing_is_no_count(taken: tuple[int, ...]) -> None:
    if min(taken) < 0:
        with pytest.raises(ValueError, match="negative"):
            Tokens(*taken)
    else:
        assert Tokens(*taken).total == sum(taken)


TOKENS = '[[prices]]\nmodel = "m"\nunit = "million_{}_tokens"\nprice = 3\n'
CALL = '[[prices]]\nmodel = "m"\nunit = "{}"\nprice = 0.5\nwhen = {{ {} }}\n'


@pytest.mark.parametrize(
    "good",
    [
        TOKENS.format("input") + TOKENS.format("output"),
        TOKENS.format("input") + CALL.format("call", "audio = true"),
        CALL.format("call", "audio = true") + CALL.format("second", "audio = false"),
    ],
)
def test_lines_that_stand_side_by_side(good: str) -> None:
    assert len(parse(good.encode(), Path("f"), {}).prices) == 2


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        (TOKENS.format("input") * 2, "3 a million_input_tokens, 3 a million_input_tokens"),
        (TOKENS.format("input") + CALL.format("call", ""), "3 a million_input_tokens, 0.5 a call"),
        (
            CALL.format("call", "audio = true, mode = 'pro'") + CALL.format("second", "mode = 'pro', audio = true"),
            "0.5 a call when audio = True, mode = pro, 0.5 a second when audio = True, mode = pro",
        ),
    ],
)
def test_lines_that_exclude_each_other_stop_the_start(wrong: str, named: str) -> None:
    with pytest.raises(ConfigError, match="'m' exclude each other") as caught:
        parse(wrong.encode(), Path("f"), {})
    assert named in str(caught.value)


def test_a_hold_below_nothing_stops_the_start() -> None:
    for hold in ("-1", "nan", "-inf"):
        with pytest.raises(ConfigError, match="hold"):
            parse((TOKENS.format("input") + f"hold = {hold}").encode(), Path("f"), {})


@pytest.mark.parametrize("bounds", ["most = 0", "most = -1", "most = nan", "most = 1e10", "hold = 2\nmost = 1.5"])
def test_a_bound_that_cannot_be_stops_the_start(bounds: str) -> None:
    with pytest.raises(ConfigError, match="The most of a price"):
        parse((TOKENS.format("input") + bounds).encode(), Path("f"), {})


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

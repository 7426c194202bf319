"""No upstream can push an account past what was asked of it: what counts, for how long, and the bounds of lines."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

import pytest
from msgspec.structs import replace

from telecine.config import PriceConfig
from telecine.net.client import FetchError
from telecine.nouns.billed import Billed
from telecine.nouns.request import GenerationRequest
from telecine.nouns.task import Output, Task, Tokens, Usage
from telecine.providers.base import Channel, Provider
from telecine.providers.outcomes import Running, Succeeded, UpstreamOutput
from tests.tasks.scripted import Scripted, text_to_video
from tests.tasks.test_money import Bank, bank

MODEL = "kling-v2-5-turbo"
CUT, GONE = FetchError("cut short"), FetchError("the file answers with HTTP 404", status=404)
Kind = Literal["video", "image", "audio"]


def line(price: str, unit: Any, model: str = MODEL, hold: str | None = None, most: str | None = None) -> PriceConfig:
    bounds = (Decimal(one) if one else None for one in (hold, most))
    return PriceConfig(model, unit, Decimal(price), {}, *bounds)


def made(*kinds: Kind, usage: Usage | None = None) -> Succeeded:
    """A job with a file of each of `kinds`."""
    links = (UpstreamOutput(f"https://files.example/{number}", kind) for number, kind in enumerate(kinds))
    return Succeeded(tuple(links), usage or Usage())


VIDEOS: list[Kind] = ["video"] * 1000


class Files:
    """A library with a file of its own length for each output; those in `failing` cannot be had."""

    def __init__(self, one: Bank, *lengths: float, rate: float | None = 24.0, failing: dict[int, Any] | None = None):
        self.lengths, self.rate, self.failing = lengths, rate, failing or {}
        self.account = one.house.me.account_id
        one.house.shelf.keep = self.keep  # type: ignore[method-assign]

    async def keep(self, provider: Provider, channel: Channel, output: Output, account_id: int) -> Output:
        if (error := self.failing.get(output.index, self.failing.get(-1))) is not None:
            raise error
        length = self.lengths[min(output.index, len(self.lengths) - 1)] if self.lengths else 5.0
        return replace(output, state="stored", object_key="k", duration=length, frame_rate=self.rate)


async def ended(one: Bank, result: Succeeded, request: GenerationRequest, seconds: float = 60) -> Task:
    """The task after so long, its books in order."""
    one.house.provider.polls = [Running(), result]
    view = await one.house.tasks.create(one.house.me, request, "tasks")
    await one.house.pass_time(seconds, max(1.0, seconds / 200))
    await one.figures()
    return (await one.house.tasks.get(one.house.me, view.task.id)).task


VIDEO, PICTURE = text_to_video(duration=5.0), GenerationRequest("text_to_image", "any-model", "a paper boat")


@pytest.mark.parametrize(
    ("price", "request_", "kinds", "charged"),
    [
        (line("0.07", "second"), VIDEO, ["video"] * 1000, 350_000),
        (line("0.07", "second"), VIDEO, ["audio", "video"], 350_000),  # one clip with its sound apart
        (line("0.07", "second"), VIDEO, ["image", "video", "image"], 350_000),
        (line("0.02", "image", "any-model"), PICTURE, ["image"] * 5, 20_000),
        (line("0.02", "image", "any-model"), replace(PICTURE, count=3), ["image"] * 5, 60_000),
        (line("0.02", "image", "any-model"), replace(PICTURE, count=3), ["image"] * 2, 40_000),
        (line("0.3", "track"), VIDEO, ["audio"] * 4, 300_000),
        (line("0.3", "track"), VIDEO, ["video"], 0),
        (line("0.5", "call"), VIDEO, ["video"] * 9, 500_000),
    ],
)
async def test_what_counts_is_at_most_what_was_asked_for(
    tmp_path: Path, price: PriceConfig, request_: GenerationRequest, kinds: list[Kind], charged: int
) -> None:
    async with bank(tmp_path, "10", prices=(price,)) as one:
        Files(one)
        task = await ended(one, made(*kinds), request_)
        assert (task.state, task.charged) == ("succeeded", charged)
        assert task.held >= charged
        assert await one.figures() == (10_000_000 - charged, 0, charged)


@pytest.mark.parametrize(("unit", "micros"), [("track", 600_000), ("second", 3_000_000)])
async def test_what_is_made_whatever_was_asked_for_is_held_and_charged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, unit: str, micros: int
) -> None:
    """A song is two clips upstream: one costs no less because a client says that it wants one."""
    async with bank(tmp_path, "10", prices=(line("0.3", unit, "any-model"),)) as one:
        monkeypatch.setattr(one.house.provider, "check", lambda *_: Billed(count=2, duration=5.0))
        Files(one)
        task = await ended(one, made("audio", "audio"), GenerationRequest("music", "any-model", "a boat"))
        assert (task.state, task.held, task.charged) == ("succeeded", micros, micros)


async def test_a_thousand_links_that_cannot_be_fetched_cost_at_most_the_one_that_was_asked_for(tmp_path: Path) -> None:
    async with bank(tmp_path, "10", prices=(line("0.1", "second"),)) as one:
        Files(one, failing={-1: CUT})
        task = await ended(one, made(*VIDEOS), VIDEO)
        assert (task.state, task.charged) == ("succeeded", 500_000)


async def test_links_that_lead_nowhere_cost_nothing(tmp_path: Path) -> None:
    async with bank(tmp_path, "10", prices=(line("0.1", "second"),)) as one:
        Files(one, failing={-1: GONE})
        task = await ended(one, made(*VIDEOS), VIDEO)
        assert (task.status, task.charged) == ("running", None)
        await one.house.pass_time(3900, 60)
        assert await one.figures() == (10_000_000, 0, 0)
        task = (await one.house.tasks.get(one.house.me, task.id)).task
        assert (task.state, task.charged, task.error and task.error.code) == ("failed", 0, "upstream_failed")


@pytest.mark.parametrize(
    ("price", "kind", "charged"),
    [(line("0.07", "second"), "video", 700_000), (line("0.02", "image"), "image", 40_000)],
)
async def test_lost_files_are_not_billed(tmp_path: Path, price: PriceConfig, kind: Kind, charged: int) -> None:
    async with bank(tmp_path, "10", prices=(replace(price, model="any-model"),)) as one:
        Files(one, failing={1: GONE, 2: GONE})
        request = text_to_video(model="any-model", duration=5.0, count=4)
        task = await ended(one, made(*[kind] * 4), request, 4000)
        assert (task.state, task.charged, task.held) == ("succeeded", charged, 2 * charged)


@pytest.mark.parametrize(
    ("asked", "length", "rate", "billed"),
    [
        (5.0, 5.041, 24.0, 5.0),
        (5.0, 5.1, 24.0, 5.0),
        (5.0, 4.9, 24.0, 5.0),
        (5.0, 4.92, None, 5.0),
        (10.0, 9.81, 24.0, 10.0),
        (1.0, 0.92, 24.0, 1.0),  # two frames
        (1.0, 0.9, 24.0, 0.9),
        (1.0, 0.76, 8.0, 1.0),
        (5.0, 4.8, 24.0, 4.8),
        (5.0, 8.0, 24.0, 5.0),  # more than was asked for was not ordered
        (None, 5.041, 24.0, 5.0),  # by the vendor's default
        (None, 4.96, 24.0, 5.0),
        (None, 3.0, 24.0, 3.0),
    ],
)
async def test_a_length_near_what_was_asked_for_is_billed_as_asked(
    tmp_path: Path, asked: float | None, length: float, rate: float | None, billed: float
) -> None:
    class Kling(Scripted):
        def check(self, request: GenerationRequest, model: str, channel: Channel | None = None) -> Billed:
            return replace(super().check(request, model), duration=request.duration or 5.0)

    provider = Kling()
    async with bank(tmp_path, "10", prices=(line("0.1", "second", "any-model"),), providers=(provider,)) as one:
        one.house.provider = provider
        Files(one, length, rate=rate)
        task = await ended(one, made("video"), text_to_video(model="any-model", duration=asked))
        assert task.charged == round(billed * 100_000)
        assert task.usage == Usage(seconds=length)
        assert task.held >= task.charged


async def test_each_file_is_billed_by_its_own_length(tmp_path: Path) -> None:
    async with bank(tmp_path, "10", prices=(line("0.1", "second", "any-model"),)) as one:
        Files(one, 5.04, 3.0)
        task = await ended(one, made("video", "video"), text_to_video(model="any-model", duration=5.0, count=2))
        assert (task.charged, task.usage) == (800_000, Usage(seconds=8.04))


async def test_what_the_upstream_tells_is_billed_as_asked_too(tmp_path: Path) -> None:
    async with bank(tmp_path, "10", prices=(line("0.1", "second"),)) as one:
        Files(one, failing={-1: CUT})
        assert (await ended(one, made("video", usage=Usage(seconds=5.05)), VIDEO)).charged == 500_000


TOKENS = Usage(tokens=Tokens(input=10**9, output=10**9))


@pytest.mark.parametrize(
    ("prices", "usage", "most"),
    [
        ([line("3", "million_input_tokens")], TOKENS, 3_000_000),
        ([line("3", "million_input_tokens"), line("15", "million_output_tokens")], TOKENS, 18_000_000),
        ([line("3", "million_input_tokens", most="0.02")], TOKENS, 60_000),
        ([line("3", "million_input_tokens", hold="5")], TOKENS, 15_000_000),
        ([line("0.001", "compute_second")], Usage(compute_seconds=1e7), 3_600_000),
        ([line("0.001", "compute_second", most="90")], Usage(compute_seconds=1e7), 90_000),
        ([line("0.01", "second")], Usage(), 600_000),  # nobody said how long, and it is a day long
        ([line("0.01", "second", most="8")], Usage(), 80_000),
    ],
)
async def test_what_is_not_known_beforehand_is_bounded_by_its_line(
    tmp_path: Path, prices: list[PriceConfig], usage: Usage, most: int
) -> None:
    async with bank(tmp_path, "100", prices=prices) as one:
        Files(one, 86_400.0)
        task = await ended(one, made("video", usage=usage), text_to_video())
        assert (task.charged, task.most) == (most, most)
        assert await one.figures() == (100_000_000 - most, 0, most)
        *_, line_ = [one for one in await one.house.timeline(task.id) if one["type"] == "succeeded"]
        assert task.held == most or "more than was held; unbounded it would be" in line_["detail"]


@pytest.mark.parametrize(
    ("price", "request_"),
    [
        (line("0.07", "second", hold="1"), VIDEO),
        (line("0.02", "image", "any-model", hold="1"), replace(PICTURE, count=3)),
        (line("0.001", "character", hold="1"), VIDEO),
    ],
)
async def test_a_hold_is_never_less_than_what_is_known_beforehand(
    tmp_path: Path, price: PriceConfig, request_: GenerationRequest
) -> None:
    async with bank(tmp_path, "10", prices=(price,)) as one:
        Files(one)
        task = await ended(one, made("video", "image", "image", "image"), request_)
        assert task.charged == task.held == task.most


async def test_a_known_number_may_be_charged_up_to_the_bound_of_its_line(tmp_path: Path) -> None:
    async with bank(tmp_path, "0.3", prices=(line("0.07", "second", most="3"),)) as one:
        Files(one)
        task = await ended(one, made("video"), VIDEO)
        assert (task.held, task.charged) == (210_000, 210_000)


async def test_a_charge_above_its_hold_stays_visible(tmp_path: Path) -> None:
    price = line("15", "million_output_tokens")
    async with bank(tmp_path, "0.2", prices=(price,)) as one:
        Files(one)
        task = await ended(one, made("video", usage=Usage(tokens=Tokens(output=100_000))), text_to_video())
        assert (task.held, task.charged) == (150_000, 1_500_000)
        assert await one.figures() == (-1_300_000, 0, 1_500_000)
        (told,) = [one for one in await one.house.timeline(task.id) if one["type"] == "succeeded"]
        assert told["detail"] == "charged 1.500000, 1.350000 more than was held"

"""What the account's resource packs say."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from telecine.providers.base import Channel, Provider
from telecine.providers.outcomes import Reported, Unreadable
from tests.providers.stand_ins import NOW
from tests.upstreams.files import Answer, FileServer
from tests.upstreams.kling import FakeKling, Fault
from tests.upstreams.kling_packs import costs

TIMES = f"start_time={int(NOW * 1000) - 400 * 86_400_000}&end_time={int(NOW * 1000)}"


@pytest.fixture(autouse=True)
def today(fake: FakeKling) -> None:
    """The pack was bought before the question is asked."""
    fake.packs.buy("p1", 1000, NOW - 1)
    fake.packs.spacing = 0.0


async def test_what_finished_jobs_took_is_reported(
    provider: Provider, fake: FakeKling, channel: Channel, running: str
) -> None:
    assert await provider.report(channel) == Reported({"p1": Decimal(0)})
    fake.finish(running)
    fake.packs.deduct("0.3")
    assert await provider.report(channel) == Reported({"p1": Decimal("2.8")})
    assert fake.packs.asked[0] == dict(pair.split("=") for pair in TIMES.split("&"))


async def test_a_failed_job_takes_nothing(provider: Provider, fake: FakeKling, channel: Channel, running: str) -> None:
    fake.fail(running)
    assert await provider.report(channel) == Reported({"p1": Decimal(0)})


async def test_packs_bought_within_a_year_count_and_expired_ones_do_not(
    provider: Provider, fake: FakeKling, channel: Channel
) -> None:
    for name, days in (("a year ago", 366), ("long ago", 401), ("expired", 300)):
        fake.packs.buy(name, 10, NOW - days * 86400)
    fake.packs.packs["expired"].expired = True
    fake.packs.deduct("14")  # all of the oldest two, which are used up
    assert await provider.report(channel) == Reported({"p1": Decimal(0), "a year ago": Decimal(4)})


@pytest.mark.parametrize(
    "fault",
    [
        Fault("costs", "html"),
        Fault("costs", "broken"),
        Fault("costs", "drop", times=9),
        Fault("costs", "refuse", code=1302),
        Fault("costs", "refuse", code=5000),
        Fault("costs", "refuse", code=1103),
    ],
    ids=lambda fault: f"{fault.act}-{fault.code}",
)
async def test_faults_are_no_reading(provider: Provider, fake: FakeKling, channel: Channel, fault: Fault) -> None:
    fake.faults.append(fault)
    assert isinstance(await provider.report(channel), Unreadable)
    fake.faults.clear()
    assert isinstance(await provider.report(channel), Reported)


async def test_it_is_refused_more_often_than_once_a_second(
    provider: Provider, fake: FakeKling, channel: Channel
) -> None:
    fake.packs.spacing = 60.0
    assert isinstance(await provider.report(channel), Reported)
    assert await provider.report(channel) == Unreadable("HTTP 429 with code 1302")


async def test_a_bad_credential_and_an_upstream_that_is_down_are_no_reading(
    provider: Provider, fake: FakeKling, channel: Channel
) -> None:
    refused = await provider.report(msgspec.structs.replace(channel, api_key="sk-wrong"))
    assert refused == Unreadable("HTTP 401 with code 1002")
    await asyncio.to_thread(fake.stop)
    assert isinstance(await provider.report(channel), Unreadable)


ODD: list[bytes] = [
    costs(),
    costs({"status": "expired"}),
    costs({}, code=1),
    costs({}, resource_pack_subscribe_infos=None),
    costs({"total_quantity": None}),
    costs({"total_quantity": "NaN"}),
    costs({"remaining_quantity": "Infinity"}),
    costs({"remaining_quantity": 100.1}),
    costs({"total_quantity": 10**10}),
    costs({"resource_pack_id": None}),
    costs({}, {}),
    b'{"code":0,"message":"SUCCEED"}',
    b'{"code":0,"message":"SUCCEED","data":[]}',
    b'{"resource_pack_subscribe_infos":[]}',
    b"\xff\xfe",
    b"",
]


@pytest.mark.parametrize("body", ODD)
async def test_odd_answers_are_no_reading(provider: Provider, body: bytes) -> None:
    async with FileServer() as server:
        server.answers[f"/account/costs?{TIMES}"] = Answer(body)
        assert isinstance(await provider.report(Channel("k", server.url(""), api_key="key")), Unreadable)


@pytest.mark.parametrize("pack", [{}, {"total_quantity": "100", "remaining_quantity": "99.70"}, {"status": "new word"}])
async def test_numbers_are_exact_however_they_are_written(provider: Provider, pack: dict[str, Any]) -> None:
    async with FileServer() as server:
        server.answers[f"/account/costs?{TIMES}"] = Answer(costs(pack))
        told = await provider.report(Channel("k", server.url(""), api_key="key"))
        assert told == Reported({"p1": Decimal("0.3")})

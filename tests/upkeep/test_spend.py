"""What upstreams say that their accounts have used, against our own jobs. Kling's wire, and time moved by hand."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, insert, select, update

from telecine.config import ChannelConfig, RetentionConfig
from telecine.media.storage import Storage
from telecine.net.client import Client
from telecine.providers.http import HttpProvider
from telecine.providers.kling import KLING
from telecine.providers.outcomes import Reported
from telecine.server.metrics import Metrics
from telecine.store import tables
from telecine.upkeep.doctor import findings
from telecine.upkeep.figures import measure
from telecine.upkeep.finding import Finding
from telecine.upkeep.kept import KeptJobs
from telecine.upkeep.retention import Retention
from telecine.upkeep.spend import Reports, Spend
from tests.clock import HandClock
from tests.records import reading, writing
from tests.server.live import ADMIN_KEY, LiveServer, kling_channel
from tests.tasks.scripted import House, Scripted, text_to_video
from tests.upstreams.kling import API_KEY, FakeKling, Fault

HOUR = 3600.0
DAY = 86400.0


@pytest.fixture
async def fake() -> AsyncIterator[FakeKling]:
    async with FakeKling() as running:
        running.packs.buy("p1", 1000, HandClock().now() - DAY)
        running.packs.spacing = 0.0  # time passes by hand here
        yield running


@pytest.fixture
async def house(fake: FakeKling, tmp_path: Path) -> AsyncIterator[House]:
    """Two channels on one account, and one whose upstream tells nothing. Jobs go to the first."""
    clock, client = HandClock(), Client()
    channels = (
        ChannelConfig(name="kling-main", provider="kling", base_url=fake.base_url, api_key=API_KEY, priority=1),
        ChannelConfig(name="kling-spare", provider="kling", base_url=fake.base_url, api_key=API_KEY),
        ChannelConfig(name="other", provider="scripted", models=("none",)),
    )
    providers: Any = (HttpProvider(KLING, client, clock), Scripted())
    small = House(tmp_path, channels, providers, clock=clock)
    async with small.opened():
        async with writing(small.database) as connection:
            rows = [
                {"name": one.name, "provider": one.provider, "base_url": one.base_url, "active": True}
                | {"created_at": 0.0, "updated_at": 0.0}
                for one in channels
            ]
            await connection.execute(insert(tables.channels), rows)
        yield small
    await client.close()


@pytest.fixture
def reports(house: House) -> Reports:
    return Reports(house.database, house.router, house.clock)


async def jobs(house: House, fake: FakeKling, number: int) -> None:
    """Let so many jobs of 2.5 units succeed."""
    views = [await house.tasks.create(house.me, text_to_video(), "tasks") for _ in range(number)]
    fake.finish()
    await house.pass_time(60, 5)
    for view in views:
        found = await house.reads.task(view.task.id)
        assert found is not None
        assert found[0].state == "succeeded"


async def looked(reports: Reports, house: House, folder: Path) -> tuple[Spend, Finding]:
    """What was found of the first channel."""
    spend = await reports.compared()
    found = findings(await measure(house.database, house.router, house.clock, folder, spend))
    bills = [one for one in found if one.name == "upstream_bills"]
    assert bills[0] == Finding("upstream_bills", "info", "Not compared, for their upstreams do not tell: 'other'.")
    assert "'kling-main'" in bills[1].what
    return spend[0], bills[1]


def units(spend: Spend) -> tuple[float, float]:
    return spend.upstream / 1e6, spend.ours / 1e6


async def test_our_own_jobs_explain_the_bill(house: House, fake: FakeKling, reports: Reports, tmp_path: Path) -> None:
    _, finding = await looked(reports, house, tmp_path)
    assert (finding.level, "has not said yet" in finding.what) == ("info", True)
    await reports.ask()
    await jobs(house, fake, 4)
    await reports.ask()
    spend, finding = await looked(reports, house, tmp_path)
    assert units(spend) == (10.0, 10.0)
    assert (finding.level, "for a day" in finding.what) == ("info", True)
    house.clock.advance(DAY)
    await reports.ask()
    spend, finding = await looked(reports, house, tmp_path)
    assert finding.level == "ok"
    assert finding.what == (
        "The upstream of 'kling-main' has deducted 10 units since 2025-11-21 04:40 UTC, "
        "our jobs there and at 'kling-spare' 10."
    )
    house.clock.advance(7 * HOUR)
    _, finding = await looked(reports, house, tmp_path)
    assert (finding.level, "last said so 7 hours ago" in finding.what) == ("info", True)


async def test_units_that_nobody_here_used_are_a_warning(
    house: House, fake: FakeKling, reports: Reports, tmp_path: Path
) -> None:
    await reports.ask()
    await jobs(house, fake, 4)
    fake.packs.deduct("5")
    house.clock.advance(DAY)
    await reports.ask()
    assert (await looked(reports, house, tmp_path))[1].level == "ok"  # a job or two may be counted early
    fake.packs.deduct("0.5")
    await reports.ask()
    spend, finding = await looked(reports, house, tmp_path)
    assert units(spend) == (15.5, 10.0)
    assert finding.wrong
    assert finding.do
    assert "has deducted 15.5 units" in finding.what
    assert "somebody else uses the account" in finding.what


async def test_a_small_share_is_no_warning() -> None:
    spend = Spend(channel="a", tells=True, age=0.0, span=2 * DAY, ours=1_000_000_000, upstream=1_050_000_000)
    assert not spend.excess
    assert Spend(channel="a", tells=True, age=0.0, span=2 * DAY, ours=10**9, upstream=1_050_000_001).excess
    assert not Spend(channel="a", tells=True, age=0.0, span=DAY - 1, ours=0, upstream=10**9).excess


async def test_what_the_vendor_tells_late_is_no_warning(
    house: House, fake: FakeKling, reports: Reports, tmp_path: Path
) -> None:
    fake.packs.late = True
    await jobs(house, fake, 8)
    house.clock.advance(11 * HOUR)
    await reports.ask()
    fake.packs.settle()
    house.clock.advance(DAY)
    await reports.ask()
    spend, finding = await looked(reports, house, tmp_path)
    assert units(spend) == (20.0, 20.0)
    assert finding.level == "ok"


@pytest.mark.parametrize("change", ["bought", "expired", "refilled"])
async def test_a_change_of_packs_is_neither_spend_nor_its_opposite(
    house: House, fake: FakeKling, reports: Reports, tmp_path: Path, change: str
) -> None:
    now = house.clock.now()
    fake.packs.buy("p0", 500, now - 2 * DAY)
    fake.packs.deduct("400")
    await reports.ask()
    house.clock.advance(2 * DAY)
    if change == "bought":
        fake.packs.buy("p2", 100, now)
    elif change == "expired":
        fake.packs.packs["p0"].expired = True
    else:
        fake.packs.packs["p0"].remaining = Decimal(500)
    fake.packs.deduct("30")
    await reports.ask()
    spend, finding = await looked(reports, house, tmp_path)
    assert (units(spend), spend.span, finding.level) == ((0.0, 0.0), 0.0, "info")
    house.clock.advance(2 * DAY)
    fake.packs.deduct("30")
    await reports.ask()
    spend, finding = await looked(reports, house, tmp_path)
    assert (units(spend), spend.span, finding.level) == ((30.0, 0.0), 2 * DAY + 2, "warning")


async def test_more_bought_into_a_pack_and_units_given_back_do_not_interrupt(
    house: House, fake: FakeKling, reports: Reports, tmp_path: Path
) -> None:
    pack = fake.packs.packs["p1"]
    fake.packs.deduct("100")
    await reports.ask()
    pack.total += 50
    pack.remaining += 50
    fake.packs.deduct("5")
    house.clock.advance(DAY)
    await reports.ask()
    fake.packs.deduct("-5")  # a job that failed
    await reports.ask()
    spend, finding = await looked(reports, house, tmp_path)
    assert (units(spend), spend.span >= DAY, finding.level) == ((0.0, 0.0), True, "ok")


async def test_an_account_of_two_channels_is_compared_with_the_jobs_of_both(
    house: House, fake: FakeKling, reports: Reports, tmp_path: Path
) -> None:
    await reports.ask()
    await jobs(house, fake, 4)
    async with writing(house.database) as connection:
        await connection.execute(update(tables.attempts).values(channel="kling-spare"))
    house.clock.advance(DAY)
    await reports.ask()
    spend, finding = await looked(reports, house, tmp_path)
    assert (spend.others, units(spend), finding.level) == (("kling-spare",), (10.0, 10.0), "ok")


async def test_the_same_pack_at_another_address_is_another_account(
    house: House, fake: FakeKling, reports: Reports
) -> None:
    async with writing(house.database) as connection:
        elsewhere = update(tables.channels).where(tables.channels.c.name == "kling-spare")
        await connection.execute(elsewhere.values(base_url="https://relay.example"))
    await reports.ask()
    assert [one.others for one in await reports.compared()] == [(), (), ()]


@pytest.mark.parametrize("said", [None, "some", "NaN"])
async def test_jobs_that_do_not_say_what_they_took_allow_no_judgement(
    house: House, fake: FakeKling, reports: Reports, tmp_path: Path, said: str | None
) -> None:
    await reports.ask()
    await jobs(house, fake, 4)
    async with writing(house.database) as connection:
        await connection.execute(update(tables.attempts).values(units=said))
    house.clock.advance(DAY)
    await reports.ask()
    spend, finding = await looked(reports, house, tmp_path)
    assert (spend.untold, finding.level) == (4, "info")
    assert "4 of our jobs did not say what they took" in finding.what


async def test_answers_that_cannot_be_read_are_not_kept(
    house: House, fake: FakeKling, reports: Reports, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake.faults.append(Fault("costs", "html", times=2))
    await reports.ask()
    assert await kept(house) == 0
    assert fake.packs.asked == []

    async def broken(*_: Any) -> Reported:
        raise KeyError

    with monkeypatch.context() as patch:
        patch.setattr(HttpProvider, "report", broken)
        await reports.ask()
    assert await kept(house) == 0
    await reports.ask()
    assert await kept(house) == 2


async def kept(house: House) -> int:
    async with reading(house.database) as connection:
        return int((await connection.execute(select(func.count()).select_from(tables.channel_reports))).scalar_one())


async def test_every_upstream_is_asked_once_an_hour(
    house: House, fake: FakeKling, reports: Reports, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = house.clock.now()
    pauses: list[float] = []
    sleep = house.clock.sleep

    async def counted(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) > 6:
            raise asyncio.CancelledError
        await sleep(seconds)

    monkeypatch.setattr(house.clock, "sleep", counted)
    with contextlib.suppress(asyncio.CancelledError):
        await reports.loop.run()
    assert pauses == [60.0, 1.0, 1.0, 3600.0, 1.0, 1.0, 3600.0]
    asked = [int(query["end_time"]) / 1000 - begun for query in fake.packs.asked]
    assert asked == [60.0, 61.0, 3662.0, 3663.0]


async def test_a_comparison_is_good_for_ten_minutes(house: House, fake: FakeKling, reports: Reports) -> None:
    await reports.ask()
    first = await reports.compared()
    house.clock.advance(599)
    assert await reports.compared() is first
    house.clock.advance(1)
    second = await reports.compared()
    assert (second is first, second[0].age) == (False, 602.0)
    await reports.ask()
    assert await reports.compared() is not second


async def test_answers_are_kept_for_thirty_days(
    house: House, fake: FakeKling, reports: Reports, tmp_path: Path
) -> None:
    await reports.ask()
    house.clock.advance(20 * DAY)
    await reports.ask()
    house.clock.advance(9 * DAY)

    async def nothing() -> int:
        return 0

    storage = Storage.on_disk(tmp_path / "media")
    retention = Retention(
        house.database, storage, house.clock, RetentionConfig, nothing, forget_jobs=KeptJobs(house.database, {}).forget
    )
    assert (await retention.prune())["reports"] == 0
    house.clock.advance(DAY)
    assert (await retention.prune())["reports"] == 2
    assert await kept(house) == 2
    assert [one.span for one in await reports.compared()] == [0.0, 0.0, 0.0]


async def test_metrics_show_both_sides(house: House, fake: FakeKling, reports: Reports, tmp_path: Path) -> None:
    metrics = Metrics()

    async def shown(name: str, **labels: str) -> float | None:
        figures = await measure(house.database, house.router, house.clock, tmp_path, await reports.compared())
        metrics.tell(figures)
        return metrics.registry.get_sample_value(f"telecine_{name}", {"channel": "kling-main", **labels})

    assert await shown("channel_report_age_seconds") is None
    await reports.ask()
    await jobs(house, fake, 2)
    fake.packs.deduct("20")
    assert await shown("channel_units", source="ours") is None
    house.clock.advance(DAY)
    await reports.ask()
    assert await shown("channel_units", source="ours") == 5.0
    assert await shown("channel_units", source="upstream") == 25.0
    assert await shown("channel_report_age_seconds") == 2.0


def test_the_doctor_of_a_server_sees_what_others_use(folder: Path) -> None:
    with FakeKling().in_thread() as fake, LiveServer(folder, kling_channel(fake.base_url, API_KEY)) as server:
        fake.packs.spacing = 0.0
        reports = server.gateway.upkeep._reports
        server.run(reports.ask())
        fake.autofinish(0.05)
        task = server.call("POST", "/v1/tasks", {"model": "kling-v2-5-turbo", "prompt": "a boat"}).json["id"]
        assert server.ended(task)["status"] == "succeeded"
        fake.packs.deduct("130")
        server.clock.leap(2 * DAY)
        server.run(reports.ask())
        told = server.call("GET", "/admin/v1/doctor", key=ADMIN_KEY).json
        (bill,) = [one for one in told["data"] if one["name"] == "upstream_bills"]
        assert (told["ok"], bill["level"]) == (False, "warning")
        assert "has deducted 132.5 units" in bill["what"]
        text = server.call("GET", "/metrics", key=None).content.decode()
        assert '\ntelecine_channel_units{channel="kling-main",source="upstream"} 132.5' in text
        assert API_KEY not in server.log_text()

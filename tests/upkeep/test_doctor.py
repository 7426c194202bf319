"""What costs money when nobody looks at it is seen, said, and counted; and secrets that were rotated."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from sqlalchemy import update

from telecine.accounts.secret import Secret, load_secret, rotate
from telecine.assets.figures import Libraries
from telecine.clock import Slip
from telecine.config import ChannelConfig, ConfigError, PriceConfig
from telecine.loops import Pulse
from telecine.nouns.errors import GatewayError
from telecine.providers.outcomes import Unknown, Unreadable
from telecine.server.metrics import Metrics
from telecine.store import tables
from telecine.store.sealing import Seal
from telecine.tasks.writes.recovery import set_pools
from telecine.upkeep.doctor import findings
from telecine.upkeep.figures import Abroad, Count, Figures, GivenUp, measure
from telecine.upkeep.finding import Finding
from tests.records import writing
from tests.server.live import ADMIN_KEY, LiveServer
from tests.tasks.scripted import TRAITS, House, Scripted, text_to_video

WELL = Figures(
    late=0.5,
    unknown=Count(),
    given_up=(),
    parked=Count(),
    parked_micros=0,
    deliveries=Count(3, 20.0),
    lines={},
    shut=(),
    troubled=(),
    abroad=Abroad(),
    outputs_pending=0,
    outputs_lost=0,
    disk_free=500 << 30,
    disk_size=1000 << 30,
    skew=None,
    spend=(),
)


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    channel = ChannelConfig(name="main", provider="scripted", max_in_flight=1)
    price = PriceConfig(model="kling-v2-5-turbo", unit="call", price=1)  # type: ignore[arg-type]
    small = House(tmp_path, (channel,), prices=(price,))
    async with small.opened():
        yield small


async def looked(house: House, folder: Path) -> dict[str, Finding]:
    found = findings(await measure(house.database, house.router, house.clock, folder))
    return {one.name: one for one in found}


def test_all_is_well() -> None:
    assert not [one for one in findings(WELL) if one.wrong]
    assert {one.name for one in findings(WELL)} >= {"steps", "disk", "upstream_bills"}


@pytest.mark.parametrize(
    ("change", "name", "level"),
    [
        ({"late": 90.0}, "steps", "warning"),
        ({"late": 900.0}, "steps", "bad"),
        ({"deliveries": Count(1, 4000.0)}, "deliveries", "warning"),
        ({"lines": {"video": Count(4, 4000.0)}}, "line", "warning"),
        ({"lines": {"video": Count(4, 20.0)}, "shut": ("video",)}, "line", "warning"),
        ({"given_up": (GivenUp("a", 4, 1),)}, "given_up_attempts", "warning"),
        ({"outputs_pending": 1}, "outputs_pending", "warning"),
        ({"outputs_lost": 1}, "outputs_lost", "bad"),
        ({"libraries": Libraries(arriving=2, late=4000.0)}, "libraries", "warning"),
        ({"disk_free": 1 << 20}, "disk", "bad"),
        ({"disk_free": 10 << 30}, "disk", "warning"),
        ({"skew": -3.0}, "clock", "bad"),
        ({"slip": Slip(90000.0, 0.0)}, "clock", "warning"),
        ({"slip": Slip(0.0, 90000.0)}, "clock", "bad"),
        ({"slip": Slip(-90000.0, 90000.0), "records_ahead": 90000.0}, "clock", "bad"),
        ({"records_ahead": 90000.0}, "clock", "bad"),
        ({"loops": (Pulse("claims", 3, 3, 5.0, False, "OSError"),)}, "loops", "warning"),
        ({"loops": (Pulse("claims", 3, 0, 500.0, True),)}, "loops", "bad"),
        ({"abroad": Abroad(stranded={"gone": 2})}, "channel", "bad"),
        ({"abroad": Abroad(leaving={"gone": 2})}, "channel", "warning"),
        ({"unknown": Count(1, 10.0)}, "unknown_attempts", "warning"),
        ({"parked": Count(1, 90000.0), "parked_micros": 5}, "parked_holds", "warning"),
        ({"overdrawn": 2, "overdraft_micros": 5}, "overdrafts", "warning"),
    ],
)
def test_each_trouble_is_said_with_what_to_do(change: dict[str, Any], name: str, level: str) -> None:
    wrong = [one for one in findings(replace(WELL, **change)) if one.wrong]
    assert [(one.name, one.level) for one in wrong] == [(name, level)]
    assert wrong[0].do


def test_a_draining_channel_is_no_trouble_and_says_when_it_may_go() -> None:
    found = findings(replace(WELL, abroad=Abroad(draining={"a": 2, "b": 0})))
    assert not [one for one in found if one.wrong]
    said = [one for one in found if "draining" in one.what]
    assert [bool(one.do) for one in said] == [False, True]


def test_stranded_tasks_are_a_metric() -> None:
    metrics = Metrics()
    metrics.tell(replace(WELL, abroad=Abroad(stranded={"gone": 2})))
    assert metrics.registry.get_sample_value("telecine_tasks_stranded", {"channel": "gone"}) == 2


async def test_lines_that_were_woken_do_not_hide_what_is_late(house: House, tmp_path: Path) -> None:
    for _ in range(2):
        await house.tasks.create(house.me, text_to_video(), "tasks")
    async with writing(house.database) as connection:
        await connection.run_sync(set_pools, house.router.pools)  # as a start or a reload does: due = 0
    house.clock.advance(900)
    assert (await looked(house, tmp_path))["steps"].level == "bad"


async def test_unknown_submissions_and_parked_holds_are_counted(house: House, tmp_path: Path) -> None:
    house.provider.submits = [Unknown("reset")]
    house.provider.look_ups = [Unreadable("HTTP 500")]
    await house.tasks.create(house.me, text_to_video(), "tasks")
    await house.pass_time(10)
    await house.tasks.create(house.me, text_to_video(), "tasks")  # waits: the unknown one keeps the slot
    found = await looked(house, tmp_path)
    assert found["unknown_attempts"].level == "warning"
    assert found["parked_holds"].level == "ok"
    assert "1 task(s) wait for a slot of 'main'" in found["line"].what
    async with writing(house.database) as connection:
        await connection.execute(update(tables.tasks).values(created_at=house.clock.now() - 2 * 86400))
    found = await looked(house, tmp_path)
    assert "1 hold(s), 1.000000 in all" in found["parked_holds"].what
    house.clock.advance(7200)
    found = await looked(house, tmp_path)
    assert found["unknown_attempts"].level == "bad"
    assert found["steps"].level == "bad"
    assert found["line"].wrong


async def test_a_shut_pool_is_named_with_who_waits_for_it(tmp_path: Path) -> None:
    small = House(tmp_path, (ChannelConfig(name="main", provider="scripted", max_in_flight=0),))
    async with small.opened():
        found = await looked(small, tmp_path)
        assert (found["line"].level, found["line"].what) == (
            "info",
            "The pool 'main' is shut: it has no slots. No task waits for it.",
        )
        for _ in range(3):
            await small.tasks.create(small.me, text_to_video(), "tasks")
        await small.pass_time(300, 30)
        found = await looked(small, tmp_path)
        assert found["line"].level == "warning"
        assert "is shut: it has no slots. 3 task(s) wait for it, the first for 5 minutes" in found["line"].what


@pytest.mark.parametrize("resubmit", [False, True])
async def test_submissions_that_were_given_up_are_counted_for_a_week(tmp_path: Path, resubmit: bool) -> None:
    blind = Scripted(traits=replace(TRAITS, look_up=False, unique_handle=False))
    blind.submits = [Unknown("reset")]
    small = House(tmp_path, (ChannelConfig(name="main", provider="scripted", resubmit=resubmit),), (blind,))
    async with small.opened():
        for _ in range(2):
            with suppress(GatewayError):
                await small.tasks.create(small.me, text_to_video(), "tasks")
        await small.pass_time(60, 5)
        number = 6 if resubmit else 2
        assert len(blind.sent) == number
        metrics = Metrics()

        async def shown() -> tuple[str, float | None, float | None]:
            figures = await measure(small.database, small.router, small.clock, tmp_path)
            metrics.tell(figures)
            assert figures.unknown == Count()
            day, week = (
                metrics.registry.get_sample_value(f"telecine_attempts_given_up_last_{span}", {"channel": "main"})
                for span in ("day", "week")
            )
            return next(one.level for one in findings(figures) if one.name == "given_up_attempts"), day, week

        assert await shown() == ("warning", number, number)
        small.clock.advance(2 * 86400)
        assert await shown() == ("info", 0, number)
        small.clock.advance(6 * 86400)
        assert await shown() == ("ok", None, None)


async def test_a_submission_that_the_upstream_surely_lacks_was_not_given_up(house: House, tmp_path: Path) -> None:
    house.provider.submits = [Unknown("reset")]
    view = await house.tasks.create(house.me, text_to_video(), "tasks")
    await house.pass_time(1200, 5)
    found = await house.reads.task(view.task.id)
    assert found is not None
    assert (found[0].state, len(house.provider.sent)) == ("failed", 3)
    assert (await looked(house, tmp_path))["given_up_attempts"].level == "ok"


async def test_a_channel_in_trouble_is_named(house: House, tmp_path: Path) -> None:
    house.router.circuit("main").trouble(1, 30.0)
    found = await looked(house, tmp_path)
    assert "'main' is in trouble and left alone for another 30 s" in found["channel"].what
    assert await _circuit(house, tmp_path) == 2
    house.clock.advance(30)
    found = await looked(house, tmp_path)
    assert (found["channel"].level, "the next job there shows" in found["channel"].what) == ("info", True)
    assert await _circuit(house, tmp_path) == 1
    house.router.circuit("main").take(2)
    house.router.circuit("main").well(2)
    assert (await looked(house, tmp_path))["channel"].level == "ok"
    assert await _circuit(house, tmp_path) == 0


async def _circuit(house: House, folder: Path) -> float | None:
    metrics = Metrics()
    metrics.tell(await measure(house.database, house.router, house.clock, folder))
    return metrics.registry.get_sample_value("telecine_channel_circuit", {"channel": "main"})


def test_metrics_and_the_admin_api_say_the_same(folder: Path) -> None:
    with LiveServer(folder) as server:
        told = server.call("GET", "/admin/v1/doctor", key=ADMIN_KEY)
        assert told.status == 200
        assert {one["name"] for one in told.json["data"]} >= {"steps", "unknown_attempts", "deliveries", "disk"}
        text = server.call("GET", "/metrics", key=None).content.decode()
        for name in ("oldest_due_seconds", "disk_free_bytes", "deliveries_oldest_seconds", "holds_parked"):
            assert f"\ntelecine_{name} " in text
        assert server.call("GET", "/admin/v1/doctor").status == 403


def test_the_newest_secret_signs_and_all_verify() -> None:
    old = Secret("the-first-secret-of-this-house")
    both = Secret("a-second-secret-of-this-house, the-first-secret-of-this-house")
    assert both.derive("x") != old.derive("x")
    assert both.derive_all("x")[1] == old.derive("x")
    assert both.is_local_token(old.local_token(100.0), 100.0)
    assert both.is_local_token(both.local_token(100.0), 100.0)
    assert not old.is_local_token(both.local_token(100.0), 100.0)
    sealed = Seal(old.derive("y")).close(b"plain", 7)
    seal = Seal(both.derive_all("y"))
    assert seal.open(sealed, 7) == b"plain"
    assert seal.open(sealed, 8) is None
    renewed = seal.renewed(sealed, 7)
    assert renewed is not None
    assert Seal(both.derive("y")).open(renewed, 7) == b"plain"
    assert seal.renewed(renewed, 7) is None


def test_each_of_several_secrets_must_be_strong(tmp_path: Path) -> None:
    for given in ("", ",", "short", "a-secret-that-is-long-enough,short", "a" * 40):
        with pytest.raises(ConfigError, match="easy to guess"):
            load_secret(tmp_path, given)


def test_links_and_sealed_secrets_survive_a_rotation(folder: Path) -> None:
    with LiveServer(folder) as server:
        task = server.call("POST", "/v1/tasks", {"model": "sora-2", "prompt": "a boat"}).json["id"]
        link = server.ended(task)["outputs"][0]["url"].removeprefix(server.address)
        made = server.call("POST", "/v1/webhooks", {"url": "https://example.com/hook"})
        assert made.status == 201, made
    before = sealed(server)
    assert rotate(server.data) == 2
    file = server.data / "secret.key"
    assert file.stat().st_mode & 0o777 == 0o600
    with LiveServer(folder) as again:
        assert again.call("GET", link, key=None).status == 200
        fresh = again.call("GET", f"/v1/tasks/{task}").json["outputs"][0]["url"]
        assert fresh.split("/")[-2] != link.split("/")[-2]
        assert again.call("GET", fresh, key=None).status == 200
    after = sealed(server)
    assert [row[0] for row in before] == [row[0] for row in after]
    assert before[0][1] != after[0][1]
    newest, oldest = load_secret(server.data, None).derive_all("webhook secrets")
    (identity, secret), *_ = after
    plain = Seal(oldest).open(before[0][1], identity)
    assert plain is not None
    assert Seal(newest).open(secret, identity) == plain


def sealed(server: LiveServer) -> list[tuple[int, bytes]]:
    with closing(sqlite3.connect(server.data / "telecine.db")) as database:
        return database.execute("SELECT id, secret FROM webhook_endpoints ORDER BY id").fetchall()

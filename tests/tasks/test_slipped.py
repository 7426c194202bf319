"""A clock that was a day ahead, and a restart with the right time."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from msgspec.structs import replace
from sqlalchemy import select, update

from telecine.clock import Slip, SystemClock
from telecine.config import ChannelConfig
from telecine.nouns.errors import GatewayError
from telecine.providers.outcomes import Accepted, Running, Unknown
from telecine.store import tables
from telecine.tasks.writes.recovery import free_overdue_slots
from telecine.tasks.writes.slipped import FARTHEST, bring_back
from telecine.upkeep.doctor import findings
from telecine.upkeep.figures import Figures, measure
from tests.records import reading, writing
from tests.tasks.scripted import DONE, TRAITS, House, Scripted, text_to_video

DAY = 86400.0
WEEK = 7 * DAY


async def due_in(house: House, task_id: int) -> float:
    async with reading(house.database) as connection:
        due = (
            await connection.execute(select(tables.schedule.c.due).where(tables.schedule.c.task_id == task_id))
        ).scalar_one()
    return float(due) - house.clock.now()


@pytest.mark.parametrize("state", ["running", "reconciling"])
async def test_a_start_brings_back_what_a_clock_ahead_has_put_off(tmp_path: Path, state: str) -> None:
    async with House(tmp_path).opened() as house:
        house.clock.jump(DAY)
        house.provider.submits = [Unknown("timeout") if state == "reconciling" else Accepted("u1"), Accepted("u2")]
        view = await house.tasks.create(house.me, text_to_video(), "tasks")
        assert view.task.state == state
    async with House(tmp_path).opened() as house:  # with the right time
        await house.engine.drain()
        assert await due_in(house, view.task.id) > DAY - 60
        assert "clock" in [one.name for one in findings(await measured(house, tmp_path)) if one.wrong]
        assert await bring_back(house.database, house.clock.now(), WEEK) == 1
        assert await bring_back(house.database, house.clock.now(), WEEK) == 0
        house.provider.polls = [DONE]
        await house.engine.drain()
        await house.pass_time(300, 10)
        found = await house.tasks.get(house.me, view.task.id)
        assert found.task.state == "succeeded"


async def test_a_slot_that_is_kept_for_a_job_is_kept_no_longer(tmp_path: Path) -> None:
    provider = Scripted(traits=replace(TRAITS, look_up=False, deadline=600.0))
    provider.submits = [Unknown("timeout")]
    channels = (ChannelConfig(name="main", provider="scripted", max_in_flight=1),)
    async with House(tmp_path, channels, (provider,)).opened() as house:
        house.clock.jump(DAY)
        with pytest.raises(GatewayError):
            await house.tasks.create(house.me, text_to_video(), "tasks")
    async with House(tmp_path, channels, (provider,)).opened() as house:  # with the right time
        for _ in range(2):  # the second start finds nothing to be put right
            await bring_back(house.database, house.clock.now(), WEEK)
            assert await free_overdue_slots(house.database, house.clock.now() + 590) == 0
        assert await free_overdue_slots(house.database, house.clock.now() + 610) == 1


async def measured(house: House, folder: Path) -> Figures:
    return await measure(house.database, house.router, house.clock, folder)


async def test_what_a_step_may_set_stays(tmp_path: Path) -> None:
    async with House(tmp_path).opened() as house:
        house.provider.polls = [Running(retry_after=3600.0)]
        view = await house.tasks.create(house.me, text_to_video(), "tasks")
        gone = await house.tasks.create(house.me, text_to_video(prompt="gone"), "tasks")
        await house.pass_time(30, 10)
        house.provider.polls = [DONE]
        await house.tasks.delete(house.me, gone.task.id)
        await house.pass_time(30, 10)
        buried, waits = await due_in(house, gone.task.id), await due_in(house, view.task.id)
        assert (buried > 6 * DAY, 3000 < waits < FARTHEST) == (True, True)
        assert await bring_back(house.database, house.clock.now(), house.context.link_seconds) == 0
        assert (await due_in(house, gone.task.id), await due_in(house, view.task.id)) == (buried, waits)


async def test_many_are_brought_back(tmp_path: Path) -> None:
    async with House(tmp_path).opened() as house:
        views = [await house.tasks.create(house.me, text_to_video(prompt=str(one)), "tasks") for one in range(12)]
        async with writing(house.database) as connection:
            await connection.execute(update(tables.schedule).values(due=house.clock.now() + DAY))
        assert await bring_back(house.database, house.clock.now(), WEEK) == len(views)


async def test_waits_go_by_a_clock_that_does_not_jump(tmp_path: Path) -> None:
    async with House(tmp_path).opened() as house:
        view = await house.tasks.create(house.me, text_to_video(), "tasks")
        wait, jumped = house.clock.wait, list[float]()

        async def jumping(event: object, seconds: float) -> None:
            if not jumped:
                jumped.append(house.clock.elapsed())
                house.clock.jump(DAY)
            await wait(event, seconds)  # type: ignore[arg-type]

        house.clock.wait = jumping  # type: ignore[method-assign]
        await house.tasks.wait(house.me, view.task.id, 20.0)
        assert house.clock.elapsed() - jumped[0] == pytest.approx(20.0)


async def test_a_lease_outlasts_a_jump(tmp_path: Path) -> None:
    """The time that the machine shows says nothing of how long it was held."""
    async with House(tmp_path).opened() as house:
        house.context.leases[1] = house.clock.elapsed() + 60
        house.clock.jump(DAY)
        house.context.check_lease(1)


def test_the_clock_tells_that_it_was_set(monkeypatch: pytest.MonkeyPatch) -> None:
    real, set_by = time.time, [0.0]
    monkeypatch.setattr(time, "time", lambda: real() + set_by[0])
    clock = SystemClock()
    assert clock.slip() == pytest.approx(Slip(0.0, 0.0), abs=1)
    began, elapsed = clock.now(), clock.elapsed()
    set_by[0] = DAY
    assert clock.slip() == pytest.approx(Slip(DAY, 0.0), abs=1)
    set_by[0] = 0.0
    assert clock.slip() == pytest.approx(Slip(0.0, DAY), abs=1)
    assert clock.now() - began == pytest.approx(DAY, abs=5), "it never goes back"
    assert clock.elapsed() - elapsed < 5
    set_by[0] = -3600.0
    assert clock.slip() == pytest.approx(Slip(-3600.0, DAY + 3600), abs=1)


@pytest.mark.skipif(not hasattr(time, "CLOCK_BOOTTIME"), reason="only Linux has a clock that counts while suspended")
def test_a_suspended_machine_holds_no_lease_for_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, real, asleep = SystemClock(), time.clock_gettime, [0.0]

    def told(which: int) -> float:
        return real(which) + (asleep[0] if which == time.CLOCK_BOOTTIME else 0.0)

    monkeypatch.setattr(time, "clock_gettime", told)
    began = clock.elapsed()
    asleep[0] = 3600.0  # time.monotonic has stood still meanwhile
    assert clock.elapsed() - began == pytest.approx(3600.0, abs=5)

"""What any schedule of tasks has to do, whatever carries it: every implementation passes all of this."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from telecine.clock import until_set
from telecine.nouns.task import Task
from telecine.tasks.context import Context
from telecine.tasks.engine import Engine
from telecine.tasks.reads import Work
from telecine.tasks.schedule import Schedule
from telecine.tasks.steps import Place
from telecine.tasks.underway import Underway
from telecine.tasks.writes import LEASE_SECONDS, Change, Create, Mark
from tests.clock import HandClock
from tests.tasks.scripted import House
from tests.tasks.test_writes import new_task

pytestmark = pytest.mark.one_process("each test says how many processes there are")

Make = Callable[[Context], Schedule]
LONG = 1000.0


@pytest.fixture(params=[pytest.param(Engine, id="table")])
def make(request: pytest.FixtureRequest) -> Make:
    """How the schedule of one process is made; another implementation is another parameter."""
    found: Make = request.param
    return found


class Standing(HandClock):
    """Time that only tests move; but who would look again within a second does so at once."""

    async def sleep(self, seconds: float) -> None:
        await self.wait(asyncio.Event(), seconds)

    async def wait(self, event: asyncio.Event, seconds: float) -> None:
        end = self.elapsed() + (seconds if seconds > 1.0 else 0.0)
        await until_set(event, 0.002)
        while not event.is_set() and self.elapsed() < end:
            await until_set(event, 0.002)


class Steps:
    """Steps that only note when they ran; their task rests for `pause`, or has nothing left to do."""

    def __init__(self) -> None:
        self.runs: list[tuple[int, float]] = []
        self.under_way: Counter[int] = Counter()
        self.pause: float | None = LONG
        self.go_on = asyncio.Event()
        self.go_on.set()
        self.broken: set[int] = set()

    async def advance(self, context: Context, task_id: int, known: Work | Underway | None) -> None:
        self.runs.append((task_id, context.now()))
        self.under_way[task_id] += 1
        assert self.under_way[task_id] == 1, "one step of a task at a time"
        try:
            await self.go_on.wait()
            if task_id in self.broken:
                raise ZeroDivisionError
            if self.pause is not None:
                await context.rest(task_id, self.pause)
                return
            work = known if isinstance(known, Work) else await context.reads.work(task_id)
            assert work is not None
            await context.commit(context.moved(work.task, Change(task=work.task)))
        finally:
            self.under_way[task_id] -= 1


class Process:
    """One process that runs steps, and what was asked of it."""

    def __init__(self, house: House, schedule: Schedule, steps: Steps) -> None:
        self.house, self.schedule, self.steps = house, schedule, steps
        self.clock = house.clock

    async def begin(self) -> Task:
        """A task, as a create makes it."""
        task = new_task(self.house)
        await self.house.database.write(Create(task, self.house.context.owner))
        await self.schedule.begin(Work(task, None, ()), self.reserved(task))
        return task

    def reserved(self, task: Task) -> Place:
        """A place for its first step, where there has to be one."""
        place = self.schedule.reserve(task.account_id, "submit")
        assert place is not None
        return place

    async def ran(self, times: int) -> None:
        """Wait until as many steps have begun, and see that no more do."""
        await until(lambda: len(self.steps.runs) >= times and not sum(self.steps.under_way.values()))
        await self.quiet()
        assert len(self.steps.runs) == times

    async def quiet(self) -> None:
        """Let the schedule look a few times."""
        await asyncio.sleep(0.15)


async def until(met: Callable[[], bool]) -> None:
    """Look every few milliseconds, for ten seconds."""
    for _ in range(2000):
        if met():
            return
        await asyncio.sleep(0.005)
    raise TimeoutError


@asynccontextmanager
async def process(folder: Path, make: Make, steps: Steps, clock: HandClock | None = None) -> AsyncIterator[Process]:
    async with House(folder, clock=clock or Standing()).opened() as house:
        schedule = make(house.context)
        loops = [asyncio.create_task(loop.run()) for loop in schedule.run(steps.advance)]
        try:
            yield Process(house, schedule, steps)
        finally:
            assert await schedule.stop(1.0) == []
            for loop in loops:
                loop.cancel()
            await asyncio.gather(*loops, return_exceptions=True)


async def test_a_task_runs_when_it_is_due_and_not_before(tmp_path: Path, make: Make) -> None:
    async with process(tmp_path, make, Steps()) as one:
        await one.begin()
        await one.ran(1)
        one.clock.advance(LONG - 1)
        await one.ran(1)
        one.clock.advance(2)
        await one.ran(2)


async def test_who_is_scheduled_comes_then_or_sooner(tmp_path: Path, make: Make) -> None:
    async with process(tmp_path, make, Steps()) as one:
        task = await one.begin()
        await one.schedule.schedule(task.id, one.clock.now())
        await one.ran(2)
        await one.schedule.schedule(task.id, one.clock.now() + 50)
        await one.ran(2)
        one.clock.advance(51)
        await one.ran(3)
        await one.schedule.schedule(task.id, one.clock.now() + 2 * LONG)
        one.clock.advance(LONG + 1)
        await one.ran(4)


async def test_a_wish_that_comes_while_a_step_runs_is_heeded_after_it(tmp_path: Path, make: Make) -> None:
    async with process(tmp_path, make, Steps()) as one:
        task = await one.begin()
        one.steps.go_on.clear()
        await one.schedule.schedule(task.id, one.clock.now())
        await until(lambda: one.schedule.underway(task.id) is not None and one.steps.under_way[task.id] > 0)
        for _ in range(3):
            await one.schedule.schedule(task.id, one.clock.now())
            one.schedule.nudge()
        await one.quiet()
        assert len(one.steps.runs) == 2
        one.steps.go_on.set()
        await one.ran(3)
        assert one.schedule.underway(task.id) is None


async def test_whoever_wants_a_wish_heeded_waits_for_the_step(tmp_path: Path, make: Make) -> None:
    async with process(tmp_path, make, Steps()) as one:
        task = await one.begin()
        await one.house.database.write(Mark(task.id, one.clock.now(), cancel=True))
        await one.schedule.heed(task.id, 5.0)
        assert len(one.steps.runs) == 2
        one.steps.go_on.clear()
        await one.house.database.write(Mark(task.id, one.clock.now(), cancel=True))
        await one.schedule.heed(task.id, 0.01)  # patience has an end
        one.steps.go_on.set()
        await one.ran(3)


async def test_a_step_that_breaks_comes_again_and_holds_up_nobody(tmp_path: Path, make: Make) -> None:
    async with process(tmp_path, make, Steps()) as one:
        broken = await one.begin()
        one.steps.broken.add(broken.id)
        await one.schedule.schedule(broken.id, one.clock.now())
        await one.ran(2)
        other = await one.begin()
        assert one.steps.runs[-1][0] == other.id
        one.steps.broken.clear()
        one.clock.advance(LEASE_SECONDS)
        await one.ran(4)
        assert one.steps.runs[-1][0] == broken.id


async def test_what_has_nothing_left_to_do_is_left_alone(tmp_path: Path, make: Make) -> None:
    async with process(tmp_path, make, Steps()) as one:
        one.steps.pause = None
        task = await one.begin()
        await one.schedule.schedule(task.id, one.clock.now())
        one.clock.advance(10 * LONG)
        await one.ran(1)


async def test_a_stop_takes_no_more_and_lets_steps_finish(tmp_path: Path, make: Make) -> None:
    async with process(tmp_path, make, Steps()) as one:
        first, second = await one.begin(), await one.begin()
        one.steps.go_on.clear()
        await one.schedule.schedule(first.id, one.clock.now())
        await until(lambda: one.steps.under_way[first.id] > 0)
        stopping = asyncio.create_task(one.schedule.stop(5.0))
        await asyncio.sleep(0)
        await one.schedule.schedule(second.id, one.clock.now())
        one.steps.go_on.set()
        assert await stopping == []
        await one.ran(3)


async def test_what_a_process_leaves_behind_goes_on_in_another(tmp_path: Path, make: Make) -> None:
    steps, clock = Steps(), Standing()
    async with process(tmp_path, make, steps, clock) as one:
        made = [new_task(one.house) for _ in range(3)]
        for task in made:
            await one.house.database.write(Create(task, "a process that is gone"))
        await one.quiet()
        assert steps.runs == []
        clock.advance(LEASE_SECONDS + 1)
        await one.ran(3)
        assert sorted(task_id for task_id, _ in steps.runs) == sorted(task.id for task in made)


async def test_two_processes_share_what_is_due_and_take_nothing_twice(tmp_path: Path, make: Make) -> None:
    clock, both = Standing(), [Steps(), Steps()]
    async with process(tmp_path, make, both[0], clock) as one, process(tmp_path, make, both[1], clock) as two:
        made = [new_task(one.house) for _ in range(40)]
        await asyncio.gather(*(one.house.database.write(Create(task, "gone")) for task in made))
        clock.advance(LEASE_SECONDS + 1)
        one.schedule.nudge()
        two.schedule.nudge()
        await until(lambda: sum(len(steps.runs) for steps in both) >= len(made))
        await one.quiet()
        assert Counter(task_id for steps in both for task_id, _ in steps.runs) == Counter(task.id for task in made)


async def test_accounts_share_the_places(tmp_path: Path, make: Make) -> None:
    """One that has more due than there are places for makes another wait for nothing."""
    async with process(tmp_path, make, Steps()) as one:
        quiet = await one.house.keys.account("quiet")
        theirs: list[Any] = [new_task(one.house) for _ in range(1500)]
        await asyncio.gather(*(one.house.database.write(Create(task, "gone")) for task in theirs))
        one.clock.advance(LEASE_SECONDS + 1)
        one.steps.go_on.clear()
        one.schedule.nudge()
        await one.quiet()
        mine = replace(new_task(one.house), account_id=quiet)
        await one.house.database.write(Create(mine, one.house.context.owner))
        one.schedule.begin(Work(mine, None, ()), one.reserved(mine))
        await until(lambda: one.steps.under_way[mine.id] > 0)
        assert sum(one.steps.under_way.values()) < len(theirs)
        one.steps.go_on.set()
        with suppress(TimeoutError):
            await one.schedule.stop(5.0)

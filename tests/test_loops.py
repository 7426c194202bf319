"""Loops survive whatever a turn raises, end when they are told to, and say how they fare."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from itertools import pairwise

import pytest
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from structlog.testing import capture_logs

from telecine.clock import SystemClock, until_set
from telecine.loops import Loop, Loops, end
from telecine.store.database import CommitUnknownError
from tests.clock import HandClock

FAULTS = [
    OperationalError("COMMIT", None, Exception("database or disk is full")),
    DBAPIError("UPDATE", None, Exception("deadlock detected")),
    CommitUnknownError(),
    PoolTimeoutError("QueuePool limit"),
    OSError("no space left on device"),
    TimeoutError(),
    ConnectionResetError(),
    asyncio.CancelledError(),  # one that a driver lets escape; nobody has cancelled the loop
    RuntimeError("a bug"),
    MemoryError(),
]


class Turns:
    """Raises each of `faults` once, then goes well."""

    def __init__(self, *faults: BaseException) -> None:
        self.faults = list(faults)
        self.good = asyncio.Event()
        self.taken = 0

    async def __call__(self) -> None:
        self.taken += 1
        if self.faults:
            raise self.faults.pop(0)
        self.good.set()


async def reached(ready: Callable[[], bool]) -> None:
    for _ in range(10_000):
        if ready():
            return
        await asyncio.sleep(0)
    raise AssertionError("it never came")


class SteppedClock(HandClock):
    """One that does not move by itself."""

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(0.001)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: type(fault).__name__)
async def test_a_loop_survives_a_turn_that_raises(fault: BaseException) -> None:
    turns = Turns(fault, fault)
    loop = Loop("claims", turns, HandClock(), every=1.0)
    running = asyncio.create_task(loop.run())
    with capture_logs() as logs:
        async with asyncio.timeout(20):
            await turns.good.wait()
    assert [(line["event"], line["loop"]) for line in logs] == [("loop_failed", "claims")] * 2 + [
        ("loop_recovered", "claims")
    ]
    assert not running.done()
    assert (loop.pulse.failures, loop.pulse.failing, loop.pulse.stalled) == (2, 0, False)
    running.cancel()
    await asyncio.wait([running], timeout=20)
    assert running.cancelled()


async def test_a_loop_tells_that_it_fails_and_that_it_stands_still() -> None:
    clock = SteppedClock()
    turns = Turns(*[OSError("full")] * 100_000)
    loop = Loop("claims", turns, clock, every=1.0)
    assert not loop.pulse.stalled, "not started, nothing to tell"
    running = asyncio.create_task(loop.run())
    await reached(lambda: turns.taken >= 3)
    pulse = loop.pulse
    assert (pulse.name, pulse.failing >= 2, pulse.error, pulse.stalled) == ("claims", True, "OSError", False)
    clock.advance(31)
    assert (loop.pulse.age, loop.pulse.stalled) == (31, True)
    turns.faults.clear()
    await turns.good.wait()
    await asyncio.sleep(0)
    assert (loop.pulse.age, loop.pulse.stalled, loop.pulse.error) == (0, False, None)
    running.cancel()


async def test_a_failing_loop_is_tried_again_ever_more_slowly_but_not_for_long() -> None:
    clock = HandClock()
    begun, moments = clock.now(), []

    async def turn() -> None:
        moments.append(clock.now() - begun)
        raise OSError("full")

    for every, pauses in ((1.0, [0, 1, 2, 4, 5, 5]), (3600.0, [0, 1, 2, 4, 8, 16, 30, 30])):
        moments.clear()
        begun = clock.now()
        running = asyncio.create_task(Loop("any", turn, clock, every=every).run())
        await reached(lambda: len(moments) >= len(pauses))  # noqa: B023  called at once
        running.cancel()
        steps = [after - before for before, after in pairwise(moments)]
        assert steps[: len(pauses) - 1] == pauses[1:]


async def test_an_end_that_nobody_wanted_is_told() -> None:
    class Fatal(BaseException):
        pass

    turns = Turns(Fatal())
    loops = Loops([Loop("claims", turns, HandClock(), every=1.0)])
    with capture_logs() as logs:
        loops.start()
        async with asyncio.timeout(20):
            await loops.broken.wait()
    assert loops.ended == ["claims"]
    assert [(line["event"], line["loop"], line["log_level"]) for line in logs] == [("loop_ended", "claims", "critical")]
    assert loops.pulses[0].stalled


async def test_what_does_not_stop_is_named_and_left() -> None:
    freed = asyncio.Event()

    async def deaf() -> None:
        while not freed.is_set():
            try:
                await freed.wait()
            except asyncio.CancelledError:
                continue

    tasks = [asyncio.create_task(deaf(), name="deaf"), asyncio.create_task(asyncio.sleep(60), name="good")]
    await asyncio.sleep(0)
    with capture_logs() as logs:
        assert await end(tasks, 0.05) == ["deaf"]
    assert [(line["event"], line["tasks"]) for line in logs] == [("left_behind", ["deaf"])]
    freed.set()
    await asyncio.wait(tasks)


async def _by_clock(event: asyncio.Event) -> None:
    await SystemClock().wait(event, 60)


async def _plain(event: asyncio.Event) -> None:
    await until_set(event, 60)


@pytest.mark.parametrize("wait", [_by_clock, _plain])
@pytest.mark.parametrize("cancel_first", [False, True])
async def test_a_cancel_in_the_tick_of_the_nudge_is_heeded(
    wait: Callable[[asyncio.Event], Awaitable[None]], cancel_first: bool
) -> None:
    async def loop() -> None:
        while True:
            event.clear()
            await wait(event)

    for _ in range(20):
        event = asyncio.Event()
        running = asyncio.create_task(loop())
        for _ in range(3):
            await asyncio.sleep(0)
        if cancel_first:
            running.cancel()
        event.set()
        running.cancel()
        done, _ = await asyncio.wait([running], timeout=20)
        assert done, "the cancel was swallowed"


async def test_a_wait_ends_with_its_time() -> None:
    async with asyncio.timeout(20):
        await SystemClock().wait(asyncio.Event(), 0.01)
        await SystemClock().wait(asyncio.Event(), 0)


async def test_stopping_loops_wakes_them_from_any_pause() -> None:
    clock = SystemClock()
    turns = Turns()
    loops = Loops(
        [Loop("one", turns, clock, every=3600.0), Loop("two", Turns(OSError()), clock, every=3600.0, first=60)]
    )
    loops.start()
    await turns.good.wait()
    assert await loops.stop(5) == []
    assert not loops.broken.is_set()

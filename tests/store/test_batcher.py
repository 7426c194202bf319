"""The rules of batches."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from telecine.store.batcher import Batcher


class Recorder:
    """Remembers every batch; fails the batches that hold a bad unit."""

    def __init__(self, bad: frozenset[int] = frozenset()) -> None:
        self.batches: list[list[int]] = []
        self.bad = bad

    async def run(self, units: Sequence[int]) -> Sequence[int | Exception]:
        self.batches.append(list(units))
        await asyncio.sleep(0.01)
        if self.bad & set(units):
            raise ValueError(f"bad: {sorted(self.bad & set(units))}")
        return [unit * 10 for unit in units]


async def test_what_arrives_meanwhile_goes_together() -> None:
    recorder = Recorder()
    batcher = Batcher(recorder.run)
    results = await asyncio.gather(*(batcher.submit(one) for one in range(50)))
    assert results == [one * 10 for one in range(50)]
    assert len(recorder.batches) == 1
    first = asyncio.create_task(batcher.submit(100))
    await asyncio.sleep(0.001)
    await asyncio.gather(first, *(batcher.submit(one) for one in range(200, 210)))
    assert recorder.batches[1:] == [[100], list(range(200, 210))]


async def test_one_bad_unit_fails_alone() -> None:
    recorder = Recorder(frozenset({3}))
    batcher = Batcher(recorder.run)
    results = await asyncio.gather(*(batcher.submit(one) for one in range(6)), return_exceptions=True)
    assert [isinstance(one, ValueError) for one in results] == [False, False, False, True, False, False]
    assert results[5] == 50


async def test_what_no_unit_is_to_blame_for_is_told_to_all_at_once() -> None:
    recorder = Recorder(frozenset({3}))
    batcher = Batcher(recorder.run, common=lambda error: "[3]" in str(error))
    results = await asyncio.gather(*(batcher.submit(one) for one in range(6)), return_exceptions=True)
    assert [isinstance(one, ValueError) for one in results] == [True] * 6
    assert recorder.batches == [list(range(6))]
    assert await batcher.submit(7) == 70


async def test_at_most_one_unit_of_a_key_in_a_batch_and_in_order() -> None:
    recorder = Recorder()
    batcher = Batcher(recorder.run, key=lambda unit: unit % 3)
    await asyncio.gather(*(batcher.submit(one) for one in range(7)))
    assert recorder.batches == [[0, 1, 2], [3, 4, 5], [6]]


async def test_batches_have_a_size() -> None:
    recorder = Recorder()
    batcher = Batcher(recorder.run, most=4)
    await asyncio.gather(*(batcher.submit(one) for one in range(10)))
    assert [len(batch) for batch in recorder.batches] == [4, 4, 2]


async def test_a_caller_who_goes_away_disturbs_nobody() -> None:
    recorder = Recorder()
    batcher = Batcher(recorder.run)
    leaver = asyncio.create_task(batcher.submit(1))
    stayer = asyncio.create_task(batcher.submit(2))
    await asyncio.sleep(0.001)
    leaver.cancel()
    assert await stayer == 20
    with pytest.raises(asyncio.CancelledError):
        await leaver


async def test_close_waits_for_what_waits() -> None:
    recorder = Recorder()
    batcher = Batcher(recorder.run, most=1)
    tasks = [asyncio.create_task(batcher.submit(one)) for one in range(3)]
    await asyncio.sleep(0)
    await batcher.close()
    assert await asyncio.gather(*tasks) == [0, 10, 20]


@pytest.mark.parametrize("fault", [asyncio.CancelledError(), RuntimeError("a bug"), "too few results"])
async def test_nobody_waits_for_a_batch_that_broke(fault: BaseException | str) -> None:
    """Whatever a database driver lets escape, whoever waits hears of it, and the next batch runs."""
    faults = [fault] * 3

    async def run(units: Sequence[int]) -> Sequence[int | Exception]:
        await asyncio.sleep(0)
        if faults and isinstance(broken := faults.pop(), BaseException):
            raise broken
        return [] if faults or len(units) == 2 else list(units)

    batcher = Batcher(run)
    async with asyncio.timeout(20):
        lost = await asyncio.gather(batcher.submit(1), batcher.submit(2), return_exceptions=True)
        assert all(isinstance(one, Exception) and not isinstance(one, asyncio.CancelledError) for one in lost)
        faults.clear()
        assert await batcher.submit(3) == 3


async def test_nobody_waits_for_a_worker_that_is_ended() -> None:
    begun = asyncio.Event()

    async def run(units: Sequence[int]) -> Sequence[int | Exception]:
        begun.set()
        await asyncio.sleep(60)
        return list(units)

    batcher = Batcher(run, most=1)
    waiting = [asyncio.create_task(batcher.submit(one)) for one in range(3)]
    await begun.wait()
    assert batcher._worker is not None
    batcher._worker.cancel()
    done, _ = await asyncio.wait(waiting, timeout=20)
    assert [type(one.exception()).__name__ for one in done] == ["BatchError"] * 3

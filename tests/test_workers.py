"""Worker processes: they can be killed, they are limited, and nothing waits for them."""

from __future__ import annotations

import asyncio
import gc
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import get_args

import msgspec
import pytest
import uvloop

from telecine.workers import FILE_BYTES, MEMORY_BYTES, NICENESS, DeclinedError, Lane, WorkerError, Workers


class Limits(msgspec.Struct):
    niceness: int
    memory: int
    file: int
    cpu: int


def pid() -> int:
    return os.getpid()


def nap(seconds: float) -> int:
    time.sleep(seconds)
    return os.getpid()


def spin() -> None:
    while True:
        pass


def decline() -> None:
    raise DeclinedError("this is no picture")


def explode(path: Path) -> bytes:
    return path.read_bytes()


def crash() -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


def devour() -> int:
    return len(bytearray(2 * MEMORY_BYTES))


def limits() -> Limits:
    return Limits(
        os.getpriority(os.PRIO_PROCESS, 0),
        resource.getrlimit(resource.RLIMIT_AS)[0],
        resource.getrlimit(resource.RLIMIT_FSIZE)[0],
        resource.getrlimit(resource.RLIMIT_CPU)[0],
    )


def secret() -> str | None:
    return os.environ.get("TELECINE_TEST_SECRET")


def lie() -> int:
    return "not a number"  # type: ignore[return-value]


@pytest.fixture
async def workers() -> AsyncIterator[Workers]:
    pool = Workers(2)
    yield pool
    await pool.close()


def is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


async def test_a_worker_is_another_process_and_is_used_again(workers: Workers) -> None:
    first = await workers.run(pid)
    assert first != os.getpid()
    assert await workers.run(pid) == first


async def test_at_most_two_run_at_a_time(workers: Workers) -> None:
    assert len(set(await asyncio.gather(*(workers.run(nap, 0.1) for _ in range(5))))) == 2


@pytest.mark.parametrize("lane", get_args(Lane))
@pytest.mark.parametrize("noisy", get_args(Lane))
async def test_no_call_waits_for_those_of_another_kind_or_another_account(noisy: Lane, lane: Lane) -> None:
    pool = Workers(1)
    hostile = [asyncio.create_task(pool.run(spin, lane=noisy, account_id=1)) for _ in range(5)]
    await asyncio.sleep(0)
    try:
        for _ in range(2):
            quiet = 1 if lane != noisy else 2
            assert await asyncio.wait_for(pool.run(pid, lane=lane, account_id=quiet), 30) != os.getpid()
        assert not any(one.done() for one in hostile)
    finally:
        await pool.close()
        await asyncio.gather(*hostile, return_exceptions=True)


async def test_the_time_limit_kills_and_the_next_call_gets_a_new_worker(workers: Workers) -> None:
    first = await workers.run(pid)
    started = time.monotonic()
    with pytest.raises(WorkerError, match=r"no result within 0\.2 seconds") as caught:
        await workers.run(spin, seconds=0.2)
    assert time.monotonic() - started < 5
    assert not caught.value.declined
    assert not is_running(first)
    assert await workers.run(pid) != first


async def test_a_cancelled_call_kills_its_worker_only(workers: Workers) -> None:
    first = await workers.run(pid)
    call = asyncio.create_task(workers.run(spin))
    await asyncio.sleep(0.1)
    other = await workers.run(pid)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert await workers.run(pid) == other
    for _ in range(100):
        if not is_running(first):
            break
        await asyncio.sleep(0.02)
    assert not is_running(first)


async def test_a_worker_that_died_while_idle_is_replaced(workers: Workers) -> None:
    first = await workers.run(pid)
    os.kill(first, signal.SIGKILL)
    await asyncio.to_thread(os.waitid, os.P_PID, first, os.WEXITED | os.WNOWAIT)
    assert await workers.run(pid) != first


async def test_errors_say_what_happened_and_name_no_path(workers: Workers, tmp_path: Path) -> None:
    with pytest.raises(WorkerError, match=r"^this is no picture$") as declined:
        await workers.run(decline)
    assert declined.value.declined
    with pytest.raises(WorkerError) as failed:
        await workers.run(explode, tmp_path / "absent")
    assert str(failed.value) == "the file could not be processed (FileNotFoundError)"
    assert not failed.value.declined
    with pytest.raises(WorkerError, match="the worker process ended"):
        await workers.run(crash)
    with pytest.raises(WorkerError, match="MemoryError"):
        await workers.run(devour)


async def test_an_answer_of_another_type_is_refused(workers: Workers) -> None:
    with pytest.raises(WorkerError, match="nonsense"):
        await workers.run(lie)


@pytest.mark.parametrize("lane", get_args(Lane))
async def test_workers_are_limited_and_nice(workers: Workers, lane: Lane) -> None:
    found = await workers.run(limits, seconds=7, lane=lane)
    assert found.niceness == min(19, os.getpriority(os.PRIO_PROCESS, 0) + NICENESS[lane])
    assert (found.memory, found.file) == (MEMORY_BYTES, FILE_BYTES)
    assert 7 <= found.cpu <= 7 * (os.cpu_count() or 1) + 5


async def test_workers_get_none_of_our_secrets(workers: Workers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TELECINE_TEST_SECRET", "sk-1")
    assert await workers.run(secret) is None


async def test_nothing_starts_before_the_first_call_and_close_ends_everything() -> None:
    pool = Workers(2)
    await pool.close()
    with pytest.raises(WorkerError, match="stopped"):
        await pool.run(pid)

    pool = Workers(1)
    idle = await pool.run(pid)
    busy, queued = asyncio.create_task(pool.run(spin)), asyncio.create_task(pool.run(pid))
    await asyncio.sleep(0.1)
    await pool.close()
    for call in (busy, queued):
        with pytest.raises(WorkerError):
            await call
    assert not is_running(idle)
    await pool.close()


def test_one_pool_serves_plain_asyncio_and_uvloop_in_turn() -> None:
    pool = Workers(1)
    first = asyncio.run(pool.run(pid))

    async def finish() -> int:
        found = await pool.run(pid)
        await pool.close()
        return found

    assert uvloop.run(finish()) == first
    gc.collect()  # an unclosed process or socket would be a warning, hence an error


def test_workers_end_with_a_server_that_was_killed() -> None:
    script = (
        "import asyncio, os, signal\n"
        "from telecine.workers import Workers\n"
        "from tests.test_workers import pid\n"
        "print(asyncio.run(Workers().run(pid)), flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    worker = int(done.stdout)
    for _ in range(100):
        if not is_running(worker) or Path(f"/proc/{worker}/stat").read_text().split()[2] == "Z":
            return
        time.sleep(0.02)
    pytest.fail("the worker lives on")

"""What a database does to steps: no paid job is lost for it, and nobody sends or goes on without the lease."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from structlog.testing import capture_logs

from telecine.config import ChannelConfig, PriceConfig
from telecine.net.client import FetchError
from telecine.providers.outcomes import Accepted, Finished, Lost, NotFound, Running, SubmitOutcome, Unknown
from telecine.store.batcher import BatchError
from telecine.store.database import CommitUnknownError
from telecine.tasks.writes import StaleError, Step
from tests.tasks.scripted import DONE, TRAITS, House, Scripted, text_to_video

FAULTS: list[Exception] = [
    OperationalError("COMMIT", None, Exception("database or disk is full")),
    DBAPIError("UPDATE", None, Exception("deadlock detected")),
    IntegrityError("INSERT", None, Exception("duplicate key")),
    CommitUnknownError(),
    PoolTimeoutError("QueuePool limit"),
    OSError("no space left on device"),
    BatchError(),
    RuntimeError("a bug"),
]
OUTCOMES: dict[str, SubmitOutcome] = {"accepted": Accepted("paid-1"), "finished": Finished(DONE, "paid-1")}
BLIND = replace(TRAITS, look_up=False, unique_handle=False)


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """What fails on purpose is not written out."""
    with capture_logs():
        yield


def failing(house: House, fault: Exception, times: int, monkeypatch: pytest.MonkeyPatch) -> list[Exception]:
    """Let commits of what an upstream has accepted or finished fail; those that have not failed yet."""
    write, failures = house.database.write, [fault] * times

    async def write_or_fail(what: Any) -> Any:
        if isinstance(what, Step) and what.change.task.state in ("running", "collecting") and failures:
            raise failures.pop()
        return await write(what)

    monkeypatch.setattr(house.database, "write", write_or_fail)
    return failures


@pytest.mark.parametrize("outcome", OUTCOMES)
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: type(fault).__name__)
async def test_a_job_that_was_paid_for_is_recorded_whatever_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: Exception, outcome: str
) -> None:
    """For far longer than the lease lasts: nobody else has taken the task."""
    provider = Scripted(traits=BLIND)
    provider.submits, provider.polls = [OUTCOMES[outcome]], [DONE]
    async with House(tmp_path, providers=(provider,)).opened() as house:
        failures = failing(house, fault, 12, monkeypatch)
        view = await house.tasks.create(house.me, text_to_video(), "tasks")
        await house.pass_time(60, 5)
        found = await house.tasks.get(house.me, view.task.id)
        assert (found.task.state, len(failures), len(provider.sent)) == ("succeeded", 0, 1)
        assert [one.upstream_url for one in found.outputs] == [DONE.outputs[0].url]


async def test_the_upstreams_id_is_in_the_log_before_anything_can_fail(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with House(tmp_path).opened() as house:
        house.provider.submits = [Accepted("paid-1")]

        @asynccontextmanager
        async def reading(*_: object) -> Any:
            yield None
            raise OSError("the scratch file cannot be deleted: the disk is full")

        monkeypatch.setattr(house.shelf, "reading", reading)
        failing(house, StaleError("moved on"), 1, monkeypatch)
        with capture_logs() as logs:
            await house.tasks.create(house.me, text_to_video(), "tasks")
        told = [line["event"] for line in logs if line.get("upstream_id") == "paid-1"]
        assert told == ["submitted", "accepted_job_not_recorded"]


@pytest.mark.parametrize("error", [OSError("full"), FetchError("late"), RuntimeError("a bug")])
async def test_media_that_cannot_be_given_back_lose_no_job(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    async with House(tmp_path).opened() as house:

        @asynccontextmanager
        async def reading(*_: object) -> Any:
            yield None
            raise error

        monkeypatch.setattr(house.shelf, "reading", reading)
        view = await house.tasks.create(house.me, text_to_video(), "tasks")
        assert view.task.state == "running"


async def test_a_lost_row_ends_the_tries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with House(tmp_path).opened() as house:
        failures = failing(house, StaleError("moved on"), 2, monkeypatch)
        await house.tasks.create(house.me, text_to_video(), "tasks")
        assert len(failures) == 1


@pytest.mark.parametrize("days", [1, 40])
async def test_not_found_past_the_retention_is_unknown_and_never_sent_again(tmp_path: Path, days: int) -> None:
    """The process was down for so long, or its records come from a backup of that age."""
    async with House(tmp_path).opened() as house:
        house.provider.submits = [Unknown("timeout"), Accepted("u2")]
        view = await house.tasks.create(house.me, text_to_video(), "tasks")
        house.clock.advance(days * 86400.0)
        await house.engine.drain()
        await house.pass_time(300, 60)
        found = await house.tasks.get(house.me, view.task.id)
        assert len(house.provider.sent) == 1
        assert (found.task.state, found.task.error and found.task.error.code) == ("failed", "submission_unknown")


async def test_not_found_while_the_upstream_surely_keeps_such_jobs_is_sent_again(tmp_path: Path) -> None:
    async with House(tmp_path).opened() as house:
        house.provider.submits = [Unknown("timeout"), Accepted("u2")]
        view = await house.tasks.create(house.me, text_to_video(), "tasks")
        house.clock.advance(0.9 * 86400.0)
        await house.engine.drain()
        assert len(house.provider.sent) == 2
        assert (await house.tasks.get(house.me, view.task.id)).task.state == "running"


PRICED = [PriceConfig(model="kling-v2-5-turbo", unit="call", price="1.00")]  # type: ignore[arg-type]
ONE_SLOT = [ChannelConfig(name="main", provider="scripted", max_in_flight=1)]


async def test_a_lost_job_that_costs_nothing_is_sent_again(tmp_path: Path) -> None:
    async with House(tmp_path, ONE_SLOT, prices=PRICED).opened() as house:
        house.provider.submits = [Accepted("u1"), Accepted("u2")]
        house.provider.polls = [Running(), Lost("it was restarted", unbilled=True), DONE]
        view = await house.tasks.create(house.me, text_to_video(), "tasks")
        await house.pass_time(60)
        found = await house.tasks.get(house.me, view.task.id)
        assert (found.task.state, len(house.provider.sent), found.task.charged) == ("succeeded", 2, 1_000_000)
        handles = [one.handle for one in house.provider.sent]
        assert handles[0] != handles[1]
        assert [one.upstream_id for one in house.provider.polled] == ["u1", "u1", "u2"]


@pytest.mark.parametrize("unbilled", [True, False])
async def test_a_lost_job_fails_clearly_and_frees_slot_and_hold(tmp_path: Path, unbilled: bool) -> None:
    """At once where it may have been billed; else when it has been lost too often."""
    async with House(tmp_path, ONE_SLOT, prices=PRICED).opened() as house:
        house.provider.polls = [Lost("it was restarted", unbilled=unbilled)]
        view = await house.tasks.create(house.me, text_to_video(), "tasks")
        waits = await house.tasks.create(house.me, text_to_video(prompt="next"), "tasks")
        assert waits.task.state == "queued"
        await house.pass_time(120)
        found = (await house.tasks.get(house.me, view.task.id)).task
        assert (found.state, found.charged) == ("failed", 0)
        assert found.error is not None
        assert (found.error.code, found.error.message) == (
            "upstream_failed",
            "The upstream has lost the job: it was restarted.",
        )
        sent = [one.request.prompt for one in house.provider.sent]
        assert sent.count("a paper boat") == (4 if unbilled else 1)
        assert sent.count("next") >= 1, "its slot is free"


async def test_a_lost_job_that_nobody_wants_is_cancelled(tmp_path: Path) -> None:
    async with House(tmp_path).opened() as house:
        view = await house.tasks.create(house.me, text_to_video(), "tasks")
        house.provider.polls = [Lost("it was restarted", unbilled=True)]
        await house.tasks.cancel(house.me, view.task.id)
        await house.pass_time(60)
        assert (await house.tasks.get(house.me, view.task.id)).task.state == "cancelled"
        assert len(house.provider.sent) == 1


async def test_a_job_lost_past_the_retention_is_not_sent_again(tmp_path: Path) -> None:
    async with House(tmp_path).opened() as house:
        view = await house.tasks.create(house.me, text_to_video(), "tasks")
        house.provider.polls = [Lost("it was restarted", unbilled=True)]
        house.clock.advance(2 * 86400.0)
        await house.engine.drain()
        assert (await house.tasks.get(house.me, view.task.id)).task.state == "failed"
        assert len(house.provider.sent) == 1


async def test_not_found_is_still_no_verdict(tmp_path: Path) -> None:
    async with House(tmp_path).opened() as house:
        view = await house.tasks.create(house.me, text_to_video(), "tasks")
        house.provider.polls = [NotFound()]
        await house.pass_time(120)
        assert (await house.tasks.get(house.me, view.task.id)).task.state == "running"


async def test_the_lease_is_checked_right_before_the_request_goes_out(tmp_path: Path) -> None:
    """It ran out while the media were read: nothing is sent, and nothing is unknown."""
    async with House(tmp_path).opened() as house:
        gone: list[str] = []

        async def slow() -> SubmitOutcome:
            house.clock.advance(61)  # reading, encoding, connecting
            house.provider.sent[-1].before_send()
            gone.append("sent")
            return Accepted("u1")

        house.provider.submits = [slow, Accepted("u2")]
        view = await house.tasks.create(house.me, text_to_video(), "tasks")
        assert gone == []
        assert view.task.state == "queued", "surely not sent, and by the records still ours"
        await house.pass_time(30)
        assert (await house.tasks.get(house.me, view.task.id)).task.state == "running"


async def test_a_lease_counts_from_its_claim(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not from when the answer of the database was read."""
    async with House(tmp_path).opened() as house:
        view = await house.tasks.create(house.me, text_to_video(), "tasks")
        house.clock.advance(60)
        write, seen = house.database.write, []

        async def late(what: Any) -> Any:
            found = await write(what)
            house.clock.advance(25)
            return found

        async def poll(*_: object) -> Running:
            seen.append(house.context.leases[view.task.id] - house.clock.elapsed())
            return Running()

        monkeypatch.setattr(house.provider, "poll", poll)
        monkeypatch.setattr(house.database, "write", late)
        await house.engine.claim()
        await reached(lambda: bool(seen))
        assert seen == [35.0]


@pytest.mark.parametrize("fault", [None, OperationalError("UPDATE", None, Exception("gone")), CommitUnknownError()])
async def test_a_lost_extension_stops_the_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: Exception | None
) -> None:
    """Somebody else has the task; or the database cannot be asked until the lease has run out."""
    async with House(tmp_path).opened() as house:
        view = await house.tasks.create(house.me, text_to_video(), "tasks")
        begun, ended = asyncio.Event(), []

        async def poll(*_: object) -> Running:
            begun.set()
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                ended.append("stopped")
                raise
            return Running()

        monkeypatch.setattr(house.provider, "poll", poll)
        house.clock.advance(60)
        await house.engine.claim()
        await begun.wait()
        step = house.engine.underway(view.task.id)
        assert step is not None
        await house.engine._extend()
        assert not step.done()
        await lose(house, monkeypatch, fault)
        await asyncio.wait([step], timeout=5)
        assert ended == ["stopped"]


async def test_a_lost_extension_does_not_stop_what_may_have_been_paid_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with House(tmp_path).opened() as house:
        begun, go_on = asyncio.Event(), asyncio.Event()

        async def slow() -> SubmitOutcome:
            begun.set()
            await go_on.wait()
            return Accepted("paid-1")

        house.provider.submits = [slow]
        creating = asyncio.create_task(house.tasks.create(house.me, text_to_video(), "tasks"))
        await begun.wait()
        await lose(house, monkeypatch, None)
        await asyncio.sleep(0)
        with capture_logs() as logs:
            go_on.set()
            await creating
        assert ("accepted_job_not_recorded", "paid-1") in [(one["event"], one.get("upstream_id")) for one in logs]


async def lose(house: House, monkeypatch: pytest.MonkeyPatch, fault: Exception | None) -> None:
    """Let somebody else take every lease, or let the extension fail for longer than the leases last."""
    write = house.database.write

    async def nothing_is_held(what: Any) -> Any:
        if type(what).__name__ == "Extend":
            if fault is not None:
                raise fault
            return set()
        if isinstance(what, Step):
            raise StaleError("taken")
        return await write(what)

    monkeypatch.setattr(house.database, "write", nothing_is_held)
    if fault is None:
        await house.engine._extend()
        return
    with pytest.raises(type(fault)):
        await house.engine._extend()
    house.clock.advance(61)
    with pytest.raises(type(fault)):
        await house.engine._extend()


async def reached(ready: Callable[[], bool]) -> None:
    for _ in range(10_000):
        if ready():
            return
        await asyncio.sleep(0.001)
    raise AssertionError("it never came")

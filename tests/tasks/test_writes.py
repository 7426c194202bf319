"""The units of write batches, and what happens when a COMMIT's result is unknown."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from sqlalchemy import Connection, func, select, update
from sqlalchemy.exc import IntegrityError, OperationalError

from telecine.nouns.errors import GatewayError
from telecine.nouns.task import Task
from telecine.providers.base import Channel, Job
from telecine.providers.outcomes import Running
from telecine.store import tables
from telecine.store.database import CommitUnknownError
from telecine.tasks.steps import Steps
from telecine.tasks.writes import Change, Claim, Create, Event, Extend, Mark, StaleError, Step
from telecine.webhooks.delivery import Delivery
from tests.records import reading, writing
from tests.tasks.scripted import House, text_to_video


def new_task(house: House, **changes: Any) -> Task:
    now = house.clock.now()
    return replace(
        Task(
            id=house.context.ids.next(now),
            account_id=house.me.account_id,
            key_id=None,
            dialect="tasks",
            operation="text_to_video",
            model="kling-v2-5-turbo",
            request=text_to_video(),
            created_at=now,
        ),
        **changes,
    )


def step(house: House, task: Task, owner: str = "me", token: int = 1) -> Step:
    after = replace(task, version=task.version + 1, progress=50)
    return Step(change=Change(task=after), owner=owner, now=house.clock.now(), token=token, keep_lease=True)


async def count(house: House, table: Any) -> int:
    async with reading(house.database) as connection:
        return int((await connection.execute(select(func.count()).select_from(table))).scalar_one())


async def test_creates_that_arrive_together_share_a_commit_and_a_bad_one_fails_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with House(tmp_path).opened() as house:
        commits = 0
        commit = Connection.commit

        def counted(self: Connection) -> None:
            nonlocal commits
            commits += 1
            commit(self)

        monkeypatch.setattr(Connection, "commit", counted)
        made = [new_task(house) for _ in range(40)]
        await asyncio.gather(*(house.database.write(Create(one, "me")) for one in made))
        assert 0 < commits <= 2
        another = text_to_video(prompt="another")
        twice = [
            new_task(house, external_id="same"),
            new_task(house),
            new_task(house, external_id="same", request=another),
            replace(made[0], external_id="new"),
        ]
        results = await asyncio.gather(
            *(house.database.write(Create(one, "me")) for one in twice), return_exceptions=True
        )
        assert results[:2] == [None, None]
        assert isinstance(results[2], GatewayError)
        assert results[2].code == "conflict"
        assert isinstance(results[3], IntegrityError), "an id that is taken"
        assert await count(house, tables.tasks) == 42
        assert await count(house, tables.schedule) == 42
        assert await count(house, tables.events) == 42


async def test_a_step_needs_the_version_and_the_lease(tmp_path: Path) -> None:
    async with House(tmp_path).opened() as house:
        task = new_task(house)
        await house.database.write(Create(task, "me"))
        await house.database.write(step(house, task, token=1))
        await house.database.write(step(house, task, token=1))  # the same step, whose answer was lost
        with pytest.raises(StaleError):
            await house.database.write(step(house, task, token=2))
        later = replace(task, version=2)
        with pytest.raises(StaleError):
            await house.database.write(step(house, later, owner="somebody else", token=3))
        await house.database.write(step(house, later, token=4))


async def test_two_steps_of_one_task_never_share_a_batch(tmp_path: Path) -> None:
    async with House(tmp_path).opened() as house:
        task = new_task(house)
        await house.database.write(Create(task, "me"))
        results = await asyncio.gather(
            house.database.write(step(house, task, token=1)),
            house.database.write(step(house, task, token=2)),
            return_exceptions=True,
        )
        assert results[0] is None
        assert isinstance(results[1], StaleError)


@pytest.mark.parametrize("happened", [True, False])
async def test_an_unknown_commit_is_read_again_before_anything_runs_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, happened: bool
) -> None:
    async with House(tmp_path).opened() as house:
        task, other = new_task(house), new_task(house)
        await house.database.write(Create(task, "me"))
        commit = Connection.commit
        failures = [True]

        def lossy(self: Connection) -> None:
            if not failures:
                commit(self)
                return
            failures.pop()
            commit(self) if happened else self.rollback()
            raise OperationalError("COMMIT", None, Exception("connection lost"))

        monkeypatch.setattr(Connection, "commit", lossy)
        await asyncio.gather(house.database.write(step(house, task)), house.database.write(Create(other, "me")))
        assert not failures, "the first COMMIT was lost"
        found = await house.reads.task(task.id)
        assert found is not None
        assert (found[0].version, found[0].progress) == (2, 50)
        assert await count(house, tables.tasks) == 2
        assert await count(house, tables.events) == 2


async def test_a_claim_takes_each_due_task_once(tmp_path: Path) -> None:
    async with House(tmp_path).opened() as house:
        made = [new_task(house) for _ in range(5)]
        await asyncio.gather(*(house.database.write(Create(one, "gone")) for one in made))
        now = house.clock.now()
        nobody, upcoming = await house.database.write(Claim("me", 10, now, Steps(16), token=10))
        assert (nobody, upcoming) == ([], None), "their leases still hold"
        house.clock.advance(61)
        first, _ = await house.database.write(Claim("me", 3, house.clock.now(), Steps(16), token=3))
        second, _ = await house.database.write(Claim("you", 10, house.clock.now(), Steps(16), token=10))
        assert len(first) == 3
        assert sorted(one.task_id for one in first + second) == sorted(one.id for one in made)


class LostCommits:
    """COMMITs whose answers are lost: each entry says whether it had happened by then."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.coming: list[bool] = []
        self._commit = Connection.commit

        def lose(connection: Connection) -> None:
            self._lose(connection)

        monkeypatch.setattr(Connection, "commit", lose)

    def _lose(self, connection: Connection) -> None:
        if not self.coming:
            self._commit(connection)
            return
        self._commit(connection) if self.coming.pop(0) else connection.rollback()
        raise OperationalError("COMMIT", None, Exception("connection lost"))


@pytest.fixture
def lost(monkeypatch: pytest.MonkeyPatch) -> LostCommits:
    return LostCommits(monkeypatch)


@pytest.mark.parametrize("answers", [[True], [True, False], [True, True], [False, True]])
async def test_a_claim_whose_answer_is_lost_leaves_nobody_idle(
    tmp_path: Path, lost: LostCommits, answers: list[bool]
) -> None:
    """The second answer is that of the look whether the first has happened."""
    async with House(tmp_path).opened() as house:
        views = [await house.tasks.create(house.me, text_to_video(prompt=str(number)), "tasks") for number in range(3)]
        house.clock.advance(60)
        lost.coming = answers[:]
        try:
            await house.engine.claim()
        except CommitUnknownError:  # the engine's loop tries again soon, long before the leases have run out
            assert len(answers) == 2
            await house.engine.claim()
        await house.engine.drain()
        assert len(house.provider.polled) == len(views), "each once, at once"


async def test_a_claim_takes_nothing_twice(tmp_path: Path, lost: LostCommits) -> None:
    async with House(tmp_path).opened() as house:
        made = [new_task(house) for _ in range(3)]
        await asyncio.gather(*(house.database.write(Create(one, "me")) for one in made))
        lost.coming = [True]
        found, _ = await house.database.write(Claim("me", 10, house.clock.now(), Steps(16), token=7))
        assert found == [], "what a create has leased to us is no claim's"
        house.clock.advance(61)
        found, _ = await house.database.write(Claim("me", 10, house.clock.now(), Steps(16), token=8))
        assert len(found) == 3
        found, _ = await house.database.write(Claim("me", 10, house.clock.now(), Steps(16), token=9, unheard=True))
        assert found == [], "another claim has those"


@pytest.mark.parametrize("ends", [True, False])
async def test_a_step_that_was_committed_is_no_lost_lease(tmp_path: Path, lost: LostCommits, ends: bool) -> None:
    """Whether it has ended its task, whose row in the schedule is gone, or somebody has gone on with it since."""
    async with House(tmp_path).opened() as house:
        task = new_task(house)
        await house.database.write(Create(task, house.context.owner))
        told: list[str] = []
        house.context.told = lambda: told.append("told")
        change = Change(
            task=replace(task, version=2, progress=50),
            event=Event("progress", house.clock.now()),
            deliveries=(hook(house, task),),
        )
        house.context.leases[task.id] = house.clock.now() + 60
        lost.coming = [True]
        if not ends:
            transaction = house.database._transaction

            async def overtaken(writes: Sequence[Any], *, again: bool) -> Sequence[Any]:
                if again:  # by another process
                    async with writing(house.database) as connection:
                        await connection.execute(update(tables.tasks).values(version=3, step_token=99))
                        await connection.execute(update(tables.schedule).values(lease_owner="other"))
                return await transaction(writes, again=again)

            house.database._transaction = overtaken  # type: ignore[method-assign]
        with house.context.watch.watching(task.id) as changed:
            await house.context.commit(change, due=None if ends else house.clock.now())
            assert changed.is_set()
        assert told == ["told"]


def hook(house: House, task: Task) -> Delivery:
    now = house.clock.now()
    return Delivery(
        id=house.context.ids.next(now),
        task_id=task.id,
        account_id=task.account_id,
        sequence=2,
        type="task.progress",
        url="https://app.example/hook",
        body=b"{}",
        created_at=now,
    )


async def test_a_wake_during_a_step_is_not_lost(tmp_path: Path) -> None:
    async with House(tmp_path).opened() as house:
        task = new_task(house)
        await house.database.write(Create(task, "me"))
        await house.database.write(Mark(task.id, house.clock.now(), cancel=True))
        wished = replace(step(house, task), keep_lease=False, due=house.clock.now() + 1000)
        await house.database.write(wished)
        claimed, _ = await house.database.write(Claim("me", 10, house.clock.now(), Steps(16), token=10))
        assert [one.task_id for one in claimed] == [task.id]
        found = await house.reads.task(task.id)
        assert found is not None
        assert found[0].cancel_requested_at == house.clock.now()


@pytest.mark.parametrize("claims_first", [True, False])
async def test_a_task_claimed_in_the_batch_that_ends_its_step_is_run(tmp_path: Path, claims_first: bool) -> None:
    async with House(tmp_path).opened() as house:
        asked, answered = asyncio.Event(), asyncio.Event()

        async def poll(channel: Channel, job: Job) -> Running:
            house.provider.polled.append(job)
            asked.set()
            await answered.wait()
            return Running(progress=10)

        view = await house.tasks.create(house.me, text_to_video(), "tasks")
        house.provider.poll = poll  # type: ignore[method-assign]
        house.clock.advance(60)
        await house.engine.claim()
        await asked.wait()
        await house.tasks.wake(view.task.id)
        run, go_on = house.database._batcher._run, asyncio.Event()

        async def held(writes: Sequence[Any]) -> Sequence[Any]:
            await go_on.wait()
            return await run(writes)

        house.database._batcher._run = held
        batch = asyncio.create_task(house.tasks.wake(1))  # while it waits, the next two come to share a batch
        await asyncio.sleep(0.01)
        claiming = asyncio.create_task(house.engine.claim()) if claims_first else None
        await asyncio.sleep(0.01)
        answered.set()
        await asyncio.sleep(0.01)
        claiming = claiming or asyncio.create_task(house.engine.claim())
        await asyncio.sleep(0.01)
        go_on.set()
        await asyncio.gather(batch, claiming)
        await house.engine.drain()
        assert len(house.provider.polled) == 2


async def test_only_leases_that_are_still_held_are_extended(tmp_path: Path) -> None:
    async with House(tmp_path).opened() as house:
        kept, lost = new_task(house), new_task(house)
        await house.database.write(Create(kept, "me"))
        await house.database.write(Create(lost, "other"))
        assert await house.database.write(Extend("me", (kept.id, lost.id), house.clock.now())) == {kept.id}


async def test_leases_run_by_the_clock_of_the_database(tmp_path: Path) -> None:
    """Two processes on PostgreSQL whose clocks are an hour apart. On SQLite there is one process, and one clock."""
    async with House(tmp_path, shared_clock=True).opened() as house:
        task, claimed = new_task(house), new_task(house)
        await house.database.write(Create(task, "me"))
        house.clock.advance(3600)
        ahead, _ = await house.database.write(Claim("you", 10, house.clock.now(), Steps(16), token=1))
        if house.database.sqlite:
            assert [one.task_id for one in ahead] == [task.id]
            return
        assert ahead == [], "the lease of the create still holds"
        await house.database.write(Create(claimed, "gone"))
        assert await run_out(house) == 2
        first, _ = await house.database.write(Claim("you", 10, house.clock.now(), Steps(16), token=2))
        assert sorted(one.task_id for one in first) == sorted([task.id, claimed.id])
        house.clock.advance(7200)
        assert (await house.database.write(Claim("me", 10, house.clock.now(), Steps(16), token=3)))[0] == []
        await run_out(house, by=50.0)
        assert await house.database.write(Extend("you", (task.id, claimed.id), house.clock.now())) == {
            task.id,
            claimed.id,
        }
        await run_out(house, by=50.0)
        assert (await house.database.write(Claim("me", 10, house.clock.now(), Steps(16), token=4)))[0] == []


async def run_out(house: House, by: float = 61.0) -> int:
    """Let time pass for the leases; how many there are."""
    table = tables.schedule
    async with writing(house.database) as connection:
        done = await connection.execute(update(table).values(lease_until=table.c.lease_until - by))
    return done.rowcount


@pytest.mark.parametrize("answers", [[True], [False], [False, True], [True, True]])
async def test_a_create_whose_answer_is_lost_is_begun_once(
    tmp_path: Path, lost: LostCommits, answers: list[bool]
) -> None:
    """Its attempt, which is in the same transaction, is the one that is sent."""
    async with House(tmp_path).opened() as house:
        lost.coming = answers[:]
        try:
            view = await house.tasks.create(house.me, text_to_video(), "tasks")
        except CommitUnknownError:  # nobody can tell, so nothing is sent before it is looked up
            assert len(answers) == 2
            assert house.provider.sent == []
            return
        assert view.task.state == "running"
        assert [one.handle for one in house.provider.sent] == [str(view.task.attempt_id)]

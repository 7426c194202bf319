"""The books stay right under any order of events, crashes included (hypothesis, stateful)."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Coroutine
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from sqlalchemy import delete

from telecine.accounts import audit
from telecine.accounts.balances import Balances
from telecine.config import AccountConfig, ChannelConfig, LimitsConfig, PriceConfig
from telecine.nouns.errors import GatewayError, TaskError
from telecine.nouns.task import TERMINAL
from telecine.providers.outcomes import (
    Accepted,
    Failed,
    Finished,
    Found,
    NeverSent,
    NotFound,
    Refused,
    Running,
    Unknown,
    Unreadable,
)
from telecine.store import tables
from tests.clock import HandClock
from tests.records import reading, writing
from tests.tasks import scripted
from tests.tasks.scripted import DONE, House, Scripted, text_to_video
from tests.tasks.test_rebuild import unburied

Result = TypeVar("Result")
ERROR = TaskError("upstream_failed", "no")
SUBMITS = (
    Accepted("u"),
    Finished(DONE),
    Refused(ERROR),
    Refused(ERROR, elsewhere=True),
    Refused(ERROR, capacity=True, retry_after=1),
    NeverSent("no connection"),
    Unknown("reset"),
)
POLLS = (Running(progress=10), DONE, Failed(ERROR), Unreadable("HTML"), NotFound())
LOOK_UPS = (Found("u", Running()), Found("u", DONE), NotFound(), Unreadable("502"))


def _is_full(answer: Any) -> bool:
    return isinstance(answer, Refused) and answer.capacity


class Books(RuleBasedStateMachine):
    """One account of 2.00, jobs of 0.35 and more, two channels of which one has two slots."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.folder = Path(tempfile.mkdtemp(prefix="telecine-books-"))
        self.clock = HandClock()
        self.made: list[int] = []
        self.house: House | None = None

    def do(self, what: Coroutine[Any, Any, Result]) -> Result:
        return self.loop.run_until_complete(what)

    @property
    def here(self) -> House:
        assert self.house is not None
        return self.house

    @initialize()
    def begin(self) -> None:
        self.start()
        self.do(self.here.configure(accounts=[AccountConfig("default", Decimal(2))]))

    def start(self) -> None:
        first, second = Scripted("first"), Scripted("second")
        self.providers = (first, second)
        house = House(
            self.folder,
            (
                ChannelConfig(name="a", provider="first", priority=1, max_in_flight=2),
                ChannelConfig(name="b", provider="second"),
            ),
            self.providers,
            clock=self.clock,
            limits=LimitsConfig(unreachable=60, first_step=5, failovers=1),
            prices=(PriceConfig("kling-v2-5-turbo", "second", Decimal("0.07")),),
        )
        self.opening = house.opened()
        self.house = self.do(self.opening.__aenter__())

    @rule(duration=st.sampled_from([5.0, 10.0]), submit=st.sampled_from(SUBMITS), which=st.integers(0, 1))
    def create(self, duration: float, submit: Any, which: int) -> None:
        self.providers[which].submits = [submit]
        try:
            view = self.do(self.here.tasks.create(self.here.me, text_to_video(duration=duration), "tasks"))
        except GatewayError:
            return
        self.made.append(view.task.id)

    @rule(poll=st.sampled_from(POLLS), look_up=st.sampled_from(LOOK_UPS), submit=st.sampled_from(SUBMITS))
    def upstreams_change_their_minds(self, poll: Any, look_up: Any, submit: Any) -> None:
        for provider in self.providers:
            provider.polls, provider.look_ups, provider.submits = [poll], [look_up], [submit]

    @rule(seconds=st.sampled_from([1.0, 5.0, 60.0, 600.0, 4000.0]))
    def time_passes(self, seconds: float) -> None:
        self.do(self.here.pass_time(seconds, seconds / 4))

    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        if self.made:
            self.do(self.here.tasks.cancel(self.here.me, data.draw(st.sampled_from(self.made))))

    @rule(where=st.sampled_from(["submit", "poll", "keep"]))
    def crash_in_a_step(self, where: str) -> None:
        """The step dies after its side effect and before its transaction; a new process finds what was committed."""

        async def die(*_: object, **__: object) -> None:
            raise asyncio.CancelledError

        target: Any = self.here.shelf if where == "keep" else self.providers[0]
        setattr(target, where, die)
        self.clock.advance(30)
        self.do(self._step_once())
        self.do(self.opening.__aexit__(None, None, None))
        self.start()

    @rule()
    def the_schedule_is_lost(self) -> None:
        """As where a crash of the database empties its table; a new process makes it anew."""
        self.do(self._lose())
        self.do(self.opening.__aexit__(None, None, None))
        self.start()

    async def _lose(self) -> None:
        async with writing(self.here.database) as connection:
            await connection.execute(delete(tables.schedule))

    async def _step_once(self) -> None:
        await self.here.engine.claim()
        running = [task for task in asyncio.all_tasks() if task.get_name().startswith("task ")]
        if running:
            await asyncio.wait(running)

    @invariant()
    def the_books_are_right(self) -> None:
        if self.house is not None:
            assert self.do(self._problems()) == []

    @invariant()
    def a_task_says_itself_whether_something_is_left_to_do(self) -> None:
        if self.house is not None:
            own, there = self.do(unburied(self.here))
            assert own == there

    async def _problems(self) -> list[audit.Problem]:
        async with reading(self.here.database) as connection:
            return await connection.run_sync(audit.check)

    def teardown(self) -> None:
        if self.house is not None:
            # Every task ends, whatever its upstream does, and then nothing is held any more. Only a channel that is
            # full is waited for without end, so there is room at last.
            for provider in self.providers:
                provider.submits = [one for one in provider.submits if not _is_full(one)] or [Accepted("u")]
            self.do(self.here.pass_time(3 * 86400, 1800))
            for one in self.made:
                found = self.do(self.here.reads.task(one))
                assert found is not None
                assert found[0].state in TERMINAL, found[0].state
            balances = Balances(self.here.database, self.here.keys, self.clock, self.here.context.ids)
            assert self.do(balances.read(self.here.me.account_id)).held == 0
            self.the_books_are_right()
            self.do(self.opening.__aexit__(None, None, None))
        self.loop.close()
        shutil.rmtree(self.folder)


@pytest.fixture(autouse=True, params=["sqlite"])
def database(monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite only: the machine makes a house of its own for every example."""
    monkeypatch.setattr(scripted, "database_url", scripted.sqlite_url)


def test_the_books_stay_right() -> None:
    """A small run; `--hypothesis-profile` or more examples by hand for a long one."""
    from hypothesis.stateful import run_state_machine_as_test

    run_state_machine_as_test(
        Books,
        settings=settings(
            max_examples=12,
            stateful_step_count=12,
            deadline=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        ),
    )

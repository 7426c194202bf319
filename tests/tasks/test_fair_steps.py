"""Steps are shared by account: one that has thousands of slow ones makes another wait for none of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from telecine.accounts.principal import Principal
from telecine.config import ChannelConfig, LimitsConfig
from telecine.net.client import FetchError
from telecine.nouns import catalogue
from telecine.nouns.task import Output
from telecine.providers.base import Channel, Job, MediaReader, Provider, Submission
from telecine.providers.outcomes import Accepted, PollOutcome, Refused, SubmitOutcome
from telecine.tasks.advance import advance
from telecine.tasks.engine import Engine
from telecine.tasks.service import TaskService
from telecine.tasks.steps import KINDS, Kind, Steps, kind_of
from telecine.tasks.view import View
from telecine.tasks.writes import Claim, Create
from tests.tasks.scripted import DONE, TRAITS, House, Scripted, Shelf, refusal, text_to_video
from tests.tasks.test_writes import new_task

pytestmark = pytest.mark.one_process("the places are those of one process")

MOST = 8
LONG = replace(TRAITS, synchronous=True, submit_timeout=600)


class Slow(Scripted):
    """Answers at once, but for the noisy account, whose steps of one kind hang."""

    def __init__(self, kind: str) -> None:
        super().__init__(traits=LONG if kind == "long" else TRAITS)
        self.kind = kind
        self.noisy = 0
        self.theirs: set[str] = set()
        self.hanging = 0

    async def hang(self) -> None:
        self.hanging += 1
        try:
            await asyncio.Event().wait()
        finally:
            self.hanging -= 1

    async def submit(self, channel: Channel, submission: Submission, media: MediaReader) -> SubmitOutcome:
        if submission.account_id == self.noisy:
            self.theirs.add(submission.handle)
            if self.kind in ("submit", "long"):
                await self.hang()
        return Accepted(submission.handle)

    async def poll_many(self, channel: Channel, jobs: Sequence[Job]) -> Mapping[str, PollOutcome]:
        return {job.handle: DONE for job in jobs if job.handle not in self.theirs}

    async def poll(self, channel: Channel, job: Job) -> PollOutcome:
        if self.kind == "poll" and job.handle in self.theirs:
            await self.hang()
        return DONE


class SlowShelf(Shelf):
    def __init__(self, provider: Slow) -> None:
        super().__init__()
        self.provider = provider

    async def keep(self, provider: Provider, channel: Channel, output: Output, account_id: int) -> Output:
        if self.provider.kind == "collect" and account_id == self.provider.noisy:
            await self.provider.hang()
        return await super().keep(provider, channel, output, account_id)


async def until(house: House, met: Callable[[], Any], seconds: float = 20.0) -> None:
    """Let the engine claim, and time go on, until `met`."""
    async with asyncio.timeout(seconds):
        while not met():
            house.clock.advance(0.5)
            await house.engine.claim()
            await asyncio.sleep(0.005)


async def seen(house: House, owner: Principal, task_id: int) -> View:
    return await house.tasks.get(owner, task_id)


def crowded(folder: Path, kind: str) -> tuple[House, Slow]:
    provider = Slow(kind)
    house = House(folder, providers=[provider], limits=LimitsConfig(first_step=0.01))
    house.context.library = SlowShelf(provider)
    house.engine = Engine(house.context, most=MOST)
    house.loops = house.engine.run(advance)
    house.tasks = TaskService(house.context, house.engine, catalogue.load())
    return house, provider


@pytest.mark.parametrize(("kind", "listed"), [*((kind, False) for kind in KINDS), ("poll", True)])
async def test_one_accounts_slow_steps_make_another_wait_for_none(tmp_path: Path, kind: Kind, listed: bool) -> None:
    house, provider = crowded(tmp_path, kind)
    provider.traits = replace(provider.traits, listed=listed)
    async with house.opened():
        noisy, quiet = house.me, Principal(await house.keys.account("quiet"), None, "quiet")
        provider.noisy = noisy.account_id
        places = house.engine.steps.of[kind].most
        theirs = [await house.tasks.create(noisy, text_to_video(), "tasks") for _ in range(5 * MOST)]
        await until(house, lambda: provider.hanging == places)
        for _ in range(20):
            house.clock.advance(1.0)
            await house.engine.claim()
            await asyncio.sleep(0)
        assert provider.hanging == places, "one alone has the whole, and no more"
        mine = await house.tasks.create(quiet, text_to_video(), "tasks")
        ended = asyncio.Event()

        async def look() -> None:
            for _ in range(2000):
                if (await seen(house, quiet, mine.task.id)).task.state == "succeeded":
                    ended.set()
                    return
                await asyncio.sleep(0.01)

        looking = asyncio.create_task(look())
        await until(house, ended.is_set)
        await looking
        assert provider.hanging == places, "every one of the noisy one's still hangs"
        assert not any([(await seen(house, noisy, one.task.id)).task.ended for one in theirs])


async def test_long_submits_leave_the_places_of_short_ones_alone(tmp_path: Path) -> None:
    """Those of the very account that has them; and one that comes to a long one by way of another channel moves on."""
    slow, quick = Slow("long"), Scripted("quick")
    slow.name = "slow"
    channels = (
        ChannelConfig(name="a", provider="quick", models=("kling-v2-6", "kling-v1"), priority=2),
        ChannelConfig(name="b", provider="slow", models=("kling-v3", "kling-v1")),
    )
    house = House(tmp_path, channels, [slow, quick], limits=LimitsConfig(first_step=0.01))
    house.engine = Engine(house.context, most=MOST)
    house.loops = house.engine.run(advance)
    house.tasks = TaskService(house.context, house.engine, catalogue.load())
    async with house.opened():
        slow.noisy = house.me.account_id
        for _ in range(3 * MOST):
            await house.tasks.create(house.me, text_to_video(model="kling-v3"), "tasks")
        await until(house, lambda: slow.hanging == MOST)
        steps = house.engine.steps.of
        assert (steps["long"].used, steps["submit"].used) == (MOST, 0)
        for number in range(MOST + 1):
            await house.tasks.create(house.me, text_to_video(model="kling-v2-6"), "tasks")
            await until(house, lambda number=number: len(quick.sent) == number + 1)  # type: ignore[misc]
        quiet = Principal(await house.keys.account("quiet"), None, "quiet")
        quick.submits = [Refused(refusal("upstream_refused"), elsewhere=True)]
        slow.noisy = quiet.account_id
        await house.tasks.create(quiet, text_to_video(model="kling-v1"), "tasks")
        await until(house, lambda: slow.hanging == MOST + 1)
        assert (steps["long"].held(quiet.account_id), steps["submit"].held(quiet.account_id)) == (1, 0)


async def test_as_many_as_there_are_places_for_hold_a_lease(tmp_path: Path) -> None:
    house, provider = crowded(tmp_path, "submit")
    async with house.opened():
        provider.noisy = house.me.account_id
        for _ in range(5 * MOST):
            await house.tasks.create(house.me, text_to_video(), "tasks")
        await until(house, lambda: provider.hanging == MOST and house.engine.running == MOST)
        assert len(house.context.places) == MOST


async def test_those_who_had_to_wait_go_on_as_places_fall_free(tmp_path: Path) -> None:
    house, _ = crowded(tmp_path, "none")
    async with house.opened():
        made = [new_task(house) for _ in range(5 * MOST)]
        await asyncio.gather(*(house.database.write(Create(one, "gone")) for one in made))
        house.clock.advance(61)
        for _ in range(40):
            await house.engine.drain()
            house.clock.advance(10)
        assert len(house.context.library.kept) == len(made)  # type: ignore[attr-defined]
        assert house.engine.steps.of["submit"].used == 0
        assert house.context.places == {}


async def test_who_waits_for_an_input_leaves_the_step_to_others(tmp_path: Path) -> None:
    """More than that many of one account wait for inputs, and its own jobs without any go on."""
    provider = Fetching()
    house = House(tmp_path, providers=[provider], limits=LimitsConfig(first_step=0.01))
    house.context.library = Waiting(provider)
    house.engine = Engine(house.context, most=MOST)
    house.loops = house.engine.run(advance)
    house.tasks = TaskService(house.context, house.engine, catalogue.load())
    async with house.opened():
        for _ in range(MOST):
            await house.tasks.create(house.me, text_to_video(prompt="with a picture"), "tasks")
        await until(house, lambda: provider.fetching == MOST)
        assert house.engine.steps.of["submit"].used == 0
        await house.tasks.create(house.me, text_to_video(prompt="without"), "tasks")
        await until(house, lambda: provider.submitted == 1)
        provider.come.set()
        await until(house, lambda: provider.submitted == MOST + 1)
        assert house.engine.steps.fetches.used == 0


class Fetching(Scripted):
    def __init__(self) -> None:
        super().__init__()
        self.come = asyncio.Event()
        self.fetching = 0
        self.submitted = 0

    async def submit(self, channel: Channel, submission: Submission, media: MediaReader) -> SubmitOutcome:
        if submission.request.prompt == "with a picture":
            await media.as_upload(None, 0)  # type: ignore[arg-type]
        self.submitted += 1
        return Accepted(submission.handle)


class Waiting(Shelf):
    def __init__(self, provider: Fetching) -> None:
        super().__init__()
        self.provider = provider

    def reading(self, account_id: int, aside: Any) -> Any:
        return WaitingMedia(self.provider, aside)


class WaitingMedia:
    def __init__(self, provider: Fetching, aside: Any) -> None:
        self.provider, self.aside = provider, aside

    async def __aenter__(self) -> WaitingMedia:
        return self

    async def __aexit__(self, *_: object) -> None:
        pass

    async def as_upload(self, item: object, limit: int) -> bytes:
        async with self.aside():
            self.provider.fetching += 1
            await self.provider.come.wait()
        return b""


async def test_what_many_tasks_of_another_wait_for_is_skipped(tmp_path: Path) -> None:
    async with House(tmp_path).opened() as house:
        noisy = [new_task(house) for _ in range(300)]
        await asyncio.gather(*(house.database.write(Create(one, "gone")) for one in noisy))
        house.clock.advance(1)
        quiet = await house.keys.account("quiet")
        other = [new_task(house, account_id=quiet) for _ in range(3)]
        await asyncio.gather(*(house.database.write(Create(one, "gone")) for one in other))
        house.clock.advance(61)
        steps = Steps(4)
        first, more = await house.database.write(Claim("me", 256, house.clock.now(), steps, 1))
        assert [one.account_id for one in first] == [noisy[0].account_id] * 4
        assert more == house.clock.now(), "there may be more"
        for one in first:
            steps.add(one.kind, one.account_id)
        second, _ = await house.database.write(Claim("me", 256, house.clock.now(), steps, 1))
        assert [one.account_id for one in second] == [quiet]
        for one in second:
            steps.add(one.kind, one.account_id)
        assert steps.shut() == ["submit"]
        assert await house.database.write(Claim("me", 256, house.clock.now(), steps, 1)) == ([], None)


@pytest.mark.parametrize(
    ("state", "kind"),
    [
        ("queued", "submit"),
        ("submitting", "submit"),
        ("running", "poll"),
        ("reconciling", "poll"),
        ("collecting", "collect"),
        ("succeeded", "collect"),
        ("cancelled", "collect"),
    ],
)
def test_kinds(state: Any, kind: Kind) -> None:
    assert kind_of(state) == kind


async def test_an_error_of_a_fetch_leaves_no_place_behind() -> None:
    steps = Steps(1)
    place = steps.try_take("submit", 1)
    assert place is not None

    async def fetch() -> None:
        async with place.aside():
            assert steps.of["submit"].used == 0
            raise FetchError("no connection")

    with pytest.raises(FetchError):
        await fetch()
    assert steps.fetches.used == 1, "until the step goes on, or ends"
    await place.move("submit")
    assert (steps.of["submit"].used, steps.fetches.used) == (1, 0)
    place.leave()
    place.leave()
    assert steps.of["submit"].used == 0

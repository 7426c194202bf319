"""One question about many jobs, and what its answer is worth."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from telecine.net.client import Client
from telecine.providers.base import Channel, Job, Provider
from telecine.providers.http import HttpProvider, provider_of
from telecine.providers.http.facts import HttpOptions
from telecine.providers.kling import KLING
from telecine.providers.openai import OPENAI
from telecine.providers.outcomes import Accepted, Failed, Running, Succeeded
from telecine.providers.relay.table import RELAY, RelayOptions
from tests.clock import HandClock
from tests.providers.kling.requests import picture
from tests.providers.kling.requests import submission as kling_submission
from tests.providers.openai.requests import submission as openai_submission
from tests.providers.stand_ins import NOW, Shelf
from tests.upstreams import kling, openai_videos
from tests.upstreams.faults import Fault, FaultyServer
from tests.upstreams.files import Answer, FileServer
from tests.upstreams.kling import FakeKling
from tests.upstreams.openai_videos import FakeOpenAI


class Place:
    """A provider, the fake that it talks to, and the jobs that it has there."""

    def __init__(self, provider: Provider, fake: Any, channel: Channel, submission: Any) -> None:
        self.provider, self.fake, self.channel, self._submission = provider, fake, channel, submission
        self.jobs: list[Job] = []

    async def submit(self, request: Any = None) -> Job:
        handle = str(len(self.jobs) + 1)
        sent = self._submission(request, handle=handle)
        outcome = await self.provider.submit(self.channel, sent, Shelf())
        assert isinstance(outcome, Accepted)
        self.jobs.append(Job(sent.request.operation, sent.model, handle, outcome.upstream_id, NOW))
        return self.jobs[-1]

    async def ask(self) -> dict[str, Any]:
        return dict(await self.provider.poll_many(self.channel, self.jobs))

    def lists(self) -> int:
        fake: FaultyServer = self.fake
        return fake.count("list")


@pytest.fixture(params=["kling", "openai", "relay"])
async def place(request: pytest.FixtureRequest, clock: HandClock) -> AsyncIterator[Place]:
    client = Client()
    if request.param == "kling":
        async with FakeKling() as fake:
            channel = Channel("k", fake.base_url, api_key=kling.API_KEY)
            yield Place(HttpProvider(KLING, client, clock), fake, channel, kling_submission)
    else:
        async with FakeOpenAI() as other:
            channel = Channel("o", other.base_url, api_key=openai_videos.API_KEY)
            vendor = OPENAI
            if request.param == "relay":
                vendor = RELAY
                channel = msgspec.structs.replace(channel, options=RelayOptions(form="official"))
            yield Place(provider_of(vendor, client, clock), other, channel, openai_submission)
    await client.close()


@pytest.fixture
def clock() -> HandClock:
    return HandClock(NOW)


async def test_one_question_tells_of_all_that_are_under_way(place: Place) -> None:
    for _ in range(5):
        await place.submit()
    place.fake.begin(place.jobs[1].upstream_id)
    found = await place.ask()
    assert set(found) == {job.handle for job in place.jobs}
    assert all(isinstance(one, Running) for one in found.values())
    assert [found[handle].started for handle in ("1", "2")] == [False, True]
    assert (place.lists(), place.fake.count("query")) == (1, 0)


async def test_a_channel_may_do_without_lists(place: Place) -> None:
    for _ in range(2):
        await place.submit()
    alone = msgspec.structs.replace(place.channel, options=HttpOptions(lists=False))
    assert await place.provider.poll_many(alone, place.jobs) == {}
    assert place.lists() == 0


async def test_a_list_says_of_an_end_what_a_poll_would_or_nothing(place: Place) -> None:
    for _ in range(4):
        await place.submit()
    place.fake.finish(place.jobs[0].upstream_id)
    place.fake.fail(place.jobs[1].upstream_id, "the model gave up")
    found = await place.ask()
    assert {"3", "4"} <= set(found)
    for job in place.jobs[:2]:
        alone = await place.provider.poll(place.channel, job)
        assert isinstance(alone, Succeeded | Failed)
        assert found.get(job.handle) in (None, alone)


@pytest.mark.parametrize("act", ["html", "broken", "refuse"])
async def test_whoever_answers_no_list_is_asked_about_each_job_for_a_while(
    place: Place, clock: HandClock, act: Any
) -> None:
    for _ in range(2):
        await place.submit()
    code = "server_error" if isinstance(place.fake, FakeOpenAI) else 1202
    place.fake.faults.append(Fault("list", act, times=2, code=code))
    assert await place.ask() == {}
    assert await place.ask() == {}, "not even tried"
    assert place.lists() == 1
    clock.advance(61)
    assert await place.ask() == {}
    clock.advance(61)
    assert await place.ask() == {}, "longer each time"
    assert place.lists() == 2
    clock.advance(61)
    assert len(await place.ask()) == 2


async def test_a_job_of_another_kind_or_age_is_left_out(place: Place) -> None:
    job = await place.submit()
    await place.submit()
    gone = Job(job.operation, job.model, "gone", "never-made", NOW)
    unnamed = Job(job.operation, job.model, "unnamed", None, NOW)
    found = await place.provider.poll_many(place.channel, [*place.jobs, gone, unnamed])
    assert set(found) == {"1", "2"}


async def test_a_list_that_does_not_reach_so_far_back_is_let_be(place: Place) -> None:
    old = [await place.submit() for _ in range(2)]
    for _ in range(400):
        place.fake._made(*_made_with(place.fake))
    assert dict(await place.provider.poll_many(place.channel, old)) == {}
    pages = place.lists()
    assert 1 <= pages <= 3
    assert dict(await place.provider.poll_many(place.channel, old)) == {}
    assert place.lists() == pages


def _made_with(fake: Any) -> tuple[Any, ...]:
    return ("videos/text2video", {}, None) if isinstance(fake, FakeKling) else ({}, [], None, None)


async def test_each_path_of_kling_has_a_list_of_its_own(clock: HandClock) -> None:
    client = Client()
    async with FakeKling() as fake:
        channel = Channel("k", fake.base_url, api_key=kling.API_KEY)
        place = Place(HttpProvider(KLING, client, clock), fake, channel, kling_submission)
        await place.submit()
        await place.submit(picture())
        await place.submit()
        assert set(await place.ask()) == {"1", "2", "3"}
        assert place.lists() == 2
    await client.close()


async def test_several_pages_are_read_where_they_are_needed(clock: HandClock) -> None:
    client = Client()
    async with FakeOpenAI() as fake:
        channel = Channel("o", fake.base_url, api_key=openai_videos.API_KEY)
        place = Place(HttpProvider(OPENAI, client, clock), fake, channel, openai_submission)
        await place.submit()
        for _ in range(40):
            fake._made({}, [], None, None)
        await place.submit()
        assert set(await place.ask()) == {"1", "2"}
        assert place.lists() == 2
    await client.close()


@pytest.mark.parametrize("data", [b"null", b"{}", b"[1]", b'[{"task_id": 1}]', b'[{"task_status": "processing"}]'])
async def test_an_odd_list_tells_of_nothing(clock: HandClock, data: bytes) -> None:
    client = Client()
    async with FileServer() as server:
        server.answers["/v1/videos/text2video?pageSize=30"] = Answer(b'{"code":0,"data":%s}' % data)
        channel = Channel("k", server.url(""), api_key=kling.API_KEY)
        jobs = [Job("text_to_video", "m", name, f"u{name}", NOW) for name in ("1", "2")]
        assert await HttpProvider(KLING, client, clock).poll_many(channel, jobs) == {}
        assert len(server.asked) == 1
    await client.close()

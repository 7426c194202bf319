"""An operation that its upstream makes at one of several paths: which of them, nobody remembers."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from msgspec.structs import replace

from telecine.net.client import Client
from telecine.nouns.request import MediaInput
from telecine.providers.base import Channel, Job
from telecine.providers.http import HttpProvider
from telecine.providers.http.body import params
from telecine.providers.http.facts import Vendor
from telecine.providers.kling import KLING
from telecine.providers.outcomes import Accepted, Found, NotFound, Running, Unreadable
from tests.clock import HandClock
from tests.providers.kling.requests import MODEL, URL, submission, text
from tests.providers.stand_ins import NOW, Shelf
from tests.upstreams.faults import Fault
from tests.upstreams.kling import API_KEY, FakeKling

_PICTURE = replace(KLING.ops["image_to_video"], suits=lambda request, _: bool(request.inputs))
VENDOR: Vendor = replace(KLING, ops={"text_to_video": replace(KLING.ops["text_to_video"], ways=(_PICTURE,))})


class Place:
    """The provider, and what it has sent."""

    def __init__(self, provider: HttpProvider, fake: FakeKling) -> None:
        self.provider, self.fake = provider, fake
        self.channel = Channel("k", fake.base_url, api_key=API_KEY)

    async def submit(self, handle: str, *inputs: MediaInput) -> Job:
        outcome = await self.provider.submit(self.channel, submission(text(inputs=inputs), handle=handle), Shelf())
        assert isinstance(outcome, Accepted)
        return Job("text_to_video", MODEL, handle, outcome.upstream_id, NOW)


@pytest.fixture
async def place() -> AsyncIterator[Place]:
    client = Client()
    async with FakeKling() as fake:
        yield Place(HttpProvider(VENDOR, client, HandClock(NOW)), fake)
    await client.close()


async def test_the_request_decides_and_a_job_is_found_where_it_is(place: Place) -> None:
    jobs = [await place.submit("1"), await place.submit("2", MediaInput("first_frame", url=URL))]
    assert [job.operation for job in place.fake.jobs.values()] == ["text2video", "image2video"]
    for job in jobs:
        assert await place.provider.poll(place.channel, job) == Running(started=False)
        found = await place.provider.look_up(place.channel, job)
        assert found == Found(job.upstream_id or "", Running(started=False))
    told = await place.provider.poll_many(place.channel, jobs)
    assert set(told) == {"1", "2"}
    assert place.fake.count("list") == 2


async def test_a_job_is_not_there_only_where_each_path_says_so(place: Place) -> None:
    job = Job("text_to_video", MODEL, "9", "123", NOW)
    assert await place.provider.look_up(place.channel, job) == NotFound()
    place.fake.faults.append(Fault("query", "html"))
    assert isinstance(await place.provider.look_up(place.channel, job), Unreadable)
    real = await place.submit("1", MediaInput("first_frame", url=URL))
    place.fake.faults.append(Fault("query", "html"))
    assert await place.provider.poll(place.channel, real) == Running(started=False), "the other path has it"


def test_an_error_may_name_a_field_of_any_of_them() -> None:
    assert params(VENDOR)["image_tail"] == "inputs"

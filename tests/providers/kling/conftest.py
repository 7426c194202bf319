"""A provider, the fake that it talks to, and a job that runs there."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from telecine.net.client import Client
from telecine.providers.base import Channel, Provider
from telecine.providers.http import HttpProvider
from telecine.providers.kling import KLING
from telecine.providers.outcomes import Accepted
from tests.clock import HandClock
from tests.providers.kling.requests import submission
from tests.providers.stand_ins import NOW, Shelf
from tests.upstreams.kling import API_KEY, FakeKling


@pytest.fixture
async def fake() -> AsyncIterator[FakeKling]:
    async with FakeKling() as running:
        yield running


@pytest.fixture
def clock() -> HandClock:
    return HandClock(NOW)


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    made = Client()
    yield made
    await made.close()


@pytest.fixture
def provider(client: Client, clock: HandClock) -> Provider:
    return HttpProvider(KLING, client, clock)


@pytest.fixture
def channel(fake: FakeKling) -> Channel:
    return Channel("kling-main", fake.base_url, api_key=API_KEY, allow_private=True)


@pytest.fixture
async def running(provider: Provider, channel: Channel) -> str:
    outcome = await provider.submit(channel, submission(), Shelf())
    assert isinstance(outcome, Accepted)
    return outcome.upstream_id

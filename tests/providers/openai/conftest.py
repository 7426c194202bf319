"""A provider, the fake that it talks to, and a job that runs there."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from telecine.net.client import Client
from telecine.providers.base import Channel, Provider
from telecine.providers.http import HttpProvider
from telecine.providers.openai import OPENAI
from telecine.providers.outcomes import Accepted
from tests.clock import HandClock
from tests.providers.openai.requests import submission
from tests.providers.stand_ins import NOW, Shelf
from tests.upstreams.openai_videos import API_KEY, FakeOpenAI


@pytest.fixture
async def fake() -> AsyncIterator[FakeOpenAI]:
    async with FakeOpenAI() as running:
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
    return HttpProvider(OPENAI, client, clock)


@pytest.fixture
def channel(fake: FakeOpenAI) -> Channel:
    return Channel("openai-main", f"{fake.base_url}/v1", api_key=API_KEY)


@pytest.fixture
async def running(provider: Provider, channel: Channel) -> str:
    outcome = await provider.submit(channel, submission(), Shelf())
    assert isinstance(outcome, Accepted)
    return outcome.upstream_id

"""A ComfyUI, and the provider in front of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from telecine.net.client import Client
from telecine.providers.base import Channel
from telecine.providers.comfyui import ComfyProvider
from tests.clock import HandClock
from tests.providers.stand_ins import NOW
from tests.upstreams.comfyui import FakeComfy


@pytest.fixture(params=["2026", "2025"], scope="module")
def server(request: pytest.FixtureRequest) -> Iterator[FakeComfy]:
    """With `/api/jobs`, and without; shared by the tests of a file."""
    with FakeComfy(age=request.param, api_key="key-of-the-proxy").in_thread() as running:
        yield running


@pytest.fixture
def fake(server: FakeComfy) -> Iterator[FakeComfy]:
    """As if nothing had ever been asked of it."""
    server.forget()
    yield server
    left, server.faults[:] = server.faults[:], []
    assert not [fault for fault in left if fault.times < 1000], left


@pytest.fixture
def clock() -> HandClock:
    return HandClock(NOW)


@pytest.fixture
async def provider(clock: HandClock) -> AsyncIterator[ComfyProvider]:
    client = Client()
    made = ComfyProvider(client, clock)
    yield made
    await made.close()
    await client.close()


@pytest.fixture
def channel(fake: FakeComfy) -> Channel:
    return channel_of(fake)


def channel_of(fake: FakeComfy) -> Channel:
    return Channel("comfy", fake.base_url, api_key=fake.api_key or None)

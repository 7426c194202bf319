"""A relay in each of its forms, served by one fake for all tests of a module."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from telecine.net.client import Client
from telecine.providers.base import Channel
from telecine.providers.http import FormedProvider
from telecine.providers.relay.table import RELAY, RelayOptions
from tests.clock import HandClock
from tests.providers.stand_ins import NOW
from tests.upstreams.relay import API_KEY, FORMS, FakeRelay, Form


@pytest.fixture(scope="module", params=FORMS)
def form(request: pytest.FixtureRequest) -> Form:
    found: Form = request.param
    return found


@pytest.fixture(scope="module")
def served(form: Form) -> Iterator[FakeRelay]:
    with FakeRelay(form).in_thread() as fake:
        yield fake


@pytest.fixture
def fake(served: FakeRelay) -> FakeRelay:
    """As if it had just begun."""
    served.jobs.clear()
    served.journal.clear()
    served.faults.clear()
    served.creates.clear()
    served.serve(*served.serves)
    return served


@pytest.fixture
def channel(fake: FakeRelay, form: Form) -> Channel:
    return Channel("relay-main", fake.base_url, api_key=API_KEY, options=RelayOptions(form=form))


@pytest.fixture
def clock() -> HandClock:
    return HandClock(NOW)


@pytest.fixture
async def provider(clock: HandClock) -> AsyncIterator[FormedProvider]:
    client = Client()
    yield FormedProvider(RELAY, client, clock)
    await client.close()

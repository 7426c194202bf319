"""Files that may or may not come whole."""

from __future__ import annotations

import msgspec
import pytest

from telecine.net.client import Client, FetchError
from telecine.net.guard import AddressPolicy
from telecine.providers.base import Channel, Provider
from telecine.providers.http import HttpProvider
from telecine.providers.kling import KLING
from telecine.providers.outcomes import Succeeded, UpstreamOutput
from tests.clock import HandClock
from tests.providers.kling.requests import job
from tests.upstreams.kling import FOREVER, FakeKling, Fault


@pytest.fixture
async def output(provider: Provider, fake: FakeKling, channel: Channel, running: str) -> UpstreamOutput:
    fake.finish()
    outcome = await provider.poll(channel, job(running))
    assert isinstance(outcome, Succeeded)
    return outcome.outputs[0]


async def fetch(provider: Provider, channel: Channel, output: UpstreamOutput) -> bytes:
    return b"".join([chunk async for chunk in provider.collect(channel, output)])


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        (Fault("file", "status", status=403), 403),
        (Fault("file", "status", status=500), 500),
        (Fault("file", "html", status=502), 502),
        (Fault("file", "html", status=200), 200),
        (Fault("file", "refuse", status=200), 200),
        (Fault("file", "cut"), None),
        (Fault("file", "drop"), None),
    ],
    ids=lambda value: value.act if isinstance(value, Fault) else str(value),
)
async def test_what_is_no_whole_file_is_an_error_that_may_pass(
    *, provider: Provider, fake: FakeKling, channel: Channel, output: UpstreamOutput, fault: Fault, status: int | None
) -> None:
    fake.faults.append(Fault(**vars(fault) | {"times": FOREVER}))
    with pytest.raises(FetchError) as caught:
        await fetch(provider, channel, output)
    fake.faults.clear()
    assert (caught.value.status, caught.value.refused) == (status, False)
    assert await fetch(provider, channel, output) == fake.file


async def test_an_expired_link_says_so_and_a_query_brings_a_new_one(
    provider: Provider, fake: FakeKling, channel: Channel, running: str
) -> None:
    fake.link_uses = 1
    fake.finish()
    for _ in range(2):
        outcome = await provider.poll(channel, job(running))
        assert isinstance(outcome, Succeeded)
        assert await fetch(provider, channel, outcome.outputs[0]) == fake.file
        with pytest.raises(FetchError) as caught:
            await fetch(provider, channel, outcome.outputs[0])
        assert caught.value.status == 403


async def test_a_slow_file_comes_whole(
    *, provider: Provider, fake: FakeKling, channel: Channel, output: UpstreamOutput
) -> None:
    fake.faults += [Fault("file", "drip", seconds=0.01), Fault("file", "delay", seconds=0.05)]
    assert await fetch(provider, channel, output) == fake.file
    assert await fetch(provider, channel, output) == fake.file


async def test_files_lie_on_private_addresses_only_where_the_channel_allows(
    fake: FakeKling, channel: Channel, clock: HandClock, output: UpstreamOutput, provider: Provider
) -> None:
    public = msgspec.structs.replace(channel, allow_private=False)
    with pytest.raises(FetchError) as caught:
        await fetch(provider, public, output)
    assert caught.value.refused
    local = Client(AddressPolicy(["127.0.0.1/32"]))
    fake.faults.append(Fault("file", "redirect", message="http://169.254.169.254/latest/meta-data"))
    with pytest.raises(FetchError) as caught:
        await fetch(HttpProvider(KLING, local, clock), public, output)
    assert caught.value.refused
    assert await fetch(HttpProvider(KLING, local, clock), public, output) == fake.file
    await local.close()

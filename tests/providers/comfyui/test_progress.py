"""How far a job is, as its server says over a socket; and that nothing is lost where there is none."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from telecine.providers.base import Channel
from telecine.providers.comfyui import ComfyProvider
from telecine.providers.outcomes import Accepted, Running, Succeeded
from tests.clock import HandClock
from tests.providers.comfyui.conftest import channel_of
from tests.providers.comfyui.requests import job, submission
from tests.providers.stand_ins import Shelf
from tests.server.live import eventually
from tests.upstreams.comfyui import Age, FakeComfy


async def started(provider: ComfyProvider, channel: Channel) -> str:
    made = await provider.submit(channel, submission(), Shelf())
    assert isinstance(made, Accepted)
    return made.upstream_id


async def until(condition: Callable[[], object]) -> None:
    """Wait for what another thread does."""
    await asyncio.to_thread(eventually, condition, "the socket as it should be")


async def told(provider: ComfyProvider, channel: Channel, name: str, least: int) -> int:
    """The progress, once it is as large as that."""
    async with asyncio.timeout(20):
        while True:
            outcome = await provider.poll(channel, job(name))
            assert isinstance(outcome, Running)
            if (outcome.progress or 0) >= least:
                return outcome.progress or 0
            await asyncio.sleep(0.005)


@pytest.mark.parametrize("age", ["2026", "2025", "2024"])
async def test_progress_comes_over_the_socket(provider: ComfyProvider, age: Age) -> None:
    async with FakeComfy(age=age, api_key="key-of-the-proxy") as fake:
        channel = channel_of(fake)
        name = await started(provider, channel)
        await until(lambda: fake.sockets)
        assert list(fake.sockets) == [fake.creates[0]["client_id"]]
        fake.begin()
        fake.say("no JSON")
        fake.say('{"type":"progress","data":{"prompt_id":7,"value":"x"}}')
        fake.say('{"type":"progress","data":{"prompt_id":"another","value":1,"max":1,"node":"3"}}')
        fake.say('{"type":"crystools.monitor","data":{"cpu":3}}')
        fake.step("3", 1, 4)
        few = await told(provider, channel, name, 1)
        fake.step("3", 3, 4)
        more = await told(provider, channel, name, few + 1)
        fake.step("9", 1, 1)
        assert few < more < await told(provider, channel, name, more + 1) <= 99
        fake.finish()
        assert isinstance(await provider.poll(channel, job(name)), Succeeded)


async def test_without_a_socket_polls_say_how_it_ends(provider: ComfyProvider, clock: HandClock) -> None:
    async with FakeComfy() as fake:
        fake.deaf = True
        channel = channel_of(fake)
        name = await started(provider, channel)
        fake.step("3", 1, 4)
        assert await provider.poll(channel, job(name)) == Running(None)
        await until(lambda: fake.dials == 1)
        for _ in range(20):
            await provider.poll(channel, job(name))
        assert fake.dials == 1, "it is let be for a while"
        fake.deaf = False
        clock.advance(2.1)
        await provider.poll(channel, job(name))
        await until(lambda: fake.sockets)
        fake.step("3", 2, 4)
        assert await told(provider, channel, name, 1) > 0
        fake.finish()
        assert isinstance(await provider.poll(channel, job(name)), Succeeded)


async def test_a_socket_that_breaks_is_dialled_again(provider: ComfyProvider, clock: HandClock) -> None:
    async with FakeComfy() as fake:
        channel = channel_of(fake)
        name = await started(provider, channel)
        await until(lambda: fake.sockets)
        fake.hang_up()
        await until(lambda: not fake.sockets)

        async def dialled() -> None:
            while fake.dials < 2:
                clock.advance(3)
                await provider.poll(channel, job(name))
                await asyncio.sleep(0.005)

        async with asyncio.timeout(20):
            await dialled()


async def test_a_socket_that_nobody_needs_is_closed(provider: ComfyProvider, clock: HandClock) -> None:
    async with FakeComfy() as idle, FakeComfy() as busy:
        await started(provider, Channel("idle", idle.base_url))
        await until(lambda: idle.sockets)
        clock.advance(181)
        await started(provider, Channel("busy", busy.base_url))
        await until(lambda: not idle.sockets)
        await until(lambda: busy.sockets)


async def test_closing_ends_every_socket(provider: ComfyProvider) -> None:
    async with FakeComfy() as fake:
        await started(provider, Channel("c", fake.base_url))
        await until(lambda: fake.sockets)
        await provider.close()
        await until(lambda: not fake.sockets)

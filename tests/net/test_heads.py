"""A request of whose answer only the status counts has it, whatever the body does."""

from __future__ import annotations

import tracemalloc
from collections.abc import AsyncIterator

import pytest

from telecine.net.client import Client
from telecine.net.guard import AddressPolicy
from tests.upstreams.rude import BODIES, RudeServer


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    made = Client(AddressPolicy(["127.0.0.1/32"]), linger=0.2)
    yield made
    await made.close()


@pytest.fixture
async def receiver() -> AsyncIterator[RudeServer]:
    async with RudeServer().listening() as running:
        yield running


@pytest.mark.parametrize("odd", BODIES)
async def test_the_status_counts_whatever_the_body_does(client: Client, receiver: RudeServer, odd: str) -> None:
    for _ in range(2):
        reply = await client.request("POST", receiver.url(odd), body=b"{}", timeout=5, max_bytes=1024, cut=True)
        assert reply.status == 202
        assert len(reply.body) <= 1024
    assert receiver.taken == 2


async def test_a_bomb_takes_no_room(client: Client, receiver: RudeServer) -> None:
    await client.request("POST", receiver.url("whole"), body=b"{}", cut=True)
    tracemalloc.start()
    reply = await client.request("POST", receiver.url("gzip bomb"), body=b"{}", max_bytes=1024, cut=True)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (reply.status, len(reply.body)) == (202, 1024)
    assert most < 8 * 1024 * 1024


async def test_a_well_behaved_receiver_keeps_its_connection(client: Client, receiver: RudeServer) -> None:
    for _ in range(3):
        reply = await client.request("POST", receiver.url("whole"), body=b"{}", max_bytes=1024, cut=True)
        assert (reply.status, reply.body) == (202, b"ok")
    assert receiver.connections == 1

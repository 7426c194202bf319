"""A request of whose answer only the status counts has it, whatever the body does; and no peer floods us with heads."""

from __future__ import annotations

import asyncio
import contextlib
import tracemalloc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from telecine.net.client import Client, FetchError
from telecine.net.connection import Connection
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


@pytest.mark.parametrize("cut", [True, False], ids=["head alone", "whole"])
@pytest.mark.parametrize(
    "flood",
    [b"HTTP/1.1 103 Early Hints\r\n\r\n", b"HTTP/1.1 100 Continue\n\n", b"\r\n", b"\r\n\r\nHTTP/1.1 102 P\r\n\r\n"],
    ids=["early hints", "bare line feeds", "blank lines", "both"],
)
async def test_answers_that_are_none_keep_nobody_waiting(
    client: Client, monkeypatch: pytest.MonkeyPatch, flood: bytes, *, cut: bool
) -> None:
    """Thousands that came in one piece stopped everything else for many seconds."""
    read = heads_read(monkeypatch)
    async with flooded(b"", flood * 200_000) as url:
        with pytest.raises(FetchError, match="the connection broke"):
            await client.request("POST", url, body=b"{}", timeout=20, cut=cut)
    assert len(read) < 20


async def test_answers_that_nobody_asked_for_are_not_read(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    read = heads_read(monkeypatch)
    answer = b"HTTP/1.1 202 Accepted\r\ncontent-length: 2\r\n\r\nok"
    async with flooded(answer, answer * 20_000) as url:
        for _ in range(2):
            reply = await client.request("POST", url, body=b"{}", timeout=20)
            assert (reply.status, reply.body) == (202, b"ok")
    assert len(read) == 2


def heads_read(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Grows by each head that is read, whatever its status."""
    read: list[int] = []
    complete = Connection.on_headers_complete

    def noted(connection: Connection) -> None:
        read.append(connection._parser.get_status_code())
        complete(connection)

    monkeypatch.setattr(Connection, "on_headers_complete", noted)
    return read


@asynccontextmanager
async def flooded(first: bytes, then: bytes) -> AsyncIterator[str]:
    """The URL of a server that sends `first`, and then all of `then` at once."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"{}")
        writer.write(first + then)
        with contextlib.suppress(ConnectionError):
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"

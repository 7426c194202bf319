"""Answers as they come over a socket: their ends, their codings, their heads, and what nobody asked for."""

from __future__ import annotations

import asyncio
import gzip
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from telecine.net.client import Client, FetchError
from telecine.net.guard import AddressPolicy

_OK = b"HTTP/1.1 200 OK\r\n"
_PLAIN = b"a paper boat " * 100_000


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    made = Client(AddressPolicy(["127.0.0.1/32"]))
    yield made
    await made.close()


class Speaker:
    """Says the same to every request, and then, where told to, hangs up or says more; counts its connections."""

    def __init__(self, says: bytes, *, more: bytes = b"", stays: bool = False) -> None:
        self._says, self._more, self._stays = says, more, stays
        self.connections = 0
        self.url = ""

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[Speaker]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        async with server:
            self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
            yield self

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                await reader.readuntil(b"\r\n\r\n")
                writer.write(self._says)
                await writer.drain()
                if not self._stays:
                    break
                await asyncio.sleep(0.01)  # so that it comes in two pieces, mostly
                writer.write(self._more)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


def _raw(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


@pytest.mark.parametrize(
    ("coding", "body"),
    [("gzip", gzip.compress(_PLAIN)), ("deflate", zlib.compress(_PLAIN)), ("deflate", _raw(_PLAIN))],
    ids=["gzip", "deflate", "deflate without a header"],
)
async def test_what_was_packed_is_unpacked_and_has_to_be_whole(client: Client, coding: str, body: bytes) -> None:
    head = _OK + f"content-encoding: {coding}\r\n\r\n".encode()
    async with Speaker(head + body).opened() as whole, Speaker(head + body[:-8]).opened() as short:
        assert (await client.request("GET", whole.url)).body == _PLAIN
        with pytest.raises(FetchError, match="the connection broke") as caught:
            await client.request("POST", short.url, body=b"")
        assert caught.value.sent


async def test_a_body_without_a_length_ends_with_its_connection(client: Client) -> None:
    async with Speaker(_OK + b"\r\n" + _PLAIN).opened() as speaker:
        for _ in range(2):
            assert (await client.request("GET", speaker.url)).body == _PLAIN
        assert speaker.connections == 2


@pytest.mark.parametrize("line", [b"x: y\r\n", b"x: " + b"y" * 15_000 + b"\r\n"], ids=["short", "long"])
async def test_a_head_without_end_is_not_kept(client: Client, line: bytes) -> None:
    async with Speaker(_OK + line * (8_000_000 // len(line))).opened() as speaker:
        with pytest.raises(FetchError, match="the connection broke"):
            await client.request("POST", speaker.url, body=b"", timeout=20)


async def test_a_head_may_come_in_pieces_and_says_a_name_in_any_case(client: Client) -> None:
    says = _OK + b"X-One:  1 \r\nx-TWO: \xc3\xbc\r\nContent-Length: 0\r\n\r\n"
    async with Speaker(says[:30], more=says[30:], stays=True).opened() as speaker:
        reply = await client.request("GET", speaker.url)
        assert (reply.headers["x-one"], reply.headers["x-two"], reply.body) == ("1", "ü", b"")


async def test_what_nobody_asked_for_ends_a_connection_that_is_kept(client: Client) -> None:
    answer, ended = _OK + b"content-length: 2\r\n\r\nok", asyncio.Semaphore(0)
    read = asyncio.Event()
    connections = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await read.wait()
        writer.write(answer)
        await reader.read()  # until the client hangs up
        ended.release()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        for number in range(1, 3):
            assert (await client.request("GET", url)).body == b"ok"
            assert connections == number
            read.set()
            async with asyncio.timeout(20):
                await ended.acquire()
            read.clear()

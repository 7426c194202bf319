"""What is asked of a peer again and again: judged once a connection, and kept for the next time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from telecine.net.client import Client, FetchError
from telecine.net.guard import AddressPolicy

_OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


class Judge(AddressPolicy):
    """Notes what it is asked about."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.0/8",))
        self.judged: list[str] = []

    def permits_host(self, host: str) -> bool:
        self.judged.append(host)
        return super().permits_host(host)


class Upstream:
    """Answers; after `most` requests of a connection it hangs up on the next one."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.heads: list[bytes] = []
        self.connections = 0
        self.url = ""

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[Upstream]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        async with server:
            self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/job"
            yield self

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        for number in range(self.most + 1):
            try:
                self.heads.append(await reader.readuntil(b"\r\n\r\n"))
            except (asyncio.IncompleteReadError, ConnectionError):
                break
            if number < self.most:
                writer.write(_OK)
        writer.close()


@pytest.fixture
async def judge() -> Judge:
    return Judge()


@pytest.fixture
async def client(judge: Judge) -> AsyncIterator[Client]:
    made = Client(judge)
    yield made
    await made.close()


async def test_an_origin_is_judged_once_a_connection(judge: Judge, client: Client) -> None:
    async with Upstream(most=100).opened() as upstream:
        for number in range(5):
            assert (await client.request("GET", f"{upstream.url}/{number}")).body == b"ok"
        assert (upstream.connections, judge.judged) == (1, ["127.0.0.1"])
        await client.request("POST", upstream.url, fresh=True)
        assert (upstream.connections, judge.judged) == (2, ["127.0.0.1"] * 2)


async def test_what_is_not_permitted_is_never_dialled(client: Client) -> None:
    for url in ("http://10.0.0.1/", "http://169.254.169.254/", "http://[::1]:9/"):
        with pytest.raises(FetchError, match="the address is not allowed") as caught:
            await client.request("GET", url)
        assert (caught.value.sent, caught.value.refused) == (False, True)


async def test_a_question_is_asked_again_where_a_kept_connection_was_closed(client: Client) -> None:
    async with Upstream(most=1).opened() as upstream:
        for _ in range(3):
            assert (await client.request("GET", upstream.url)).status == 200
        assert upstream.connections == 3


@pytest.mark.parametrize("fresh", [True, False])
async def test_what_is_no_question_never_is(client: Client, *, fresh: bool) -> None:
    async with Upstream(most=0).opened() as upstream:
        with pytest.raises(FetchError, match="the connection broke") as caught:
            await client.request("POST", upstream.url, body=b"{}", fresh=fresh)
        assert caught.value.sent
        assert upstream.connections == 1


async def test_the_callers_headers_count_however_they_are_written(client: Client) -> None:
    async with Upstream(most=1).opened() as upstream:
        await client.request(
            "POST", upstream.url, headers={"ACCEPT": "a/b", "Content-type": "c/d"}, body=b"", fresh=True
        )
    lines = upstream.heads[0].decode().lower().split("\r\n")
    assert [line for line in lines if line.startswith(("accept:", "content-"))] == [
        "accept: a/b",
        "content-type: c/d",
        "content-length: 0",
    ]
    assert "connection: close" in lines

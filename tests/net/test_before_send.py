"""Whoever sends what cannot be repeated is asked once more, when the connection stands."""

from __future__ import annotations

import asyncio

import pytest

from telecine.net.client import Client, FetchError
from telecine.net.guard import AddressPolicy


class NotNowError(Exception):
    pass


async def test_nothing_is_sent_where_the_last_check_says_no() -> None:
    heard, connected, ended = bytearray(), asyncio.Event(), asyncio.Semaphore(0)

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connected.set()
        heard.extend(await reader.read())
        writer.close()
        await writer.wait_closed()
        ended.release()

    server = await asyncio.start_server(take, "127.0.0.1")
    port = server.sockets[0].getsockname()[1]
    client = Client(AddressPolicy(("127.0.0.0/8",)))
    asked: list[bool] = []

    def no() -> None:
        asked.append(connected.is_set())
        raise NotNowError

    try:
        for body in (b"x", b"x" * 900_000):
            with pytest.raises(NotNowError):
                await client.request(
                    "POST", f"http://127.0.0.1:{port}/", body=body, fresh=True, before_send=no, timeout=5
                )
            await ended.acquire()
        assert len(asked) == 2
        assert heard == b""
    finally:
        await client.close()
        server.close()


async def test_it_is_asked_once_and_only_for_its_own_request() -> None:
    ended = asyncio.Semaphore(0)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok")
        await writer.drain()
        writer.close()
        await writer.wait_closed()
        ended.release()

    server = await asyncio.start_server(answer, "127.0.0.1")
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    client = Client(AddressPolicy(("127.0.0.0/8",)))
    asked: list[None] = []
    try:
        await client.request("POST", url, body=b"x", fresh=True, before_send=lambda: asked.append(None))
        assert (await client.request("GET", url)).body == b"ok"
        assert len(asked) == 1
        for _ in range(2):
            await ended.acquire()
    finally:
        await client.close()
        server.close()


async def test_it_is_not_asked_where_no_connection_comes_about() -> None:
    asked: list[None] = []
    client = Client(AddressPolicy(("127.0.0.0/8",)))
    try:
        with pytest.raises(FetchError) as caught:
            await client.request("POST", "http://127.0.0.1:9/", fresh=True, before_send=lambda: asked.append(None))
        assert not caught.value.sent
        assert asked == []
    finally:
        await client.close()

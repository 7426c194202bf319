"""What a server says over a websocket, under the same rules as every request."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import pytest
from aiohttp import web

from telecine.net.client import FetchError
from telecine.net.guard import AddressPolicy
from telecine.net.sockets import messages
from tests.upstreams.server import ThreadedServer

Handler = Callable[[web.BaseRequest], Coroutine[Any, Any, web.StreamResponse]]
LOCAL = AddressPolicy(["127.0.0.1/32"])


class Speaker(ThreadedServer):
    """Answers as `say` does."""

    def __init__(self) -> None:
        super().__init__()
        self.headers: dict[str, str] = {}
        self.say: Handler = speaking

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        self.headers = {name.lower(): value for name, value in request.headers.items()}
        return await self.say(request)


async def speaking(request: web.BaseRequest) -> web.StreamResponse:
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    await socket.send_str("one")
    await socket.send_bytes(b"a picture")
    await socket.send_str("two")
    await socket.close()
    return socket


@pytest.fixture
async def speaker() -> AsyncIterator[Speaker]:
    async with Speaker() as running:
        yield running


async def heard(url: str, policy: AddressPolicy = LOCAL) -> list[str]:
    return [one async for one in messages(policy, url, headers={"authorization": "Bearer k"})]


async def test_texts_come_in_their_order_without_what_is_none(speaker: Speaker) -> None:
    assert await heard(f"{speaker.base_url}/ws?clientId=me") == ["one", "two"]
    assert speaker.headers["authorization"] == "Bearer k"
    assert "origin" not in speaker.headers


@pytest.mark.parametrize("status", [404, 302, 200, 500])
async def test_where_there_is_no_socket(speaker: Speaker, status: int) -> None:
    """A redirect is not followed: it could lead anywhere."""

    async def refusing(request: web.BaseRequest) -> web.StreamResponse:
        if request.path == "/elsewhere":
            return await speaking(request)
        return web.Response(status=status, headers={"location": f"{speaker.base_url}/elsewhere"})

    speaker.say = refusing
    with pytest.raises(FetchError) as caught:
        await heard(f"{speaker.base_url}/ws")
    assert str(speaker.port) not in caught.value.reason


async def test_a_connection_that_breaks(speaker: Speaker) -> None:
    async def breaking(request: web.BaseRequest) -> web.StreamResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.send_str("one")
        assert request.transport is not None
        request.transport.abort()
        return socket

    speaker.say = breaking
    assert await heard(f"{speaker.base_url}/ws") in ([], ["one"])


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/ws", "http://u:p@127.0.0.1/ws", "http:///ws"])
async def test_other_urls_are_refused(url: str) -> None:
    with pytest.raises(FetchError):
        await heard(url)


async def test_private_addresses_are_open_only_where_the_operator_says_so(speaker: Speaker) -> None:
    for url in (speaker.base_url, f"http://localhost:{speaker.port}"):
        with pytest.raises(FetchError):
            await heard(f"{url}/ws", AddressPolicy())
    assert speaker.headers == {}
    assert await heard(f"{speaker.base_url}/ws", AddressPolicy().opened()) == ["one", "two"]


async def test_nobody_there() -> None:
    async with Speaker() as gone:
        url = f"{gone.base_url}/ws"
    with pytest.raises(FetchError):
        await heard(url)

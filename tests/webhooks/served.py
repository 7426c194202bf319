"""A whole server on a real socket with two accounts, and clients that call it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from telecine.config import ChannelConfig, Config, KeyConfig, NetworkConfig, Settings
from telecine.server.gateway import Gateway
from telecine.server.run import Ready, answer, bind

KEY = "key-of-the-webhook-tests-0123456789"
OTHER_KEY = "key-of-another-account-0123456789"


class Client:
    """Calls of one account."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    async def call(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        async with self._session.request(method, path, json=body) as reply:
            return reply.status, await reply.json()

    async def good(self, method: str, path: str, body: Any = None) -> Any:
        status, answer = await self.call(method, path, body)
        assert status in (200, 201, 202), answer
        return answer


@asynccontextmanager
async def serving(folder: Path, *channels: ChannelConfig) -> AsyncIterator[Gateway]:
    """A server that may reach receivers on this machine; the sandbox is behind it where no channel is given."""
    config = Config(
        keys=(KeyConfig(name="mine", key=KEY), KeyConfig(name="other", key=OTHER_KEY, account="other")),
        channels=channels,
        network=NetworkConfig(allow_private=("127.0.0.0/8",)),
    )
    gateway = Gateway(Settings(folder / "data", config))
    stop = asyncio.Event()
    ready: asyncio.Future[Ready] = asyncio.get_running_loop().create_future()
    with bind("127.0.0.1", 0) as listener:
        task = asyncio.create_task(answer(gateway, listener, stop, ready.set_result))
        both: set[asyncio.Future[Any]] = {ready, task}
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED, timeout=20)
        if not ready.done():
            await task
        try:
            yield gateway
        finally:
            stop.set()
            await asyncio.wait_for(task, 20)


@asynccontextmanager
async def clients(folder: Path) -> AsyncIterator[tuple[Client, Client]]:
    """Clients of two accounts of one server."""
    async with (
        serving(folder) as gateway,
        aiohttp.ClientSession(gateway.address, headers={"authorization": f"Bearer {KEY}"}) as mine,
        aiohttp.ClientSession(gateway.address, headers={"authorization": f"Bearer {OTHER_KEY}"}) as other,
    ):
        yield Client(mine), Client(other)

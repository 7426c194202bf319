"""What a question to an upstream costs, by the client that asks it: ours, and its rivals beside it.

None of them but ours judges where it dials. pyreqwest and niquests are measured where they are installed.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, cast
from urllib.parse import urlsplit

import aiohttp
import httptools
import uvloop

from bench.mock import Mock, reply
from bench.process import ROOT
from bench.table import Row

Ask = Callable[[], Awaitable[bytes]]
_HEADERS = {"authorization": "Bearer k"}
_TURNS, _ROUNDS = 1000, 3
_RUNS = b'{"code":0,"message":"SUCCEED","request_id":"r","data":{"task_id":"1","task_status":"processing"}}'


class Running(Mock):
    """Says that every job runs."""

    def answer(self, head: bytes, body: bytes) -> bytes:
        return reply(_RUNS)


async def clients(python: str) -> list[Row]:
    """For one question at a time, and for 32, in a process of the tree that is measured."""
    async with Running() as upstream:
        url = f"{upstream.base_url}/v1/videos/text2video/814570891207524415"
        process = await asyncio.create_subprocess_exec(
            python, "-m", "bench.clients", url, cwd=ROOT, stdout=asyncio.subprocess.PIPE
        )
        found = json.loads((await process.communicate())[0])
    return [Row(f"a question asked by {name}", figures) for name, figures in found.items()]


@asynccontextmanager
async def ours(url: str) -> AsyncIterator[Ask]:
    from telecine.net.client import Client

    client = Client()

    async def ask() -> bytes:
        return (await client.request("GET", url, headers=_HEADERS, allow_private=True)).body

    yield ask
    await client.close()


@asynccontextmanager
async def session(url: str) -> AsyncIterator[Ask]:
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as client:

        async def ask() -> bytes:
            async with client.get(url, headers=_HEADERS, allow_redirects=False) as answer:
                return await answer.read()

        yield ask


class _Line(asyncio.Protocol):
    """One connection, read by httptools: without limits, redirects, compression or a second try."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_body(self, data: bytes) -> None:
        self._body += data

    def on_message_complete(self) -> None:
        self._ended.set_result(self._body)

    async def ask(self, message: bytes) -> bytes:
        self._parser, self._body = httptools.HttpResponseParser(self), b""
        self._ended: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self.transport.write(message)
        return await self._ended


@asynccontextmanager
async def bare(url: str) -> AsyncIterator[Ask]:
    where = urlsplit(url)
    message = f"GET {where.path} HTTP/1.1\r\nhost: {where.netloc}\r\nauthorization: Bearer k\r\n\r\n".encode()
    lines: list[_Line] = []

    async def ask() -> bytes:
        line = lines.pop() if lines else await _dialled(where.hostname or "", where.port or 80)
        body = await line.ask(message)
        lines.append(line)
        return body

    yield ask
    for line in lines:
        line.transport.close()


async def _dialled(host: str, port: int) -> _Line:
    return (await asyncio.get_running_loop().create_connection(_Line, host, port))[1]


@asynccontextmanager
async def pyreqwest(url: str) -> AsyncIterator[Ask]:
    client = importlib.import_module("pyreqwest.client").ClientBuilder().build()

    async def ask() -> bytes:
        return bytes(await (await client.get(url).headers(_HEADERS).build().send()).bytes())

    yield ask
    await client.close()


@asynccontextmanager
async def niquests(url: str) -> AsyncIterator[Ask]:
    client = importlib.import_module("niquests").AsyncSession(disable_http2=True, disable_http3=True)

    async def ask() -> bytes:
        return bytes((await client.get(url, headers=_HEADERS)).content)

    yield ask
    await client.close()


RIVALS: dict[str, Callable[[str], AbstractAsyncContextManager[Ask]]] = {
    "Telecine": ours,
    "aiohttp's session": session,
    "httptools": bare,
    "pyreqwest": pyreqwest,
    "niquests": niquests,
}


async def _cost(ask: Ask, at_a_time: int) -> float:
    """Microseconds of CPU, all threads, a question."""

    async def some(turns: int) -> None:
        for _ in range(turns):
            await ask()

    await asyncio.gather(*(some(3) for _ in range(at_a_time)))
    began = time.process_time()
    await asyncio.gather(*(some(_TURNS // at_a_time) for _ in range(at_a_time)))
    return (time.process_time() - began) / (_TURNS // at_a_time * at_a_time) * 1e6


async def _measured(url: str) -> dict[str, dict[str, float]]:
    """The best of the rounds, in which they take turns."""
    found: dict[str, dict[str, float]] = {}
    for _ in range(_ROUNDS):
        for name, rival in RIVALS.items():
            try:
                async with rival(url) as ask:
                    costs: Any = {f"µs, {one} at a time": await _cost(ask, one) for one in (1, 32)}
            except ModuleNotFoundError:
                continue
            before = found.setdefault(name, costs)
            found[name] = {unit: min(value, before[unit]) for unit, value in costs.items()}
    return found


if __name__ == "__main__":
    json.dump(uvloop.run(_measured(sys.argv[1])), sys.stdout)

"""A quiet account beside a noisy one: how long what it asks for takes, alone and while the other's slow things hang."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import io
import itertools
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from statistics import median
from typing import NamedTuple

from PIL import Image

from bench.load import exchange, request
from bench.server import KEY, NOISY_KEY, Server
from bench.table import Row
from bench.upstream import Upstream

_TIMES = 7
_CROWDS: list[asyncio.Future[object]] = []
"""What still hangs."""
_SETTINGS = '[network]\nallow_private = ["127.0.0.0/8"]\n\n[limits]\nfirst_step = 0.2\n'


class Place(NamedTuple):
    """Where one comparison happens: the server, and what its tasks refer to."""

    server: Server
    world: World


Ask = Callable[[Place], Awaitable[object]]


class World:
    """Clients' own servers: `/picture` answers, `/slow` never does; hooks are taken at `/hook`, and at `/dead` hang."""

    def __init__(self) -> None:
        self.picture = _png(320, 240)
        self.asked = asyncio.Semaphore(0)
        self.told = asyncio.Semaphore(0)
        self.port = 0

    def url(self, path: str, host: int = 1) -> str:
        """`path` at one of the many hosts that all are this machine."""
        return f"http://127.0.{host // 250}.{host % 250 + 1}:{self.port}{path}"

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[World]:
        """Serve until the block ends."""
        connections: set[asyncio.Task[None]] = set()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            if task is not None:
                connections.add(task)
            with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
                while True:
                    await self._answer(await reader.readuntil(b"\r\n\r\n"), reader, writer)

        server = await asyncio.start_server(serve, "0.0.0.0", 0, backlog=4096)  # noqa: S104  every loopback address
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for task in connections:
                task.cancel()
            await asyncio.gather(*connections, return_exceptions=True)

    async def _answer(self, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        path = head.split(b" ", 2)[1]
        if path.startswith((b"/slow", b"/dead")):
            self.asked.release()
            await asyncio.Event().wait()
        body = self.picture if path == b"/picture" else b""
        for line in head.lower().split(b"\r\n"):
            if line.startswith(b"content-length:"):
                await reader.readexactly(int(line.partition(b":")[2]))
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body))
        await writer.drain()
        if path.startswith(b"/hook"):
            self.told.release()


def _png(width: int, height: int) -> bytes:
    file = io.BytesIO()
    Image.effect_noise((width, height), 20).save(file, "PNG", compress_level=1)
    return file.getvalue()


async def create(place: Place, key: str, **fields: object) -> None:
    """One task; back with the answer."""
    body = {"model": "sora-2", "prompt": "a paper boat", "duration": 4} | fields
    answer = await exchange(place.server.address, request("POST", "/v1/tasks", key, json.dumps(body).encode()))
    if b'"error":{' in answer:
        raise RuntimeError(answer.decode())


async def crowd(asks: list[Awaitable[object]]) -> None:
    """Begin all of these, and let them be for two seconds."""
    _CROWDS.extend(asyncio.ensure_future(one) for one in asks)
    await asyncio.wait(_CROWDS[-len(asks) :], timeout=2)


async def _disperse() -> None:
    for one in _CROWDS:
        one.cancel()
    await asyncio.gather(*_CROWDS, return_exceptions=True)
    _CROWDS.clear()


def _first_frame(url: str | None = None, data: bytes = b"") -> list[dict[str, str]]:
    source = {"url": url} if url else {"data": base64.b64encode(data).decode()}
    return [{"role": "first_frame", **source}]


async def _slow_inputs(place: Place) -> None:
    urls = [place.world.url("/slow", host) for host in range(300)]
    await crowd([create(place, NOISY_KEY, inputs=_first_frame(url)) for url in urls])


async def _input(place: Place) -> None:
    await create(place, KEY, inputs=_first_frame(place.world.url("/picture", 400)))


async def _dead_hooks(place: Place) -> None:
    urls = [place.world.url("/dead", host) for host in range(400)]
    await crowd([create(place, NOISY_KEY, webhook_url=url, prompt="a [[delay:600]]") for url in urls])


async def _hook(place: Place) -> None:
    await create(place, KEY, webhook_url=place.world.url("/hook", 500), prompt="a [[delay:600]]")
    await place.world.told.acquire()


async def _huge_pictures(place: Place) -> None:
    inputs = _first_frame(data=_png(6000, 5000))
    await crowd([create(place, NOISY_KEY, inputs=inputs, prompt="a [[delay:600]]") for _ in range(12)])


async def _renders(place: Place) -> None:
    await crowd([create(place, NOISY_KEY, duration=12) for _ in range(80)])


async def _upload(place: Place) -> None:
    await create(place, KEY, inputs=_first_frame(data=place.world.picture), prompt="a [[delay:600]]")


async def _large_bodies(place: Place) -> None:
    inputs = _first_frame(data=bytes(30_000_000))
    await crowd([create(place, NOISY_KEY, inputs=inputs) for _ in range(12)])


async def _large_body(place: Place) -> None:
    await create(place, KEY, inputs=_first_frame(data=place.world.picture + bytes(2_000_000)), prompt="a [[delay:600]]")


_COMPARISONS: list[tuple[str, Ask, Ask]] = [
    ("an input fetched, beside 300 that hang", _slow_inputs, _input),
    ("a webhook told, beside 400 receivers that hang", _dead_hooks, _hook),
    ("a picture looked at, beside 12 huge ones", _huge_pictures, _upload),
    ("a picture looked at, beside 80 clips of 12 s", _renders, _upload),
    ("a large body, beside 12 of 40 MB", _large_bodies, _large_body),
]


async def _seconds(ask: Ask, place: Place) -> float:
    """The median of a few."""
    found = []
    for _ in range(_TIMES):
        started = time.perf_counter()
        await ask(place)
        found.append(time.perf_counter() - started)
    return median(found)


async def neighbours(python: str) -> list[Row]:
    """Each comparison on a server of its own, on fresh data."""
    rows = []
    for name, noise, quiet in _COMPARISONS:
        async with World().listening() as world:
            with Server(python, top=_SETTINGS) as server:
                place = Place(server, world)
                alone = await _seconds(quiet, place)
                await noise(place)
                beside = await _seconds(quiet, place)
                await _disperse()
        rows.append(Row(name, {"s alone": alone, "s beside": beside}))
    return rows + await _steps(python)


async def _steps(python: str) -> list[Row]:
    """Submits, polls and results that hang at an upstream."""
    rows = []
    for name, slow in (
        ("a submit, beside 1,500 that hang", "submit"),
        ("a first poll, beside 1,500 that hang", "poll"),
        ("a result fetched, beside 1,500 that hang", "result"),
    ):
        async with Upstream() as upstream:
            upstream.hanging = (
                slow if slow == "result" else ""
            )  # then the jobs end, and nobody asks for one that is slow
            with Server(python, upstream.base_url, channel="allow_private = true", top=_SETTINGS) as server:
                names = itertools.count()

                async def ask(
                    key: str, word: str, server: Server = server, names: itertools.count[int] = names
                ) -> None:
                    body = {"model_name": "kling-v2-5-turbo", "prompt": f"{word} {next(names)}", "duration": "5"}
                    sent = request("POST", "/kling/v1/videos/text2video", key, json.dumps(body).encode())
                    await exchange(server.address, sent)

                async def quiet(slow: str = slow, upstream: Upstream = upstream) -> float:
                    counted = "results" if slow == "result" else "quick_polls"
                    started, before = time.perf_counter(), getattr(upstream, counted)
                    await ask(KEY, "quick")
                    while slow != "submit" and getattr(upstream, counted) == before:  # noqa: ASYNC110
                        await asyncio.sleep(0.01)
                    return time.perf_counter() - started

                alone = median([await quiet() for _ in range(_TIMES)])
                upstream.hanging = slow
                await crowd([ask(NOISY_KEY, "slow") for _ in range(1500)])
                await asyncio.sleep(10)
                beside = median([await quiet() for _ in range(_TIMES)])
                await _disperse()
        rows.append(Row(name, {"s alone": alone, "s beside": beside}))
    return rows

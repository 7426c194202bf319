"""Starts, creates and reads."""

from __future__ import annotations

import asyncio
import json
import subprocess
import time

from bench.load import Result, request, run
from bench.server import KEY, Server
from bench.table import Row
from bench.upstream import Upstream

PATH = "/kling/v1/videos/text2video"
CREATE = json.dumps({"model_name": "kling-v2-5-turbo", "prompt": "a paper boat on a night sea", "duration": "5"})
VIDEO = json.dumps({"model": "kling-v2-5-turbo", "prompt": "a paper boat on a night sea", "seconds": 5})
_WAITS = json.dumps({"model": "sora-2", "prompt": "a paper boat [[delay:3600]]", "seconds": 4})
_FULL = "max_in_flight = 1"
"""One job takes the only slot; all the others are stored and wait."""
WAITING = 10_000


async def idle(python: str) -> list[Row]:
    """Time to ready and memory when idle."""
    with Server(python) as server:
        first = server.ready_seconds
        server.restart()
        await asyncio.sleep(2)
        rows = [
            Row("ready, first start", {"s": first}),
            Row("ready", {"s": server.ready_seconds}, "< 1 s"),
            Row("idle memory", {"MB": server.memory}, "< 110 MB"),
        ]
    began = time.perf_counter()
    subprocess.run([python, "-m", "telecine", "--help"], check=True, stdout=subprocess.DEVNULL)  # noqa: ASYNC221
    return [*rows, Row("`telecine --help`", {"s": time.perf_counter() - began})]


async def _load(server: Server, message: bytes, count: int) -> dict[str, float]:
    """A warm-up, then `count` requests over 128 connections, and a hundred one at a time."""
    await run(server.address, lambda _: message, 500, 16)
    before = server.cpu
    result = await run(server.address, lambda _: message, count, 128)
    figures = figures_of(result, server.cpu - before)
    alone = await run(server.address, lambda _: message, 100, 1)
    return figures | {"ms p50 alone": alone.p50 * 1000, "ms p99 alone": alone.p99 * 1000}


def figures_of(result: Result, cpu: float) -> dict[str, float]:
    """Of a load that took so many seconds of CPU."""
    figures = {"/s": result.rate, "µs CPU": cpu / len(result.bodies) * 1e6}
    figures |= {"ms p50": result.p50 * 1000, "ms p99": result.p99 * 1000}
    return figures | ({"ERRORS": result.errors} if result.errors else {})


async def creates(python: str) -> list[Row]:
    """Creates with everything durable: queued only, and with the submit inside the request."""
    rows: list[Row] = []
    for name, channel, path, body, goal in (
        ("create, queued only (Kling's dialect)", _FULL, PATH, CREATE, ">= 3,000/s"),
        ("create, queued only (OpenAI's dialect)", _FULL, "/v1/videos", VIDEO, ">= 3,000/s"),
        ("create with the submit inside", "", PATH, CREATE, ">= 1,500/s, alone p50 < 3 ms"),
    ):
        async with Upstream() as upstream:
            with Server(python, upstream.base_url, channel=channel) as server:
                rows.append(Row(name, await _load(server, request("POST", path, KEY, body.encode()), 10_000), goal))
    return rows


async def sandbox(python: str) -> list[Row]:
    """Creates on the sandbox, and what jobs cost that wait there."""
    with Server(python) as server:
        message = request("POST", "/v1/videos", KEY, _WAITS.encode())
        figures = await _load(server, message, WAITING)
        await asyncio.sleep(5)  # what the creates left behind
        before, began = server.cpu, time.perf_counter()
        await asyncio.sleep(20)  # what the waiting ones cost
        waiting = {"% of a core": 100 * (server.cpu - before) / (time.perf_counter() - began)}
    return [
        Row("create on the sandbox, the submit inside", figures, ">= 1,000/s, alone p50 < 3 ms"),
        Row(f"{WAITING:,} jobs wait in the sandbox", waiting, "< 10 % of a core"),
    ]


async def reads(python: str) -> list[Row]:
    """Status reads by id."""
    async with Upstream() as upstream:
        with Server(python, upstream.base_url) as server:
            made = await run(server.address, lambda _: request("POST", "/v1/videos", KEY, VIDEO.encode()), 500, 16)
            ids = [json.loads(body)["id"] for body in made.bodies]
            messages = [request("GET", f"/v1/videos/{one}", KEY) for one in ids]
            before = server.cpu
            result = await run(server.address, lambda number: messages[number % len(messages)], 20_000, 128)
            return [Row("status read", figures_of(result, server.cpu - before), ">= 6,000/s")]

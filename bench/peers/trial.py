"""One gateway, measured once."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

from bench.load import Result, download, exchange, run
from bench.peers.gateways import Gateway
from bench.peers.videos import DONE, FILE_BYTES, Videos
from bench.process import Process

PARALLEL = 10
_CONNECTIONS = 32
_PATIENCE = 240.0
"""Seconds for files to be ready: a gateway that stores them asks after half a minute, and then fetches them."""


async def trial(gateway: Gateway, place: Path, seconds: float) -> dict[str, float]:
    """Its figures by name. It is the only one that runs; each load goes on for so many seconds."""
    async with Videos() as upstream:
        process = gateway.start(place, upstream.base_url)
        with process:
            await asyncio.sleep(3)  # a start is over then, and memory is that of an idle one
            found = {"cold start, s": process.ready_seconds, "idle memory, MB": process.memory}
            create = gateway.create(upstream.base_url, "a paper boat")
            made, calls, cpu = await _load(process, upstream, [create], seconds)
            found |= {"video creates/s": made.rate, "  ms CPU each": cpu, "  upstream calls each": calls}
            names = [json.loads(body)["id"] for body in made.bodies[:100]]
            polls = [gateway.read(upstream.base_url, name) for name in names]
            asked, calls, cpu = await _load(process, upstream, polls, seconds)
            found |= {"status polls/s": asked.rate, "  ms CPU a poll": cpu, "  upstream calls a poll": calls}
        with gateway.start(place, upstream.base_url) as fresh:
            found["memory more, ten files of 100 MB, MB"] = await _files(gateway, fresh, upstream)
    return found


async def _load(
    process: Process, upstream: Videos, messages: list[bytes], seconds: float
) -> tuple[Result, float, float]:
    """After a second of warm-up: what the load found, the upstream's requests and the ms of CPU for each answer."""
    await run(process.address, lambda number: messages[number % len(messages)], 10**9, 4, 1)
    requests, cpu = upstream.requests, process.cpu
    result = await run(process.address, lambda number: messages[number % len(messages)], 10**9, _CONNECTIONS, seconds)
    if result.errors:
        raise RuntimeError(f"{result.errors} errors, the last answer: {result.bodies[-1][:500]!r}")
    count = len(result.bodies)
    return result, (upstream.requests - requests) / count, (process.cpu - cpu) / count * 1000


async def _files(gateway: Gateway, process: Process, upstream: Videos) -> float:
    """The most memory seen above the idle one, from the create of ten jobs until their files have been downloaded."""
    await asyncio.sleep(3)
    idle = peak = process.memory

    async def watch() -> None:
        nonlocal peak
        while True:
            peak = max(peak, process.memory)
            await asyncio.sleep(0.02)

    watching = asyncio.create_task(watch())
    creates = [gateway.create(upstream.base_url, f"{DONE.decode()} {number}") for number in range(PARALLEL)]
    names = [json.loads(await exchange(process.address, one))["id"] for one in creates]
    async with asyncio.timeout(_PATIENCE):
        for name in names:
            poll = gateway.read(upstream.base_url, name)
            while b'"completed"' not in await exchange(process.address, poll):  # noqa: ASYNC110
                await asyncio.sleep(0.5)
    contents = [gateway.read(upstream.base_url, name, content=True) for name in names]
    sizes = await asyncio.gather(*(download(process.address, one) for one in contents))
    if min(sizes) < FILE_BYTES:
        raise RuntimeError(f"a file came short: {min(sizes)} bytes")
    watching.cancel()
    return peak - idle

"""Callers without a key that send all they can, in a process of their own: `python -m bench.flood ADDRESS`."""

from __future__ import annotations

import asyncio
import sys
import time
import urllib.request
from contextlib import suppress
from urllib.parse import urlsplit

import uvloop

from bench.server import Server
from bench.table import Row

CONNECTIONS, SECONDS = 6, 10.0
_WAVE = b"GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n" * 500_000


async def flood(python: str) -> list[Row]:
    """Half a million pipelined requests on each of six connections: memory, and how long others wait meanwhile."""
    with Server(python) as server:
        quiet, _ = await asyncio.to_thread(_ask, server, 2.0)
        before = server.memory
        process = await asyncio.create_subprocess_exec(sys.executable, "-m", "bench.flood", server.address)
        await asyncio.sleep(1)
        waits, most = await asyncio.to_thread(_ask, server, SECONDS)
        process.kill()
        await process.wait()
        await asyncio.sleep(2)
        return [
            Row(f"{CONNECTIONS} floods of pipelined requests: memory", {"MB more": most - before}, "< 50 MB"),
            Row("  after them", {"MB more": server.memory - before}, "< 50 MB"),
            Row("  another caller waits", _told(waits), "p99 < 100 ms"),
            Row("  without them", _told(quiet)),
        ]


def _ask(server: Server, seconds: float) -> tuple[list[float], float]:
    """How long each of a caller's requests takes, and the most memory seen meanwhile."""
    waits: list[float] = []
    most, until = 0.0, time.perf_counter() + seconds
    while time.perf_counter() < until:
        began = time.perf_counter()
        with urllib.request.urlopen(f"{server.address}/healthz") as answer:  # noqa: S310  our own server
            answer.read()
        waits.append(time.perf_counter() - began)
        most = max(most, server.memory)
        time.sleep(0.01)
    return sorted(waits), most


def _told(waits: list[float]) -> dict[str, float]:
    return {"ms p50": waits[len(waits) // 2] * 1000, "ms p99": waits[int(len(waits) * 0.99)] * 1000}


async def _send(host: str, port: int) -> None:
    reader, writer = await asyncio.open_connection(host, port)

    async def read() -> None:
        while await reader.read(1 << 20):
            pass

    reading = asyncio.create_task(read())
    with suppress(OSError):
        writer.write(_WAVE)
        await writer.drain()
        await reading


async def _main(address: str) -> None:
    where = urlsplit(address)
    await asyncio.gather(*(_send(where.hostname or "", where.port or 0) for _ in range(CONNECTIONS)))


if __name__ == "__main__":
    uvloop.run(_main(sys.argv[1]))

"""How long a read takes while the server has other things to do."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Coroutine
from statistics import quantiles

from bench.load import download, exchange, request
from bench.server import KEY, Server
from bench.table import Row

Send = Callable[[], Coroutine[None, None, object]]
SECONDS = 6.0
CREATES, DOWNLOADS, RENDERS = 200, 10, 2
"""So many begin in a second."""


def _video(prompt: str, seconds: int) -> bytes:
    body = json.dumps({"model": "sora-2", "prompt": prompt, "seconds": seconds, "size": "1280x720"})
    return request("POST", "/v1/videos", KEY, body.encode())


async def _made(address: str) -> str:
    """A clip that is there to be downloaded."""
    name = json.loads(await exchange(address, _video("a paper boat", 12)))["id"]
    while True:
        if json.loads(await exchange(address, request("GET", f"/v1/videos/{name}", KEY)))["status"] == "completed":
            return str(name)
        await asyncio.sleep(0.2)


async def _paced(send: Send, rate: float) -> None:
    """Begin `send` so often a second, whether the last ones have ended or not, until cancelled."""
    async with asyncio.TaskGroup() as group:
        while True:
            group.create_task(send())
            await asyncio.sleep(1 / rate)


async def _latencies(address: str, message: bytes) -> dict[str, float]:
    """Of one reader."""
    found, until = [], time.perf_counter() + SECONDS
    while (began := time.perf_counter()) < until:
        await exchange(address, message)
        found.append((time.perf_counter() - began) * 1000)
        await asyncio.sleep(0.01)  # one read at a time, not a load of its own
    cuts = quantiles(found, n=100, method="inclusive")
    return {"ms p50": cuts[49], "ms p99": cuts[98], "ms at most": max(found)}


async def busy(python: str) -> list[Row]:
    """One reader: alone, beside one other thing, beside all of them."""
    with Server(python) as server:
        address = server.address
        name = await _made(address)
        content = request("GET", f"/v1/videos/{name}/content", KEY, more="connection: close\r\n")
        others: dict[str, tuple[Send, float]] = {
            f"{CREATES} creates/s": (lambda: exchange(address, _video("a [[delay:3600]]", 4)), CREATES),
            f"{DOWNLOADS} downloads/s": (lambda: download(address, content), DOWNLOADS),
            f"{RENDERS} renders/s": (lambda: exchange(address, _video(f"boat {time.time()}", 4)), RENDERS),
        }
        rows = []
        for beside in ([], *([one] for one in others), list(others)):
            tasks = [asyncio.create_task(_paced(*others[one])) for one in beside]
            figures = await _latencies(address, request("GET", f"/v1/videos/{name}", KEY))
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await asyncio.sleep(3)  # what was begun comes to its end, and is not the next row's
            rows.append(Row("a read, one at a time, beside " + (", ".join(beside) or "nothing"), figures))
    return rows

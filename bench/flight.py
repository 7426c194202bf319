"""10,000 tasks in flight in one process: memory, what their polls cost, and how late they are."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable

from bench.load import request, run
from bench.mock import Mock
from bench.requests import CREATE, PATH
from bench.server import KEY, Server
from bench.table import Row
from bench.upstream import Songs, Upstream

COUNT = 10_000
SECONDS, IDLE, SETTLE = 30, 5, 45
"""For which it is watched; before that without a task: what that costs is taken out of the cost of a poll; and between
the two, so that each job has been seen at work, which is news of it, and polls after that change nothing."""
_SONG = json.dumps({"mv": "chirp-v4", "gpt_description_prompt": "a paper boat on a night sea"})


async def flight(python: str) -> list[Row]:
    """Polls one by one, at Kling's wire."""
    async with Upstream() as upstream:
        with Server(python, upstream.base_url, channel="options = { lists = false }") as server:
            message = request("POST", PATH, KEY, CREATE.encode())
            return await _watched(
                server, upstream, message, polls=lambda: upstream.polls, how="one by one", goal="<= 150 µs"
            )


async def lists(python: str) -> list[Row]:
    """Polls in lists, at Suno's wire, where one question names fifty tasks."""
    async with Songs() as songs:
        with Server(python, songs.base_url, provider="suno") as server:
            message = request("POST", "/suno/submit/music", KEY, _SONG.encode())
            return await _watched(server, songs, message, polls=lambda: songs.told, how="in lists", goal="<= 20 µs")


async def _watched(
    server: Server, mock: Mock, message: bytes, *, polls: Callable[[], int], how: str, goal: str
) -> list[Row]:
    idle, began = server.cpu, time.perf_counter()
    await asyncio.sleep(IDLE)  # what idling costs
    idle = (server.cpu - idle) / (time.perf_counter() - began)
    made = await run(server.address, lambda _: message, COUNT, 64)
    assert not made.errors, made.bodies[-1]
    await asyncio.sleep(SETTLE)
    before, cpu, polled, asked, began = server.metrics(), server.cpu, polls(), mock.requests, time.perf_counter()
    peak = 0.0
    while time.perf_counter() - began < SECONDS:
        await asyncio.sleep(1)
        peak = max(peak, server.memory)
    passed, polled, asked = time.perf_counter() - began, polls() - polled, mock.requests - asked
    used = server.cpu - cpu - idle * passed
    return [
        Row(f"{COUNT:,} in flight, polled {how}", {"MB": peak}, "< 200 MB"),
        Row(
            f"  a poll {how}",
            {"µs CPU": used / polled * 1e6, "/s": polled / passed, "upstream requests": asked / polled},
            goal,
        ),
        Row("  how late", {"s at most, 99 %": _p99(before, server.metrics())}, "< 0.5 s"),
    ]


def _p99(before: dict[str, float], after: dict[str, float]) -> float:
    """The 99 % bound of the lateness histogram between two readings."""
    name = "telecine_step_lateness_seconds"
    total = after[f"{name}_count"] - before[f"{name}_count"]
    for label, value in after.items():
        if label.startswith(f"{name}_bucket") and value - before[label] >= 0.99 * total:
            return float(label.split('"')[1])
    return float("inf")

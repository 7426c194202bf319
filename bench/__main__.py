"""`python -m bench [NAME …]`: measure and print the table."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import time
from collections.abc import Awaitable, Callable

import uvloop
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from bench.flood import flood
from bench.load import Result, request, run
from bench.neighbours import neighbours
from bench.server import KEY, Server
from bench.upstream import Upstream

Row = tuple[str, str, str]
PATH = "/kling/v1/videos/text2video"
CREATE = json.dumps({"model_name": "kling-v2-5-turbo", "prompt": "a paper boat on a night sea", "duration": "5"})
VIDEO = json.dumps({"model": "kling-v2-5-turbo", "prompt": "a paper boat on a night sea", "seconds": 5})


def _row(name: str, result: Result, cpu: float, count: int, goal: str) -> Row:
    rate = f"{result.rate:,.0f}/s, {cpu / count * 1e6:,.0f} µs CPU each"
    tail = f"p50 {result.p50 * 1000:.1f} ms, p99 {result.p99 * 1000:.1f} ms"
    return name, rate + f", {tail}" + (f", {result.errors} ERRORS" if result.errors else ""), goal


async def idle() -> list[Row]:
    """Time to ready and memory when idle."""
    with Server() as server:
        first = server.ready_seconds
        server.restart()
        await asyncio.sleep(2)
        return [
            ("time to ready, first start", f"{first:.2f} s", ""),
            ("time to ready", f"{server.ready_seconds:.2f} s", "< 1.5 s"),
            ("memory when idle", f"{server.memory:.0f} MB", "< 120 MB"),
        ]


async def creates() -> list[Row]:
    """Creates with everything durable: queued only, and with the submit inside the request."""
    rows: list[Row] = []
    count, connections = 10_000, 128
    upstream = await Upstream().start()
    for name, channel, body, path in (
        ("creates, queued only (Kling dialect)", "max_in_flight = 1", CREATE, PATH),
        ("creates, queued only (OpenAI dialect)", "max_in_flight = 1", VIDEO, "/v1/videos"),
        ("creates with the submit inside (Kling dialect)", "", CREATE, PATH),
    ):
        with Server(upstream.base_url, channel=channel) as server:
            message = request("POST", path, KEY, body.encode())
            await run(server.address, lambda _, m=message: m, 500, 16)  # type: ignore[misc]
            before = server.cpu
            result = await run(server.address, lambda _, m=message: m, count, connections)  # type: ignore[misc]
            rows.append(_row(name, result, server.cpu - before, count, ">= 2,500/s"))
            alone = await run(server.address, lambda _, m=message: m, 100, 1)  # type: ignore[misc]
            rows.append(("  one at a time", f"p50 {alone.p50 * 1000:.1f} ms, p99 {alone.p99 * 1000:.1f} ms", ""))
    upstream.stop()
    return rows


async def reads() -> list[Row]:
    """Status reads by id."""
    count = 20_000
    upstream = await Upstream().start()
    with Server(upstream.base_url) as server:
        made = await run(server.address, lambda _: request("POST", "/v1/videos", KEY, VIDEO.encode()), 500, 16)
        ids = [json.loads(body)["id"] for body in made.bodies]
        messages = [request("GET", f"/v1/videos/{one}", KEY) for one in ids]
        before = server.cpu
        result = await run(server.address, lambda number: messages[number % len(messages)], count, 128)
        row = _row("status reads", result, server.cpu - before, count, ">= 5,000/s")
    upstream.stop()
    return [row]


async def flight() -> list[Row]:
    """10,000 tasks in flight in one process: memory and how late their polls are."""
    count, seconds = 10_000, 60
    upstream = await Upstream().start()
    with Server(upstream.base_url) as server:
        message = request("POST", PATH, KEY, CREATE.encode())
        await run(server.address, lambda _: message, count, 128)
        await asyncio.sleep(5)
        before, cpu, polls, began = server.metrics(), server.cpu, upstream.polls, time.perf_counter()
        peak = 0.0
        while time.perf_counter() - began < seconds:
            await asyncio.sleep(1)
            peak = max(peak, server.memory)
        passed = time.perf_counter() - began
        after = server.metrics()
        rows = [
            (f"{count:,} tasks in flight: memory", f"{peak:.0f} MB", "< 300 MB"),
            ("  polls", f"{(upstream.polls - polls) / passed:,.0f}/s, {(server.cpu - cpu) / passed:.0%} of a core", ""),
            ("  poll lateness p99", _p99(before, after), "< 2 s"),
        ]
    upstream.stop()
    return rows


def _p99(before: dict[str, float], after: dict[str, float]) -> str:
    """The 99 % bound of the lateness histogram between two readings."""
    name = "telecine_step_lateness_seconds"
    total = after[f"{name}_count"] - before[f"{name}_count"]
    for label, value in after.items():
        if label.startswith(f"{name}_bucket") and value - before[label] >= 0.99 * total:
            return f"<= {label.split(chr(34))[1]} s ({total:,.0f} polls)"
    return "?"


BENCHES: dict[str, Callable[[], Awaitable[list[Row]]]] = {
    "idle": idle,
    "creates": creates,
    "reads": reads,
    "flight": flight,
    "neighbours": neighbours,
    "flood": flood,
}


async def main(names: list[str]) -> None:
    """Measure what is named, or everything."""
    table = Table(title=f"Telecine, one process; {os.cpu_count()} cores, Python {platform.python_version()}")
    for column in ("what", "reached", "goal"):
        table.add_column(column)
    with Progress(transient=True) as progress:
        task = progress.add_task("measuring", total=len(names))
        for name in names:
            progress.update(task, description=name)
            for row in await BENCHES[name]():
                table.add_row(*row)
            progress.advance(task)
    Console(width=140).print(table)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"any of: {', '.join(BENCHES)}; all of them by default"
    )
    chosen = parser.parse_args().names or list(BENCHES)
    if wrong := set(chosen) - BENCHES.keys():
        parser.error(f"there is no '{min(wrong)}'; choose from: {', '.join(BENCHES)}")
    uvloop.run(main(chosen))

"""The whole life of a task: create, submit, polls, the file, the charge, the webhook."""

from __future__ import annotations

import asyncio
import json
import time

from bench.load import request, run
from bench.requests import PATH
from bench.server import KEY, Server
from bench.table import Row
from bench.upstream import Upstream

POLLS, COUNT = 10, 400
_SPEED = 10.0
"""Of the server's clock: ten polls are minutes."""
_JOB_SECONDS = 60
_TOP = """
[network]
allow_private = ["127.0.0.0/8"]

[[prices]]
model = "*"
unit = "second"
price = 0.07

"""


def _server(python: str, upstream: Upstream, lists: bool) -> Server:
    channel = f"allow_private = true\noptions = {{ lists = {str(lists).lower()} }}\n"
    return Server(python, upstream.base_url, channel=channel, top=_TOP, speed=_SPEED)


async def _lived(server: Server, upstream: Upstream, count: int, *, together: int = 10) -> None:
    """Make so many, so many of them together and then a pause of five seconds of the server's clock; wait until each
    has been told of as done."""
    body = {"model_name": "kling-v2-5-turbo", "prompt": "a paper boat", "duration": "5"}
    body["callback_url"] = f"{upstream.base_url}/hook"
    message, until = request("POST", PATH, KEY, json.dumps(body).encode()), upstream.successes + count
    for _ in range(count // together):
        await run(server.address, lambda _: message, together, max(2, together // 10))
        await asyncio.sleep(5 / _SPEED)
    late = time.perf_counter() + 300
    while upstream.successes < until:
        assert time.perf_counter() < late, "tasks do not end"
        await asyncio.sleep(0.1)


async def life(python: str) -> list[Row]:
    """The CPU of a task of ten polls, without that of the processes which look at its file; idle time taken out."""
    async with Upstream(polls=POLLS) as upstream:
        with _server(python, upstream, lists=False) as server:
            await _lived(server, upstream, 30)
            await asyncio.sleep(1)  # what the first tasks left behind
            cpu, loop, began = server.cpu, server.loop_cpu, time.perf_counter()
            await asyncio.sleep(6)  # what idling costs
            passed = time.perf_counter() - began
            idle, idle_loop = (server.cpu - cpu) / passed, (server.loop_cpu - loop) / passed
            rows = []
            for name, together in (("20 new a second", 10), (f"{COUNT} at once", COUNT)):
                cpu, loop, hooks, began = server.cpu, server.loop_cpu, upstream.hooks, time.perf_counter()
                await _lived(server, upstream, COUNT, together=together)
                passed = time.perf_counter() - began
                figures = {
                    "ms of the event loop": (server.loop_cpu - loop - idle_loop * passed) / COUNT * 1000,
                    "ms CPU": (server.cpu - cpu - idle * passed) / COUNT * 1000,
                    "webhooks": (upstream.hooks - hooks) / COUNT,
                }
                goal = "<= 3 ms of the event loop"
                rows.append(Row(f"a task's whole life, {POLLS} polls, {name}", figures, goal))
    return rows


async def asked(python: str) -> list[Row]:
    """The requests to its upstream that a finished task costs."""
    rows = []
    for name, lists in (("one by one", False), ("in lists", True)):
        async with Upstream(seconds=_JOB_SECONDS / _SPEED, lists=True) as upstream:
            with _server(python, upstream, lists) as server:
                await _lived(server, upstream, COUNT // 2)
                requests = upstream.requests - upstream.hooks
        title = f"upstream requests of a task of {_JOB_SECONDS} s, two new a second, polled {name}"
        rows.append(Row(title, {"requests": requests / (COUNT // 2)}))
    return rows

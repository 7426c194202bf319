"""One run: start the world, create, kill, wait for calm, judge."""

from __future__ import annotations

import asyncio
import random
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

from chaos.clients import Clients, Told
from chaos.receiver import Receiver
from chaos.verdict import Verdict, judge
from chaos.world import BALANCE, MODEL, PRICE, KlingUpstream, Upstream, World
from tests.upstreams.kling import API_KEY

Progress = Callable[[str, float], None]
"""Told what is being done and how far it is, from 0 to 1."""


def run(tasks: int, kills: int, seed: int, progress: Progress) -> tuple[Verdict, dict[str, int]]:
    """The verdict, and what happened along the way."""
    chance = random.Random(seed)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="telecine-chaos-")))
        upstreams: list[Upstream] = []
        for _ in range(2):
            kling = KlingUpstream(journal_queries=False)
            kling.autofinish(0.4)
            upstreams.append(stack.enter_context(kling.in_thread()))
        receiver = stack.enter_context(Receiver(chance).in_thread())
        world = World(folder, upstreams, _channels(upstreams), chance)
        stack.enter_context(world.server)
        return asyncio.run(_drive(world, receiver, tasks, kills, progress))


async def _drive(
    world: World, receiver: Receiver, tasks: int, kills: int, progress: Progress
) -> tuple[Verdict, dict[str, int]]:
    seconds = max(2.0, tasks / 25)
    trouble = threading.Thread(target=world.trouble, args=(kills, seconds))
    async with Clients(lambda: world.server.address, receiver.base_url, MODEL) as clients:
        trouble.start()
        told = await _create(clients, tasks, world.chance, seconds, progress)
        while trouble.is_alive():
            progress("killing", world.kills / max(kills, 1))
            await asyncio.sleep(0.2)
        world.calm()
        await _settled(clients, told, receiver, progress)
        verdict = await judge(told, world.upstreams, receiver, clients)
    return verdict, {
        "tasks": len(told),
        "kills": world.kills,
        "refused or failed at once": sum(one.task_id is None for one in told),
        "upstream jobs": sum(len(found) for one in world.upstreams for found in one.jobs_of().values()),
    }


async def _create(
    clients: Clients, tasks: int, chance: random.Random, seconds: float, progress: Progress
) -> list[Told]:
    """Jobs at random moments, in both dialects."""
    finished = 0

    async def one(number: int) -> Told:
        nonlocal finished
        await asyncio.sleep(chance.uniform(0, seconds))
        told = await clients.create(f"job-{number:05d}", chance.choice(["kling", "openai"]))
        finished += 1
        progress("creating", finished / tasks)
        return told

    return list(await asyncio.gather(*(one(number) for number in range(tasks))))


async def _settled(clients: Clients, told: Sequence[Told], receiver: Receiver, progress: Progress) -> None:
    """Wait until every task has ended and its last webhook has had its time; what has not by then is the verdict's."""
    waiting = {one.task_id: one for one in told if one.task_id is not None}
    total = len(waiting) or 1
    deadline = time.monotonic() + 240
    while waiting and time.monotonic() < deadline:
        for task_id, one in list(waiting.items()):
            task = await clients.read(task_id)
            ended = task is not None and task["status"] in ("succeeded", "failed", "cancelled")
            if ended and receiver.ended.get(one.name):
                del waiting[task_id]
        progress("settling", 1 - len(waiting) / total)
        await asyncio.sleep(0.5)


def _channels(upstreams: Sequence[Upstream]) -> str:
    """Everything in the configuration besides the first channel."""
    return f"""
[[channels]]
name = "kling-spare"
provider = "kling"
base_url = "{upstreams[1].base_url}"
api_key = "{API_KEY}"
allow_private = true
max_in_flight = 20

[[accounts]]
name = "default"
balance = {BALANCE}

[[prices]]
model = "{MODEL}"
unit = "second"
price = {PRICE}
"""

"""One run: start the world, create, kill, wait for calm, judge."""

from __future__ import annotations

import asyncio
import random
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from chaos.clients import Clients, Told
from chaos.receiver import Receiver
from chaos.verdict import ENDED, Verdict, judge
from chaos.world import MODEL, World

Progress = Callable[[str, float], None]
"""Told what is being done and how far it is, from 0 to 1."""
_PER_SECOND = 20.0
"""Jobs that the clients create."""
_SETTLE = 40.0
"""Seconds, and a tenth more for every job, after which what has not ended is given up, and the verdict's."""


def run(tasks: int, kills: int, seed: int, progress: Progress) -> tuple[Verdict, dict[str, int]]:
    """The verdict, and what happened along the way."""
    with (
        tempfile.TemporaryDirectory(prefix="telecine-chaos-", ignore_cleanup_errors=True) as folder,
        Receiver(random.Random(f"{seed} receiver")).in_thread() as receiver,
        World(Path(folder), random.Random(f"{seed} world")) as world,
    ):
        return asyncio.run(_drive(world, receiver, (tasks, kills), random.Random(f"{seed} clients"), progress))


async def _drive(
    world: World, receiver: Receiver, size: tuple[int, int], chance: random.Random, progress: Progress
) -> tuple[Verdict, dict[str, int]]:
    tasks, kills = size
    seconds = max(2.0, tasks / _PER_SECOND, kills * 1.5)
    async with Clients(lambda: world.server.address, receiver.base_url, MODEL) as clients:
        trouble = asyncio.create_task(asyncio.to_thread(world.trouble, kills, seconds))
        told = await _create(clients, tasks, chance, seconds, progress)
        while not trouble.done():
            progress("killing", world.kills / max(kills, 1))
            await asyncio.sleep(0.2)
        await trouble
        world.calm()
        await _settled(clients, told, receiver, progress)
        progress("judging", 0.0)
        verdict = await judge(told, list(world.upstreams.values()), receiver, clients)
    if problems := await asyncio.to_thread(world.check_ledger):
        verdict.charges_wrong += verdict.note(f"telecine ledger check: {problems}")
    return verdict, {
        "tasks": len(told),
        "kills": world.kills,
        "refused at once": sum(one.task_id is None for one in told),
        **{f"ended as {code}": count for code, count in sorted(verdict.failed.items())},
        **{f"jobs at {name}": sum(map(len, one.jobs_of().values())) for name, one in world.upstreams.items()},
    }


async def _create(
    clients: Clients, tasks: int, chance: random.Random, seconds: float, progress: Progress
) -> list[Told]:
    """Jobs at random moments, in both dialects."""
    finished = 0

    async def one(number: int, moment: float, dialect: str) -> Told:
        nonlocal finished
        await asyncio.sleep(moment)
        told = await clients.create(f"job-{number:05d}", dialect)
        finished += 1
        progress("creating", finished / tasks)
        return told

    plans = [(number, chance.uniform(0, seconds), chance.choice(["kling", "openai"])) for number in range(tasks)]
    return list(await asyncio.gather(*(one(*plan) for plan in plans)))


async def _settled(clients: Clients, told: Sequence[Told], receiver: Receiver, progress: Progress) -> None:
    """Wait until every task has ended and its last webhook has had its time; what has not by then is the verdict's."""
    waiting = {one.task_id: one for one in told if one.task_id is not None}
    total = len(waiting) or 1
    deadline = time.monotonic() + _SETTLE + total / 10
    while waiting and time.monotonic() < deadline:
        for task_id, one in list(waiting.items()):
            if not receiver.ended.get(one.name):  # the webhook comes last; asking for every task would keep it busy
                continue
            task = await clients.read(task_id)
            if task is not None and task["status"] in ENDED:
                del waiting[task_id]
        progress("settling", 1 - len(waiting) / total)
        await asyncio.sleep(0.2)

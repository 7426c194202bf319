"""One run: start the world, create, kill, wait for calm, judge."""

from __future__ import annotations

import asyncio
import random
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from msgspec.structs import replace

from chaos.clients import Clients
from chaos.evidence import Answer, Wish
from chaos.forms import FORMS
from chaos.gather import gather
from chaos.receiver import Receiver
from chaos.verdict import Verdict, judge
from chaos.world import KEYS, World

Progress = Callable[[str, float], None]
"""Told what is being done and how far it is, from 0 to 1."""
_Said = dict[str, tuple[Wish, list[Answer], str | None]]
_PER_SECOND = 20.0
"""Jobs that the clients create."""
_SETTLE = 40.0
"""Seconds, and a tenth more for every job, after which what has not ended is given up, and the verdict's."""
_FULL = (1000, 25)
"""Tasks and kills from which on everything that can go wrong must have."""
_REPLAYED_LATE = 0.1
"""The share of creates that is sent once more when all has ended."""


def run(
    tasks: int, kills: int, seed: int, progress: Progress, *, on_postgres: bool = False
) -> tuple[Verdict, dict[str, int]]:
    """The verdict, and what happened along the way."""
    with (
        tempfile.TemporaryDirectory(prefix="telecine-chaos-", ignore_cleanup_errors=True) as folder,
        Receiver(random.Random(f"{seed} receiver")).in_thread() as receiver,
        World(Path(folder), random.Random(f"{seed} world"), on_postgres=on_postgres) as world,
    ):
        return asyncio.run(_drive(world, receiver, (tasks, kills), random.Random(f"{seed} clients"), progress))


async def _drive(
    world: World, receiver: Receiver, size: tuple[int, int], chance: random.Random, progress: Progress
) -> tuple[Verdict, dict[str, int]]:
    tasks, kills = size
    seconds = max(2.0, tasks / _PER_SECOND, kills * 1.5)
    async with Clients(world.addresses, receiver.base_url, KEYS) as clients:
        trouble = asyncio.create_task(asyncio.to_thread(world.trouble, kills, seconds))
        plan = sorted(((chance.uniform(0, seconds), one) for one in _wishes(tasks, chance)), key=lambda pair: pair[0])
        said = await _create(clients, plan, world, chance, progress)
        while not trouble.done():
            progress("killing", world.kills / max(kills, 1))
            await asyncio.sleep(0.2)
        await trouble
        world.calm()
        await _settled(clients, said, receiver, progress)
        await _replayed(clients, said, chance)
        progress("judging", 0.0)
        evidence = await gather(said, world, receiver, clients)
    evidence = replace(evidence, ledger=await asyncio.to_thread(world.check_ledger))
    verdict = judge(evidence, full=tasks >= _FULL[0] and kills >= _FULL[1])
    return verdict, {"tasks": tasks, **verdict.ends, **evidence.happened}


def _wishes(tasks: int, chance: random.Random) -> list[Wish]:
    """Jobs in all forms for two accounts, some of them sent twice, cancelled, or wrong."""
    wishes = []
    for number in range(tasks):
        name = chance.choice(list(FORMS))
        form = FORMS[name]
        external = form.called is not None and (form.always_called or chance.random() < 0.6)
        wrong = chance.random() < 0.03
        wishes.append(
            Wish(
                name=f"job-{number:05d}",
                form=name,
                account="other" if chance.random() < 0.25 else "default",
                keyed=not external or chance.random() < 0.5,
                external=external,
                twice=not wrong and chance.random() < 0.2,
                cancel_after=chance.choice([0.0, 0.2, 0.5, 4.0]) if not wrong and chance.random() < 0.08 else None,
                wrong=wrong,
            )
        )
    return wishes


async def _create(
    clients: Clients,
    plan: Sequence[tuple[float, Wish]],
    world: World,
    chance: random.Random,
    progress: Progress,
) -> _Said:
    """All of them, each at its moment; by name, what their clients were told."""
    said: _Said = {}

    async def one(wish: Wish) -> None:
        answers, cancelled = await clients.create(wish, chance), None
        named = next((answer.task for answer in answers if answer.task is not None), None)
        if wish.cancel_after is not None and named is not None:
            await asyncio.sleep(wish.cancel_after)
            cancelled = await clients.cancel(named, wish.account)
        said[wish.name] = wish, answers, cancelled

    async with asyncio.TaskGroup() as group:
        for moment, wish in plan:
            while world.passed < moment:
                progress("creating", len(said) / len(plan))
                await asyncio.sleep(0.05)
            group.create_task(one(wish))
    return dict(sorted(said.items()))


async def _settled(clients: Clients, said: _Said, receiver: Receiver, progress: Progress) -> None:
    """Wait until every task has ended and its last webhook has had its time; what has not by then is the verdict's."""
    waiting = {wish.name for wish, answers, _ in said.values() if any(answer.task for answer in answers)}
    total = len(waiting) or 1
    deadline = time.monotonic() + _SETTLE + total / 10
    while time.monotonic() < deadline:
        waiting -= receiver.ended.keys()
        progress("settling", 1 - len(waiting) / total)
        if not waiting and not await _under_way(clients):  # the webhook comes last
            return
        await asyncio.sleep(0.2)


async def _under_way(clients: Clients) -> bool:
    for account in KEYS:
        for status in ("queued", "running"):
            _, page = await clients.get(f"/v1/tasks?status={status}&limit=1", account)
            if page["data"]:
                return True
    return False


async def _replayed(clients: Clients, said: _Said, chance: random.Random) -> None:
    """Send some creates once more, long after they were answered: they must name the task that they named before."""
    for wish, answers, _ in said.values():
        if any(answer.task for answer in answers) and chance.random() < _REPLAYED_LATE:
            answers.append(await clients.send(wish))

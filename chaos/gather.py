"""Puts the evidence together: the journals first, then what our own reads say beside them."""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from chaos.clients import Clients
from chaos.evidence import Account, Answer, Case, Evidence, Job, Task, Wish
from chaos.forms import FORMS
from chaos.receiver import Receiver
from chaos.upstreams import BAD, GOOD, Upstream
from chaos.world import KEYS, World
from telecine.nouns.ids import parse_task_id

_AT_ONCE = 8
_LOOKS = 40
"""Half a second apart, after which what is not stored is the verdict's."""


async def gather(
    said: dict[str, tuple[Wish, list[Answer], str | None]], world: World, receiver: Receiver, clients: Clients
) -> Evidence:
    """`said`: by name, what each client wanted and was told, of its create and of its cancel. All must be at rest."""
    jobs = _jobs(world.upstreams)
    asked = {name: upstream.prompts() for name, upstream in world.upstreams.items()}
    tasks = {name: found for account in KEYS for name, found in (await _tasks(world, clients, account)).items()}
    cases = [
        Case(
            wish=wish,
            answers=answers,
            cancelled=cancelled,
            asked=frozenset(upstream for upstream, names in asked.items() if name in names),
            jobs=jobs.pop(name, []),
            tasks=tasks.pop(name, []),
            heard=receiver.ended.get(name, []),
        )
        for name, (wish, answers, cancelled) in said.items()
    ]
    return Evidence(
        cases=cases,
        accounts={account: await _account(clients, account) for account in KEYS},
        strangers=[*(f"the job {name}" for name in jobs), *(f"the task {name}" for name in tasks)],
        breaks=world.breaks,
        happened=_happened(cases, world),
    )


def _jobs(upstreams: dict[str, Upstream]) -> dict[str, list[Job]]:
    """Every job of every upstream, by the client's name of it."""
    found: dict[str, list[Job]] = {}
    for upstream, fake in upstreams.items():
        journal = fake.journal[:]
        made = {entry.task_id: entry.at for entry in journal if entry.kind == "accepted"}
        dropped = {entry.task_id for entry in journal if entry.kind == "dropped"}
        for name, wish, job in fake.named():
            status = "good" if job.status in GOOD else "failed" if job.status in BAD else "open"
            file = hashlib.sha256(fake.file_of(job)).hexdigest()
            one = Job(upstream, status, made[name], job.told_at, name not in dropped, file)  # type: ignore[arg-type]
            found.setdefault(wish, []).append(one)
    return found


async def _tasks(world: World, clients: Clients, account: str) -> dict[str, list[Task]]:
    """Every task of the account, by the client's name of it, with what a client gets for its outputs."""
    prompts = {parse_task_id(one["id"]): one["prompt"] for one in await clients.pages("/v1/videos", account)}
    limit = asyncio.Semaphore(_AT_ONCE)

    def name_of(number: int, one: dict[str, Any]) -> str:
        """Only videos are listed with their prompts."""
        notes = one["metadata"]
        return prompts.get(number) or one["external_id"] or str(notes.get("name") or notes.get("state"))

    async def fetched(url: str) -> str:
        async with limit:
            status, content = await clients.get("/" + url.split("/", 3)[3], account)
        return hashlib.sha256(content).hexdigest() if status == 200 else str(status)

    async def seen(one: dict[str, Any]) -> tuple[str, Task]:
        number = parse_task_id(one["id"])
        assert number is not None
        files = await asyncio.gather(*(fetched(output["url"]) for output in one["outputs"]))
        return name_of(number, one), Task(
            id=number,
            status=one["status"],
            created_at=world.machine_time(one["created_at"]),
            ended_at=None if one["ended_at"] is None else world.machine_time(one["ended_at"]),
            code=(one["error"] or {}).get("code"),
            charged=Decimal(one["cost"]["charged"] or 0),
            files=tuple(files),
        )

    found: dict[str, list[Task]] = {}
    for name, task in await asyncio.gather(*(seen(one) for one in await _stored(world, clients, account))):
        found.setdefault(name, []).append(task)
    return found


async def _stored(world: World, clients: Clients, account: str) -> list[dict[str, Any]]:
    """The account's tasks, once no output is still at its upstream alone: such files are tried again for a while."""
    ours = tuple(f"{address}/" for address in world.addresses)
    for _ in range(_LOOKS):
        tasks = await clients.pages("/v1/tasks", account)
        if all((output["url"] or ours[0]).startswith(ours) for one in tasks for output in one["outputs"]):
            break
        await asyncio.sleep(0.5)
    return tasks


async def _account(clients: Clients, account: str) -> Account:
    _, found = await clients.get("/v1/account", account)
    return Account(Decimal(found["spent"]), Decimal(found["held"]))


def _happened(cases: Sequence[Case], world: World) -> dict[str, int]:
    """What the run has survived."""
    fakes = world.upstreams.values()
    journals = [entry for fake in fakes for entry in fake.journal[:]]
    forged = sum((kling.forged for kling in world.klings), Counter[int]())
    faults = sum((fake.fired for fake in fakes), Counter[str]())
    cancels = Counter(case.cancelled for case in cases if case.cancelled is not None)
    return {
        "kills": world.kills,
        "of them orderly": world.stops,
        "upstreams taken down": world.downs,
        "submits that timed out": sum(entry.detail == "left" for entry in journals),
        "failovers": sum(len({job.upstream for job in case.jobs}) > 1 for case in cases),
        "creates sent twice": sum(case.wish.twice for case in cases),
        "creates replayed late": sum(len(case.answers) > 1 + case.wish.twice for case in cases),
        "wrong requests refused": sum(case.wish.wrong for case in cases),
        "callbacks taken": sum(entry.kind == "callback" and entry.code == 200 for entry in journals),
        "forged callbacks refused": forged[401] + forged[404],
        "forged callbacks taken": forged[200],
        **{f"asked for: {form}": sum(case.wish.form == form for case in cases) for form in FORMS},
        **{f"cancels: {word}": cancels[word] for word in sorted(cancels)},
        **{f"fault: {kind}": faults[kind] for kind in sorted(faults)},
        **{f"jobs at {name}": len(fake.named()) for name, fake in world.upstreams.items()},
    }

"""What must be zero."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import msgspec

from chaos.clients import Clients, Told
from chaos.receiver import Receiver
from chaos.world import PRICE, Upstream

DONE = frozenset({"succeed", "succeeded", "completed"})


class Verdict(msgspec.Struct):
    """How often each promise was broken. `notes` says where."""

    lost: int = 0
    submitted_twice: int = 0
    charges_wrong: int = 0
    holds_open: int = 0
    webhooks_missing: int = 0
    outputs_missing: int = 0
    notes: list[str] = []

    @property
    def counts(self) -> dict[str, int]:
        """The lines of the table."""
        return {
            "tasks lost": self.lost,
            "upstream jobs submitted twice": self.submitted_twice,
            "charges wrong": self.charges_wrong,
            "holds open": self.holds_open,
            "webhooks missing": self.webhooks_missing,
            "outputs missing": self.outputs_missing,
        }

    def note(self, text: str) -> int:
        self.notes.append(text)
        return 1


async def judge(told: Sequence[Told], upstreams: Sequence[Upstream], receiver: Receiver, clients: Clients) -> Verdict:
    """Compare what the clients were told with what the journals say."""
    verdict = Verdict()
    jobs = [upstream.jobs_of() for upstream in upstreams]
    _, account = await clients.call("GET", "/v1/account")
    spent = Decimal(0)
    for one in told:
        made = [status for found in jobs for status in found.get(one.name, ())]
        if len(made) > 1:
            verdict.submitted_twice += verdict.note(f"{one.name}: {len(made)} jobs {made}")
        if one.task_id is None:
            if one.error is not None and one.error.startswith("nobody"):
                verdict.lost += verdict.note(f"{one.name}: {one.error}")
            continue
        task = await clients.read(one.task_id)
        if task is None or task["status"] not in ("succeeded", "failed", "cancelled"):
            verdict.lost += verdict.note(f"{one.name}: {task and task['status']}")
            continue
        await _judge_task(verdict, one, task, made, upstreams, receiver, clients)
        if task["status"] == "succeeded":
            spent += sum(Decimal(PRICE) * Decimal(str(output["duration"])) for output in task["outputs"])
    if Decimal(account["spent"]) != spent:
        verdict.charges_wrong += verdict.note(f"the account spent {account['spent']}, the outputs cost {spent}")
    if Decimal(account["held"]) != 0:
        verdict.holds_open += verdict.note(f"{account['held']} is still held")
    return verdict


async def _judge_task(
    verdict: Verdict,
    one: Told,
    task: dict[str, Any],
    made: Sequence[str],
    upstreams: Sequence[Upstream],
    receiver: Receiver,
    clients: Clients,
) -> None:
    succeeded = task["status"] == "succeeded"
    if succeeded and not any(status in DONE for status in made):
        verdict.charges_wrong += verdict.note(f"{one.name}: succeeded without a job that did: {made}")
    if not succeeded and Decimal(task["cost"]["charged"] or 0) != 0:
        verdict.charges_wrong += verdict.note(f"{one.name}: {task['status']}, and charged {task['cost']['charged']}")
    if not receiver.ended.get(one.name):
        verdict.webhooks_missing += verdict.note(f"{one.name}: no terminal webhook")
    if succeeded:
        good = {hashlib.sha256(upstream.file).hexdigest() for upstream in upstreams}
        for output in task["outputs"]:
            status, content = await clients.call("GET", "/" + output["url"].split("/", 3)[3])
            if status != 200 or hashlib.sha256(content).hexdigest() not in good:
                verdict.outputs_missing += verdict.note(f"{one.name}: output {output['index']} answers {status}")

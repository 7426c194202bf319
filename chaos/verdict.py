"""What must be zero."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import msgspec

from chaos.clients import Clients, Told
from chaos.receiver import Receiver
from chaos.world import PRICE, SECONDS, Upstream

ENDED = frozenset({"succeeded", "failed", "cancelled"})
_GOOD = frozenset({"succeed", "succeeded", "completed"})
_MAY_FAIL = frozenset({"submission_unknown", "upstream_refused", "upstream_failed"})
"""What may be said of a job that nobody could save."""


class Verdict(msgspec.Struct):
    """How often each promise was broken. `notes` says where; `failed` counts the jobs that failed, by the code."""

    lost: int = 0
    submitted_twice: int = 0
    charges_wrong: int = 0
    holds_open: int = 0
    webhooks_missing: int = 0
    outputs_missing: int = 0
    failed: dict[str, int] = {}
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


class Evidence(msgspec.Struct):
    """What the journals hold of one job: the status and the file of each that an upstream made, and the last words
    that the receiver was told.
    """

    made: list[tuple[str, bytes]]
    heard: list[str]


async def judge(told: Sequence[Told], upstreams: Sequence[Upstream], receiver: Receiver, clients: Clients) -> Verdict:
    """Compare what the clients were told with what the journals say. The upstreams must be at rest."""
    verdict = Verdict()
    jobs = [(upstream.jobs_of(), upstream.file) for upstream in upstreams]
    spent = Decimal(0)
    for one in told:
        made = [(status, file) for found, file in jobs for status in found.get(one.name, ())]
        evidence = Evidence(made, receiver.ended.get(one.name, []))
        # One that failed at its upstream may be tried elsewhere; nobody pays for it.
        if sum(status != "failed" for status, _ in made) > 1:
            verdict.submitted_twice += verdict.note(f"{one.name}: {[status for status, _ in made]}")
        if one.unanswered:
            verdict.lost += verdict.note(f"{one.name}: nobody ever answered; {one.error}")
        elif one.status < 500 and one.task_id is None:  # all requests are good, and there is money for them
            verdict.lost += verdict.note(f"{one.name}: refused with {one.error}")
        if one.task_id is None:
            continue
        task = await clients.read(one.task_id)
        if task is None or task["status"] not in ENDED:
            verdict.lost += verdict.note(f"{one.name} {one.task_id}: {task and task['status']}")
            continue
        spent += _judge_money(verdict, one, task, evidence)
        _judge_webhooks(verdict, one, task, evidence)
        if task["status"] == "succeeded":
            await _judge_outputs(verdict, one, task, evidence, clients)
    await _judge_account(verdict, clients, spent)
    return verdict


def _judge_money(verdict: Verdict, one: Told, task: dict[str, Any], evidence: Evidence) -> Decimal:
    """What the job should have cost, by the upstreams' journals and the length of their files."""
    succeeded = task["status"] == "succeeded"
    made = [status for status, _ in evidence.made]
    fair = Decimal(PRICE) * SECONDS if succeeded else Decimal(0)
    charged = Decimal(task["cost"]["charged"] or 0)
    if charged != fair:
        verdict.charges_wrong += verdict.note(f"{one.name}: {task['status']}, and charged {charged}, not {fair}")
    if succeeded and not _GOOD.intersection(made):
        verdict.charges_wrong += verdict.note(f"{one.name}: succeeded without a job that did: {made}")
    if not succeeded:
        code = str((task["error"] or {}).get("code"))
        verdict.failed[code] = verdict.failed.get(code, 0) + 1
        # An upstream's success may be given up only where nobody can know of it.
        if code not in _MAY_FAIL or (_GOOD.intersection(made) and code != "submission_unknown"):
            verdict.lost += verdict.note(f"{one.name}: {task['status']}, {task['error']}, while its jobs are {made}")
    return fair


def _judge_webhooks(verdict: Verdict, one: Told, task: dict[str, Any], evidence: Evidence) -> None:
    """At least one with the end, and none with another end."""
    succeeded = task["status"] == "succeeded"
    if not evidence.heard or any((word in _GOOD) is not succeeded for word in evidence.heard):
        heard = evidence.heard or "nothing"
        verdict.webhooks_missing += verdict.note(f"{one.name}: {task['status']}, and the receiver heard {heard}")


async def _judge_outputs(
    verdict: Verdict, one: Told, task: dict[str, Any], evidence: Evidence, clients: Clients
) -> None:
    """One file, whole, and from the upstream whose job succeeded."""
    good = {hashlib.sha256(file).hexdigest() for status, file in evidence.made if status in _GOOD}
    if len(task["outputs"]) != 1:
        verdict.outputs_missing += verdict.note(f"{one.name}: {len(task['outputs'])} outputs")
    for output in task["outputs"]:
        status, content = await clients.call("GET", "/" + output["url"].split("/", 3)[3])
        if status != 200 or hashlib.sha256(content).hexdigest() not in good:
            verdict.outputs_missing += verdict.note(f"{one.name}: output {output['index']} answers {status}")


async def _judge_account(verdict: Verdict, clients: Clients, spent: Decimal) -> None:
    """The account says what the sum of the jobs says, and nothing of anybody's waits."""
    _, account = await clients.call("GET", "/v1/account")
    if Decimal(account["spent"]) != spent:
        verdict.charges_wrong += verdict.note(f"the account spent {account['spent']}, the jobs cost {spent}")
    if Decimal(account["held"]) != 0:
        verdict.holds_open += verdict.note(f"{account['held']} is still held")
    for status in ("queued", "running"):  # also those whose client was told that there is none
        _, page = await clients.call("GET", f"/v1/tasks?status={status}&limit=100")
        for task in page["data"]:
            verdict.lost += verdict.note(f"{task['id']} is still {status}")

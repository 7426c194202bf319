"""What must be zero, and what must have happened for that to mean anything.

What a job must have cost, by the journals alone: the price of its file's length where an upstream made it, and nothing
where none did. One case costs nothing although a job was made: the answer to its create never reached us, at an
upstream that cannot be asked about jobs by a name of ours. A cancel changes nothing of this, for none of these
upstreams can stop a job: what they bill is collected and charged.
"""

from __future__ import annotations

from collections import Counter
from decimal import Decimal

import msgspec

from chaos.evidence import ENDED, Case, Evidence, Job, Task
from chaos.forms import FORMS
from chaos.upstreams import KINDS

PRICE = Decimal("0.07")
"""For a second of what was really made, or a picture."""
SECONDS = 1
"""The length of every upstream's file."""
CANNOT_BE_ASKED = frozenset({"openai-main", "relay-main", "ima-main"})
"""The upstreams that know no name of ours."""
LEAST_SUCCESSES = {True: 0.6, False: 0.3}
"""Of the jobs that nobody cancelled, in a run of full size and in a small one, where a few faults are a large share. A
server that says no to everything breaks no other promise."""
EVENTS = frozenset(
    {
        "kills",
        "of them orderly",
        "upstreams taken down",
        "submits that timed out",
        "failovers",
        "creates sent twice",
        "creates replayed late",
        "wrong requests refused",
        "cancels: cancelled",
        "cancels: marked",
        "cancels: ended",
        "callbacks taken",
        "forged callbacks refused",
        "forged callbacks taken",
        *(f"fault: {kind}" for kind in KINDS),
        *(f"asked for: {form}" for form in FORMS),
    }
)
"""What a run of full size has to have survived."""
_GOOD_WORDS = frozenset({"succeed", "succeeded", "completed", "success"})
_BEFORE, _AFTER = 0.5, 3.0
"""Seconds around a break within which an answer that had left may not have been read."""


class Verdict(msgspec.Struct):
    """How often each promise was broken. `notes` says where; `ends` counts the tasks by how they ended."""

    lost: int = 0
    submitted_twice: int = 0
    charges_wrong: int = 0
    holds_open: int = 0
    webhooks_missing: int = 0
    outputs_missing: int = 0
    never_happened: int = 0
    ends: Counter[str] = msgspec.field(default_factory=Counter)
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
            "things that had to happen, and did not": self.never_happened,
        }

    def note(self, text: str) -> int:
        self.notes.append(text)
        return 1


def judge(evidence: Evidence, *, full: bool) -> Verdict:
    """Compare what the clients were told, and what our reads say, with the journals. `full`: a run of full size, in
    which everything must have happened."""
    verdict = Verdict()
    due = dict.fromkeys(evidence.accounts, Decimal(0))
    for case in evidence.cases:
        _judge_jobs(verdict, case)
        if case.wish.wrong:
            _judge_wrong(verdict, case)
            continue
        task = _judge_task(verdict, case, evidence)
        cost = _cost(case, task, evidence)
        due[case.wish.account] += cost
        charged = sum((one.charged for one in case.tasks), Decimal(0))
        if charged != cost:
            verdict.charges_wrong += verdict.note(f"{_said(case)}: charged {charged}, not {cost}")
        if task is not None:
            _judge_webhooks(verdict, case, task)
            _judge_files(verdict, case, task)
    for name, account in evidence.accounts.items():
        if account.spent != due[name]:
            verdict.charges_wrong += verdict.note(f"account {name} spent {account.spent}, its jobs cost {due[name]}")
        if account.held:
            verdict.holds_open += verdict.note(f"account {name} still holds {account.held}")
    for stranger in evidence.strangers:
        verdict.submitted_twice += verdict.note(f"nobody asked for {stranger}")
    if evidence.ledger:
        verdict.charges_wrong += verdict.note(f"telecine ledger check: {evidence.ledger}")
    _judge_run(verdict, evidence, full=full)
    return verdict


def _judge_jobs(verdict: Verdict, case: Case) -> None:
    """A second job is right at another upstream only, and only once the first was known to have failed."""
    jobs = sorted(case.jobs, key=lambda job: job.made_at)
    for number, job in enumerate(jobs):
        for before in jobs[:number]:
            known = before.status == "failed" and before.told_at is not None and before.told_at <= job.made_at
            if before.upstream == job.upstream or not known:
                verdict.submitted_twice += verdict.note(f"{_said(case)}: two jobs, at {before} and {job}")
    named = {answer.task for answer in case.answers if answer.task is not None} | {task.id for task in case.tasks}
    if len(named) > 1:
        verdict.submitted_twice += verdict.note(f"{_said(case)}: several tasks, {sorted(named)}")


def _judge_wrong(verdict: Verdict, case: Case) -> None:
    """Refused with a 4xx that lasts, and nothing made of it."""
    if not all(400 <= answer.status < 500 and answer.final for answer in case.answers) or not case.answers:
        verdict.lost += verdict.note(f"{_said(case)}: a wrong request was answered with {case.answers}")
    if case.tasks or case.jobs or case.asked:
        verdict.charges_wrong += verdict.note(f"{_said(case)}: something was made of a wrong request")


def _judge_task(verdict: Verdict, case: Case, evidence: Evidence) -> Task | None:
    """The one task of a create, ended as it may. A client that got no id was told a no that lasts, and a just one."""
    task = case.tasks[0] if case.tasks else None
    if task is None or task.status not in ENDED:
        verdict.lost += verdict.note(f"{_said(case)}: told {case.answers}, and there is {task or 'no task'}")
        return None
    verdict.ends[task.status if task.code is None else f"{task.status}: {task.code}"] += 1
    refused = task.status == "failed" and all(answer.final or answer.task for answer in case.answers)
    if not case.answers or (not refused and not all(answer.task for answer in case.answers)):
        verdict.lost += verdict.note(f"{_said(case)}: {task.status}, and its client was told {case.answers}")
    if task.status != "succeeded" and not _just(case, task, evidence):
        verdict.lost += verdict.note(f"{_said(case)}: {task.status} ({task.code}), while its jobs are {case.jobs}")
    if case.cancelled == "cancelled" and task.status != "cancelled":
        verdict.lost += verdict.note(f"{_said(case)}: said to be cancelled, and {task.status}")
    return task


def _just(case: Case, task: Task, evidence: Evidence) -> bool:
    """Whether a task may have ended without a result, and in these words."""
    good = [job for job in case.jobs if job.status != "failed"]
    if task.status == "cancelled":
        return case.cancelled is not None and not good
    broken = any(task.created_at <= moment <= (task.ended_at or 0.0) + _AFTER for moment in evidence.breaks)
    if task.code == "submission_unknown":
        silent = not CANNOT_BE_ASKED.isdisjoint(case.asked) or FORMS[case.wish.form].once
        return all(_unknowable(job, evidence) for job in good) and (silent or broken)
    if task.code in ("upstream_failed", "upstream_refused"):
        return not good and (bool(case.asked) or broken)
    return False


def _unknowable(job: Job, evidence: Evidence) -> bool:
    """Whether nobody on our side can have learned that the upstream made the job."""
    if job.upstream not in CANNOT_BE_ASKED:
        return False
    return not job.answered or any(-_BEFORE <= moment - job.made_at <= _AFTER for moment in evidence.breaks)


def _cost(case: Case, task: Task | None, evidence: Evidence) -> Decimal:
    """What the case must have cost."""
    good = [job for job in case.jobs if job.status == "good"]
    if task is not None and task.code == "submission_unknown":
        good = [job for job in good if not _unknowable(job, evidence)]
    return PRICE * SECONDS if good else Decimal(0)


def _judge_webhooks(verdict: Verdict, case: Case, task: Task) -> None:
    """At least one with the end for whoever has an id, and none with another end."""
    succeeded = task.status == "succeeded"
    told = any(answer.task for answer in case.answers)
    if (told and not case.heard) or any((word in _GOOD_WORDS) is not succeeded for word in case.heard):
        heard = case.heard or "nothing"
        verdict.webhooks_missing += verdict.note(f"{_said(case)}: {task.status}, and the receiver heard {heard}")


def _judge_files(verdict: Verdict, case: Case, task: Task) -> None:
    """One file, whole, and from the upstream whose job succeeded."""
    good = {job.file for job in case.jobs if job.status == "good"}
    if task.status == "succeeded" and (len(task.files) != 1 or not good.issuperset(task.files)):
        verdict.outputs_missing += verdict.note(f"{_said(case)}: its files are {task.files}, not one of {good}")


def _judge_run(verdict: Verdict, evidence: Evidence, *, full: bool) -> None:
    """Zeros mean nothing where nothing was done, or nothing went wrong."""
    wanted = [case for case in evidence.cases if not case.wish.wrong and case.cancelled is None]
    good = sum(1 for case in wanted if any(task.status == "succeeded" for task in case.tasks))
    if good < LEAST_SUCCESSES[full] * len(wanted):
        verdict.never_happened += verdict.note(f"only {good} of {len(wanted)} jobs succeeded")
    for event in sorted(EVENTS):
        if full and not evidence.happened.get(event):
            verdict.never_happened += verdict.note(f"it never happened: {event}")


def _said(case: Case) -> str:
    return f"{case.wish.name} ({case.wish.form})" + "".join(f" {task.id}" for task in case.tasks)

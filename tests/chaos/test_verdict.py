"""The verdict finds what is broken, also where everything is; each piece of evidence here is made up."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest

from chaos.evidence import Account, Answer, Case, Evidence, Job, Task, Wish
from chaos.verdict import EVENTS, PRICE, judge

YES = Answer(200, 1)
NO = Answer(502, None, final=True, text="submission_unknown")
GOOD = Job("kling-main", "good", 10.0, 12.0, file="f")
FAILED = Job("kling-main", "failed", 10.0, 11.0)
LOST = Job("openai-main", "good", 10.0, answered=False, file="o")
DONE = Task(1, "succeeded", 9.0, 13.0, None, PRICE, ("f",))
GONE = Task(1, "failed", 9.0, 13.0, "submission_unknown")
CANCELLED = Task(1, "cancelled", 9.0, 13.0, "cancelled")
OPENAI = frozenset({"openai-main"})
EVERYTHING = dict.fromkeys(EVENTS, 1)


def case(name: str = "a", **changes: Any) -> Case:
    """One that went well, but for `changes`."""
    wish = changes.pop("wish", Wish(name))
    well: dict[str, Any] = {"answers": [YES], "asked": frozenset({"kling-main"}), "jobs": [GOOD], "tasks": [DONE]}
    well["heard"] = ["completed" if (changes.get("tasks") or [DONE])[0].status == "succeeded" else "failed"]
    return Case(wish, **(well | changes))


def broken(*cases: Case, full: bool = False, **changes: Any) -> dict[str, int]:
    """What the verdict counts, beside as many cases that went well, so that those are no reason for anything."""
    rest = [case(f"well-{number}") for number in range(9)]
    every = [*cases, *rest]
    spent = sum((task.charged for one in every for task in one.tasks), Decimal(0))
    whole: dict[str, Any] = {"accounts": {"default": Account(spent)}, "happened": EVERYTHING}
    verdict = judge(Evidence(cases=every, **(whole | changes)), full=full)
    counts = {what: count for what, count in verdict.counts.items() if count}
    assert bool(verdict.notes) == bool(counts)
    return counts


RIGHT: dict[str, Case] = {
    "well": case(),
    "unknown, and nobody could ask": case(tasks=[GONE], jobs=[LOST], asked=OPENAI),
    "unknown, and its client was told so": case(tasks=[GONE], jobs=[], asked=OPENAI, answers=[NO], heard=[]),
    "failed, then done elsewhere": case(
        jobs=[FAILED, Job("openai-main", "good", 11.5, file="o")],
        tasks=[Task(1, "succeeded", 9.0, 13.0, None, PRICE, ("o",))],
    ),
    "failed for good": case(jobs=[FAILED], tasks=[Task(1, "failed", 9.0, 13.0, "upstream_failed")]),
    "cancelled in time": case(jobs=[], asked=frozenset(), tasks=[CANCELLED], cancelled="cancelled"),
    "cancelled too late": case(cancelled="marked"),
    "wrong": case(
        wish=Wish("a", wrong=True),
        answers=[Answer(400, None, final=True)], asked=frozenset(), jobs=[], tasks=[], heard=[],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", RIGHT)
def test_what_is_right_counts_nothing(name: str) -> None:
    assert broken(RIGHT[name]) == {}


def test_an_answer_may_be_lost_with_the_server_that_read_it() -> None:
    one = case(tasks=[GONE], jobs=[Job("openai-main", "good", 10.0, file="o")], asked=OPENAI)
    assert broken(one, breaks=[10.2]) == {}
    assert broken(one, breaks=[20.0]) == {"tasks lost": 1, "charges wrong": 2}
    unsent = case(tasks=[GONE], jobs=[], asked=frozenset())
    assert broken(unsent, breaks=[10.2]) == {}
    assert broken(unsent, breaks=[20.0]) == {"tasks lost": 1}


NOTHING: dict[str, Any] = {"asked": frozenset(), "jobs": [], "tasks": [], "heard": []}
LOSSES: dict[str, Case] = {
    "500 for as long as there was patience": case(answers=[Answer(500)], **NOTHING),
    "500 for good": case(answers=[Answer(500, None, final=True)], **NOTHING),
    "nobody answered": case(answers=[Answer(0)], **NOTHING),
    "a 4xx for a good request": case(answers=[Answer(400, None, final=True)], **NOTHING),
    "the task is not there": case(**NOTHING),
    "not ended": case(tasks=[Task(1, "running", 9.0)], jobs=[], heard=[]),
    "done, and its client has no id": case(answers=[Answer(500)]),
    "done, and its client was told no": case(answers=[NO]),
    "unknown, and its client was told to try again": case(
        tasks=[GONE], jobs=[], asked=OPENAI, answers=[Answer(502)], heard=[]
    ),
    "unknown at Kling": case(tasks=[GONE], jobs=[]),
    "failed for no reason": case(tasks=[Task(1, "failed", 9.0, 13.0, "internal")], jobs=[]),
    "a first step that no upstream ever saw": case(
        tasks=[Task(1, "failed", 9.0, 13.0, "upstream_failed")], jobs=[], asked=frozenset()
    ),
    "cancelled by nobody": case(tasks=[CANCELLED], jobs=[]),
    "cancelled, but it goes on": case(cancelled="cancelled"),
    "a wrong request that is told to try again": case(wish=Wish("a", wrong=True), answers=[Answer(503)], **NOTHING),
}


@pytest.mark.parametrize("name", LOSSES)
def test_what_is_lost(name: str) -> None:
    assert broken(LOSSES[name]) == {"tasks lost": 1}


def test_all_answered_500() -> None:
    cases = [case(f"job-{number}", answers=[Answer(500, None, final=True)], **NOTHING) for number in range(2000)]
    verdict = judge(Evidence(cases=cases, accounts={"default": Account()}), full=True)
    assert verdict.lost == 2000
    assert verdict.never_happened == 1 + len(EVENTS)


def test_a_success_at_kling_is_never_unknown() -> None:
    found = broken(case(tasks=[GONE], asked=OPENAI | {"kling-main"}))
    assert found == {"tasks lost": 1, "charges wrong": 2}, "lost, and neither the task nor the account paid for it"


TWICE: dict[str, list[Job]] = {
    "both failed": [FAILED, Job("kling-main", "failed", 12.0, 13.0)],
    "the second failed": [GOOD, Job("kling-main", "failed", 12.0, 13.0)],
    "elsewhere, before the first had failed": [FAILED, Job("kling-spare", "failed", 10.5, 13.0)],
    "elsewhere, before anybody was told": [Job("kling-main", "failed", 10.0), Job("kling-spare", "failed", 12.0, 13.0)],
    "elsewhere, while the first is unknown": [
        Job("openai-main", "failed", 10.0, answered=False), Job("kling-spare", "failed", 12.0, 13.0),
    ],
    "elsewhere, beside a good one": [GOOD, Job("kling-spare", "failed", 12.5, 13.0)],
}  # fmt: skip


@pytest.mark.parametrize("name", TWICE)
def test_a_second_job(name: str) -> None:
    jobs: Sequence[Job] = TWICE[name]
    good = GOOD in jobs
    task = DONE if good else Task(1, "failed", 9.0, 13.0, "upstream_failed")
    assert broken(case(jobs=jobs, tasks=[task])) == {"upstream jobs submitted twice": 1}


def test_a_second_task() -> None:
    assert broken(case(answers=[YES, Answer(200, 2)])) == {"upstream jobs submitted twice": 1}
    second = Task(2, "cancelled", 9.0, 13.0, "cancelled")
    assert broken(case(tasks=[DONE, second])) == {"upstream jobs submitted twice": 1}
    assert broken(strangers=["the job x"]) == {"upstream jobs submitted twice": 1}


def test_money() -> None:
    free = Task(1, "succeeded", 9.0, 13.0, None, Decimal(0), ("f",))
    dear = Task(1, "succeeded", 9.0, 13.0, None, 10 * PRICE, ("f",))
    assert broken(case(tasks=[free])) == {"charges wrong": 2}, "the task, and its account"
    assert broken(case(tasks=[dear])) == {"charges wrong": 2}
    unmade = case(jobs=[FAILED])
    assert broken(unmade) == {"charges wrong": 2, "outputs missing": 1}
    assert broken(case(tasks=[CANCELLED], cancelled="marked")) == {"tasks lost": 1, "charges wrong": 2}
    assert broken(accounts={"default": Account(9 * PRICE, PRICE)}) == {"holds open": 1}
    assert broken(accounts={"default": Account(10 * PRICE)}) == {"charges wrong": 1}
    assert broken(ledger="no") == {"charges wrong": 1}
    paid = case(wish=Wish("a", wrong=True), answers=[Answer(400, None, final=True)], jobs=[], tasks=[])
    assert broken(paid) == {"charges wrong": 1}, "a wrong request reached an upstream"


@pytest.mark.parametrize("heard", [[], ["failed"], ["completed", "failed"]])
def test_webhooks(heard: list[str]) -> None:
    assert broken(case(heard=heard)) == {"webhooks missing": 1}


@pytest.mark.parametrize("files", [(), ("404",), ("another",), ("f", "f")])
def test_files(files: tuple[str, ...]) -> None:
    assert broken(case(tasks=[Task(1, "succeeded", 9.0, 13.0, None, PRICE, files)])) == {"outputs missing": 1}


@pytest.mark.parametrize("event", sorted(EVENTS))
def test_what_a_full_run_must_have_survived(event: str) -> None:
    assert broken(full=True) == {}
    assert broken(full=False, happened={}) == {}
    less = {name: count for name, count in EVERYTHING.items() if name != event}
    assert broken(full=True, happened=less) == {"things that had to happen, and did not": 1}
    assert broken(full=True, happened=less | {event: 0}) == {"things that had to happen, and did not": 1}


@pytest.mark.parametrize(("full", "few"), [(True, 6), (False, 21)])
def test_most_jobs_have_to_succeed(full: bool, few: int) -> None:
    unknown = [case(f"u{number}", tasks=[GONE], jobs=[LOST], asked=OPENAI) for number in range(few + 1)]
    assert broken(*unknown[:-1], full=full) == {}
    assert broken(*unknown, full=full) == {"things that had to happen, and did not": 1}

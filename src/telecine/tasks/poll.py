"""running and reconciling: ask the upstream, and believe only what can be read."""

from __future__ import annotations

import math
from collections.abc import Awaitable
from typing import TypeVar

import structlog
from msgspec.structs import replace

from telecine.nouns.errors import TaskError
from telecine.nouns.task import Attempt
from telecine.providers.base import Job, Provider
from telecine.providers.outcomes import (
    Cancelled,
    Failed,
    Found,
    Lost,
    NotCancellable,
    NotFound,
    PollOutcome,
    Running,
    Succeeded,
    Unreadable,
)
from telecine.tasks import answers
from telecine.tasks.contents import taken
from telecine.tasks.context import Context
from telecine.tasks.ending import cancel, closed, fail
from telecine.tasks.failover import again, failed
from telecine.tasks.outcomes import collecting, progressed, running, traits_of, upstream_of
from telecine.tasks.pace import asked, backoff, jittered
from telecine.tasks.reads import Work
from telecine.tasks.submit import conclude, submit, unknown
from telecine.tasks.writes import Change

_log = structlog.get_logger(__name__)
Answer = TypeVar("Answer")
_RECONCILE_FLOOR = 15.0
_RECONCILE_MOST = 600.0
_MOST_SUBMITS = 3
"""An upstream that never answers readably and never has the job is not worth a fourth try."""
_MOST_LOSSES = 3
"""Jobs of a task that upstreams may lose before it fails."""
_LOOK_FOR_ANSWER = 15.0
"""Seconds between two looks for the answer to a job that another process has sent."""
_KEPT = 0.95
"""The share of an upstream's retention in which "not found" means that it has never had the job: what clocks, and the
days of vendors, differ by."""


async def poll(context: Context, work: Work) -> Work | None:
    """Ask about a job whose upstream id we have."""
    channel, provider = upstream_of(context, work.current)
    task, job = work.task, _job(work)
    if task.cancel_requested_at is not None and traits_of(context, work).cancel and not task.cancel_refused:
        match await answered(provider.cancel(channel, job), provider):
            case Cancelled():
                await cancel(context, work)
                return None
            case NotCancellable():
                work = await _runs_on(context, work)
    async with context.library.spool() as spool:
        answer = await answered(provider.poll(channel, replace(job, spool=spool)), provider)
        return await heard(context, work, answer)


async def heard(context: Context, work: Work, answer: PollOutcome) -> Work | None:
    """Take what the upstream says of a job. Files that came inside the answer have to be there still."""
    task = work.task
    if isinstance(answer, Succeeded):
        answer = await taken(context, work, answer)
    match answer:
        case Succeeded() as result:
            return await collecting(context, work, result)
        case Failed() as outcome:
            return await failed(context, work, outcome)
        case Running() as outcome:
            if task.state == "running" and (task.deadline is None or context.now() < task.deadline):
                await progressed(context, work, outcome)
            else:
                await _overdue(context, work, outcome)
        case Lost() as outcome:
            return await _lost(context, work, outcome)
        case NotFound():
            await _unreadable(context, work, Unreadable("the upstream does not know the job"))
        case Unreadable() as outcome:
            await _unreadable(context, work, outcome)
    return None


async def _lost(context: Context, work: Work, lost: Lost) -> Work | None:
    """The upstream surely has the job no more. Where it bills nothing for it, it is sent again, by whatever channel;
    else the task fails, and slot and hold are free at once."""
    task, now = work.task, context.now()
    error = TaskError("upstream_failed", f"The upstream has lost the job: {lost.reason}.")
    losses = await context.reads.losses(task.id)
    late = task.expires_at is not None and now >= task.expires_at  # no upstream keeps jobs for so long
    if not lost.unbilled or late or losses >= _MOST_LOSSES:
        return await failed(context, work, Failed(error))
    if task.cancel_requested_at is not None:
        await cancel(context, work)
        return None
    return await again(context, work, closed(work.current, "lost", now, error), backoff(losses, 1.0), event="lost")


async def _runs_on(context: Context, work: Work) -> Work:
    """Note that the upstream will not stop the job, so that nobody asks it again, or says that it was asked."""
    task = replace(work.task, cancel_refused=True)
    change = context.moved(work.task, Change(task=task), "cancel_refused")
    await context.commit(change, keep_lease=True)
    return replace(work, task=change.task)


async def answered(question: Awaitable[Answer], provider: Provider) -> Answer | Unreadable:
    """What the provider answers. An adapter that breaks on what an upstream sent has read nothing: that is Unreadable,
    so that the task's deadlines still apply."""
    try:
        return await question
    except Exception:
        _log.exception("adapter_failed", provider=provider.name)
        return Unreadable("the answer could not be understood")


async def reconcile(context: Context, work: Work) -> Work | None:
    """Find out what became of a job: one that is past our deadline, or one whose submit had an unknown outcome."""
    attempt = work.current
    if attempt.upstream_id is not None:
        return await poll(context, work)
    channel, provider = upstream_of(context, work.current)
    traits, now = traits_of(context, work), context.now()
    submitted = attempt.submitted_at or attempt.created_at
    answer = await answers.found(context, work) if traits.synchronous else None
    if answer is not None:
        return await conclude(context, work, answer)
    attempt = replace(attempt, lookups=attempt.lookups + 1)
    async with context.library.spool() as spool:
        told = await answered(provider.look_up(channel, replace(_job(work), spool=spool)), provider)
        if isinstance(told, Found) and isinstance(told.outcome, Succeeded):
            told = replace(told, outcome=await taken(context, work, told.outcome))
    match told:
        case Found(upstream_id, outcome):
            return await _found(context, replace(work, attempt=attempt), upstream_id, outcome)
        case NotFound():
            return await _not_found(context, replace(work, attempt=attempt), provider, submitted)
        case Unreadable(reason, retry_after):
            if now >= submitted + traits.retention:
                error = TaskError("submission_unknown", f"The upstream never said what became of the job ({reason}).")
                await fail(context, work, error, attempt_state="unknown")
                return None
            wait = max(backoff(attempt.lookups, 2.0, _RECONCILE_MOST), asked(retry_after))
            await _look_later(context, work, attempt, wait)
    return None


async def _not_found(context: Context, work: Work, provider: Provider, submitted: float) -> Work | None:
    """The upstream knows no job by our handle: it never had it, does not show it yet, or has forgotten it since."""
    traits, now = traits_of(context, work), context.now()
    if now >= submitted + traits.retention * _KEPT:  # to send it again would be to pay twice
        error = TaskError("submission_unknown", "The upstream was asked too late: it keeps no jobs of that age.")
        await fail(context, work, error, attempt_state="unknown")
        return None
    settled = submitted + traits.submit_timeout + traits.visibility_lag
    if now < settled:
        await _look_later(context, work, work.current, min(backoff(work.current.lookups, 2.0), settled - now))
        return None
    return await _absent(context, work, provider)


async def _found(context: Context, work: Work, upstream_id: str, outcome: Running | Succeeded | Failed) -> Work | None:
    attempt = replace(work.current, upstream_id=upstream_id)
    work = replace(work, attempt=attempt)
    match outcome:
        case Running():
            await running(context, work, upstream_id, outcome)
        case Succeeded():
            return await collecting(context, work, outcome)
        case Failed():
            return await failed(context, work, outcome)
    return None


async def _absent(context: Context, work: Work, provider: Provider) -> Work | None:
    """The upstream surely has no job with our handle."""
    work = await context.reads.work(work.task.id) or work  # its owner may have cancelled it while we asked
    if work.task.cancel_requested_at is not None:
        await cancel(context, work)
        return None
    attempt = work.current
    if not traits_of(context, work).unique_handle:
        error = TaskError("submission_unknown", "The upstream does not know the job, and may still have run it.")
        until = context.now() + traits_of(context, work).deadline
        await fail(context, work, error, attempt_state="unknown", keep_slot_until=until)
        return None
    circuit, now = context.router.circuit_of(attempt), context.now()
    shut, failing = circuit.pause(), circuit.failing_since
    # As with a task in the queue: a channel that fails is waited for so long, one that is merely full without end.
    until = max(attempt.submitted_at or 0.0, failing or math.inf) + context.limits.unreachable
    if attempt.submits >= _MOST_SUBMITS or (shut > 0 and now >= until):
        error = TaskError("upstream_failed", "The upstream gave no readable answer to the job, and does not have it.")
        await fail(context, work, error, attempt_state="unknown")
        return None
    if not circuit.take(attempt.id):
        await _look_later(context, work, attempt, min(jittered(shut), until - now))
        return None
    # The same handle again: were the job there after all, the upstream would refuse the second.
    attempt = replace(attempt, state="submitting", submits=attempt.submits + 1, submitted_at=context.now())
    task = replace(work.task, state="submitting")
    change = context.moved(work.task, Change(task=task, attempt=attempt), "submitting", "again, with the same handle")
    await context.commit(change, keep_lease=True)
    return await submit(context, Work(change.task, attempt, ()))


async def recover(context: Context, work: Work) -> Work | None:
    """submitting, and this process did not send it just now: whoever did has crashed."""
    if work.current.state == "preparing":
        return await submit(context, work)
    answer = await answers.found(context, work)
    if answer is not None:
        return await conclude(context, work, answer)
    seconds = _still_coming(context, work)
    if seconds > 0:
        await context.rest(work.task.id, min(seconds, _LOOK_FOR_ANSWER))
        return None
    return await unknown(context, work, "the gateway stopped while it was being sent")


def _still_coming(context: Context, work: Work) -> float:
    """Seconds for which another process may still wait for the upstream's answer: it has lost its lease, not its
    connection. Where nobody else has the records, whoever sent the job is gone."""
    attempt = work.current
    known = context.router.of(attempt)
    if known is None or context.database.sqlite:
        return 0.0
    traits = known[1].traits_of(work.task.operation, attempt.model, known[0])
    if not traits.synchronous:
        return 0.0
    return (attempt.submitted_at or attempt.created_at) + traits.submit_timeout + _LOOK_FOR_ANSWER - context.now()


async def _overdue(context: Context, work: Work, outcome: Running | Unreadable) -> None:
    """Past our deadline: ask ever more slowly, and no sooner than it asks for, until the upstream no longer keeps the
    job."""
    task, now = work.task, context.now()
    if task.expires_at is not None and now >= task.expires_at:
        error = TaskError("expired", "The upstream did not finish the job within the time that it keeps jobs.")
        await fail(context, work, error)
        return
    wait = min(max(_RECONCILE_FLOOR, (now - (task.deadline or now)) * 0.1), _RECONCILE_MOST)
    wait = max(wait, asked(outcome.retry_after))
    if task.state == "reconciling":
        await context.rest(task.id, wait)
        return
    reason = outcome.reason if isinstance(outcome, Unreadable) else "still running"
    change = context.moved(task, Change(task=replace(task, state="reconciling")), "reconciling", reason)
    await context.commit(change, due=now + wait)


async def _unreadable(context: Context, work: Work, outcome: Unreadable) -> None:
    task, now = work.task, context.now()
    if task.deadline is not None and now >= task.deadline:
        await _overdue(context, work, outcome)
        return
    attempt = replace(work.current, unreadable=work.current.unreadable + 1)
    change = context.moved(task, Change(task=task, attempt=attempt), "unreadable", outcome.reason)
    wait = backoff(attempt.unreadable - 1, traits_of(context, work).poll_floor)
    await context.commit(change, due=now + max(wait, asked(outcome.retry_after)))


async def _look_later(context: Context, work: Work, attempt: Attempt, seconds: float) -> None:
    change = context.moved(work.task, Change(task=work.task, attempt=attempt))
    await context.commit(change, due=context.now() + seconds)


def _job(work: Work) -> Job:
    attempt = work.current
    submitted = attempt.submitted_at or attempt.created_at
    return Job(work.task.operation, attempt.model, attempt.handle, attempt.upstream_id, submitted)

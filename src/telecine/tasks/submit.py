"""submitting → running: the one request that creates the upstream's job, and what its outcome means."""

from __future__ import annotations

import structlog
from msgspec.structs import replace

from telecine.net.client import FetchError
from telecine.nouns.errors import GatewayError, TaskError
from telecine.nouns.task import Attempt
from telecine.providers.base import (
    Accepted,
    Channel,
    Finished,
    NeverSent,
    Provider,
    Refused,
    Source,
    Submission,
    SubmitOutcome,
    Unknown,
)
from telecine.tasks.context import Context
from telecine.tasks.ending import closed, fail, slot_of
from telecine.tasks.reads import Work
from telecine.tasks.settle import collecting, running
from telecine.tasks.writes import Change

_MOST_RESUBMITS = 2
"""Each may be paid for, so an upstream that never answers readably gets no more."""

_log = structlog.get_logger(__name__)


async def submit(context: Context, work: Work) -> Work | None:
    """Send the job that `work.attempt` stands for. Only called right after the attempt was committed as submitting."""
    found = context.router.channel(work.current.channel)
    if found is None:
        return await _again(context, work, closed(work.current, "never_sent", context.now()), 0.0)
    channel, provider = found
    if work.current.state == "preparing":
        prepared = await _prepare(context, work, channel, provider)
        if prepared is None:
            return None
        work = prepared
    outcome = await _send(context, work, channel, provider)
    if isinstance(outcome, Accepted | Finished):
        context.router.well(channel.name)
    return await _settle(context, work, outcome)


async def _settle(context: Context, work: Work, outcome: SubmitOutcome) -> Work | None:
    match outcome:
        case Accepted(upstream_id):
            await running(context, work, upstream_id)
        case Finished(result, upstream_id):
            attempt = replace(work.current, upstream_id=upstream_id)
            return await collecting(context, replace(work, attempt=attempt), result)
        case Refused():
            return await _refused(context, work, outcome)
        case NeverSent(reason):
            return await _never_sent(context, work, reason)
        case Unknown(reason):
            return await unknown(context, work, reason)
    return None


async def _send(context: Context, work: Work, channel: Channel, provider: Provider) -> SubmitOutcome:
    """The one request that cannot be repeated, sent only while the lease is surely ours."""
    submission = await _submission(context, work)
    context.check_lease(work.task.id)
    try:
        async with context.library.reading() as media:
            return await provider.submit(channel, submission, media)
    except GatewayError as error:  # before anything was sent: the media cannot be had, or it does not fit
        return Refused(error.as_task_error())
    except FetchError as error:
        return NeverSent(error.reason)


async def _submission(context: Context, work: Work) -> Submission:
    """What the provider needs to send the attempt."""
    attempt = work.current
    return Submission(
        request=work.task.request,
        model=attempt.model,
        handle=attempt.handle,
        callback_url=context.callback_url(attempt.callback_token),
        prepared=attempt.prepared,
        source=await _source(context, work),
    )


async def _source(context: Context, work: Work) -> Source | None:
    """The job that this one follows up. Routing keeps to its channel, so its upstream id means something there."""
    followed = work.task.source_task
    source = await context.reads.work(followed) if followed is not None else None
    if source is None or source.attempt is None or source.attempt.upstream_id is None:
        return None
    return Source(source.attempt.upstream_id, source.task.request)


async def unknown(context: Context, work: Work, reason: str) -> Work | None:
    """submitting → reconciling: a job may exist. It is looked up by our handle, or given up as unknown."""
    now = context.now()
    attempt = replace(work.current, state="unknown")
    found = context.router.channel(attempt.channel)
    traits = found[1].traits if found else None
    if traits is not None and not traits.look_up:
        if context.router.resubmits(attempt.channel) and await context.reads.unknowns(work.task.id) < _MOST_RESUBMITS:
            seconds = context.router.trouble(attempt.channel)
            # The job that may exist keeps its slot for as long as it could run.
            attempt = replace(attempt, ended_at=now, slot_until=now + traits.deadline)
            return await _again(context, replace(work, attempt=None), attempt, seconds)
        error = TaskError("submission_unknown", f"The upstream may or may not have taken the job ({reason}).")
        work = replace(work, attempt=attempt)
        await fail(context, work, error, attempt_state="unknown", keep_slot_until=now + traits.deadline)
        return None
    task = replace(work.task, state="reconciling")
    change = context.moved(work.task, Change(task=task, attempt=attempt), "reconciling", reason)
    await context.commit(change, due=now + 1.0)
    return None


async def _prepare(context: Context, work: Work, channel: Channel, provider: Provider) -> Work | None:
    """Do the repeatable part, then commit that what follows may not be repeated."""
    attempt = work.current
    try:
        async with context.library.reading() as media:
            prepared = await provider.prepare(channel, await _submission(context, work), media)
    except GatewayError as error:
        await fail(context, work, error.as_task_error(), attempt_state="refused")
        return None
    except FetchError as error:
        await _never_sent(context, work, error.reason)
        return None
    except Exception:
        _log.exception("adapter_failed", provider=provider.name)
        await _never_sent(context, work, "the job could not be prepared")
        return None
    now = context.now()
    attempt = replace(attempt, state="submitting", prepared=prepared, submitted_at=now)
    change = context.moved(work.task, Change(task=work.task, attempt=attempt))
    await context.commit(change, keep_lease=True)
    return Work(change.task, attempt, work.outputs)


async def _refused(context: Context, work: Work, refusal: Refused) -> Work | None:
    attempt = closed(work.current, "refused", context.now(), refusal.error)
    if refusal.capacity:
        # Never shown to the client: the task waits, and the attempt does not count against the channel.
        seconds = context.router.trouble(attempt.channel, refusal.retry_after)
        attempt = replace(attempt, error=TaskError("capacity", refusal.error.message))
        return await _again(context, work, attempt, seconds)
    if refusal.elsewhere:
        context.router.trouble(attempt.channel, refusal.retry_after)
        return await _again(context, work, attempt, 0.0)
    await fail(context, work, refusal.error, attempt_state="refused")
    return None


async def _never_sent(context: Context, work: Work, reason: str) -> Work | None:
    now = context.now()
    error = TaskError("upstream_failed", f"The upstream could not be reached: {reason}.")
    attempt = closed(work.current, "never_sent", now, error)
    deadline = work.task.deadline or now + context.limits.unreachable
    if now >= deadline:
        await fail(context, work, error, attempt_state="never_sent")
        return None
    context.router.trouble(attempt.channel)
    return await _again(context, work, attempt, 0.0, deadline)


async def _again(
    context: Context, work: Work, attempt: Attempt, seconds: float, deadline: float | None = None
) -> Work | None:
    """submitting → queued: this attempt is over and no job exists; the next step chooses a channel anew."""
    task = replace(work.task, state="queued", deadline=deadline)
    change = Change(task=task, attempt=attempt, free=slot_of(work.attempt))
    detail = attempt.error.message if attempt.error else None
    change = context.moved(work.task, change, "queued", detail)
    if seconds > 0:
        await context.commit(change, due=context.now() + seconds)
        return None
    await context.commit(change, keep_lease=True)
    return await context.reads.work(task.id)  # read anew: its owner may have cancelled it meanwhile

"""submitting → running: the one request that creates the upstream's job, and what its outcome means."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from functools import partial

import structlog
from msgspec.structs import replace

from telecine.net.client import FetchError
from telecine.nouns.errors import GatewayError, TaskError
from telecine.nouns.task import Attempt
from telecine.providers.base import Channel, MediaReader, Provider, Submission
from telecine.providers.outcomes import Accepted, Finished, NeverSent, Refused, SubmitOutcome, Unknown
from telecine.tasks.answers import kept
from telecine.tasks.contents import taken
from telecine.tasks.context import Context
from telecine.tasks.ending import cancel, closed, fail
from telecine.tasks.failover import again
from telecine.tasks.outcomes import collecting, running
from telecine.tasks.pace import backoff
from telecine.tasks.reads import Work
from telecine.tasks.references import named_of, source_of
from telecine.tasks.uploads import Uploads
from telecine.tasks.writes import Change, StaleError

_MOST_RESUBMITS = 2
"""Each may be paid for, so an upstream that never answers readably gets no more."""

_log = structlog.get_logger(__name__)


async def submit(context: Context, work: Work) -> Work | None:
    """Send the job that `work.attempt` stands for. Only called right after the attempt was committed as submitting."""
    found = context.router.of(work.current)
    if found is None:
        return await again(context, work, closed(work.current, "never_sent", context.now()))
    channel, provider = found
    if work.current.state == "preparing":
        prepared = await _prepare(context, work, channel, provider)
        if not isinstance(prepared, Work):
            return await conclude(context, work, prepared)
        work = prepared
        now = await context.reads.work(work.task.id) or work  # its owner may have cancelled it meanwhile
        if now.task.cancel_requested_at is not None:
            context.router.circuit(channel.name).spare(work.current.id)
            await cancel(context, now)
            return None
    if provider.traits_of(work.task.operation, work.current.model, channel).synchronous:
        await context.go_on(work.task, "long")
    context.uncut.add(work.task.id)
    try:
        return await conclude(context, work, await _send(context, work, channel, provider))
    finally:
        context.uncut.discard(work.task.id)


async def conclude(context: Context, work: Work, outcome: SubmitOutcome) -> Work | None:
    """What follows from the answer to the one request."""
    match outcome:
        case Accepted(upstream_id):
            with _told_of(work, upstream_id):
                await running(context, work, upstream_id, surely=True)
        case Finished(result, upstream_id):
            attempt = replace(work.current, upstream_id=upstream_id)
            with _told_of(work, upstream_id):
                async with kept(context, work, outcome):
                    return await collecting(context, replace(work, attempt=attempt), result, surely=True)
        case Refused():
            return await _refused(context, work, outcome)
        case NeverSent():
            return await _never_sent(context, work, outcome)
        case Unknown(reason):
            return await unknown(context, work, reason)
    return None


async def _send(context: Context, work: Work, channel: Channel, provider: Provider) -> SubmitOutcome:
    """The one request that cannot be repeated, sent only while the lease is surely ours."""
    task_id = work.task.id
    outcome: SubmitOutcome | None = None
    try:
        submission = replace(await _submission(context, work), before_send=lambda: context.check_lease(task_id))
        async with context.library.spool() as spool, _reading(context, work) as media:
            outcome = await provider.submit(channel, replace(submission, spool=spool), media)
            if isinstance(outcome, Accepted | Finished):
                # Before anything can go wrong: the operator can still find the job.
                _log.info("submitted", task=task_id, channel=channel.name, upstream_id=outcome.upstream_id)
            if isinstance(outcome, Finished):
                outcome = replace(outcome, result=await taken(context, work, outcome.result, surely=True))
    except StaleError:
        if outcome is None:
            # Surely not sent. If the records say that the task is ours all the same, it goes on; else it ends here.
            context.router.circuit_of(work.current).spare(work.current.id)
            return NeverSent("the lease ran out before the request could be sent")
        _log.exception("media_not_given_back", task=task_id)
    except (GatewayError, FetchError) as error:
        if outcome is None:
            return _kept(context, work, error)
        _log.exception("media_not_given_back", task=task_id)
    except Exception:
        if outcome is None:
            raise
        _log.exception("media_not_given_back", task=task_id)
    _note(context, work.current, outcome)
    return outcome


@contextmanager
def _told_of(work: Work, upstream_id: str | None) -> Iterator[None]:
    """Whatever keeps the job from being recorded, its id is in the log."""
    try:
        yield
    except BaseException:
        _log.error("accepted_job_not_recorded", task=work.task.id, upstream_id=upstream_id)
        raise


def _reading(context: Context, work: Work) -> AbstractAsyncContextManager[MediaReader]:
    """The media of the task's request."""
    return context.library.reading(work.task.account_id, partial(context.aside, work.task.id))


def _kept(context: Context, work: Work, error: GatewayError | FetchError) -> Refused | NeverSent:
    """Nothing was sent, for the request does not fit or its media cannot be had: no fault of the channel's."""
    context.router.circuit_of(work.current).spare(work.current.id)
    return NeverSent(error.reason, inputs=True) if isinstance(error, FetchError) else Refused(error.as_task_error())


def _note(context: Context, attempt: Attempt, outcome: SubmitOutcome) -> None:
    """Tell the channel's circuit. A request that is refused for its own fault was answered by a channel in health."""
    circuit = context.router.circuit_of(attempt)
    match outcome:
        case Refused(capacity=True, retry_after=seconds):
            circuit.trouble(attempt.id, seconds, full=True)
        case Refused(elsewhere=True, spared=False, retry_after=seconds):
            circuit.trouble(attempt.id, seconds)
        case NeverSent():
            circuit.trouble(attempt.id)
        case Unknown():
            circuit.doubt(attempt.id)
        case _:
            circuit.well(attempt.id)


async def _submission(context: Context, work: Work) -> Submission:
    """What the provider needs to send the attempt. Raises GatewayError where its workflow no longer fits it."""
    attempt = work.current
    return Submission(
        request=work.task.request,
        model=attempt.model,
        handle=attempt.handle,
        callback_url=context.callback_url(attempt.callback_token),
        prepared=attempt.prepared,
        source=await source_of(context, work.task),
        named=await named_of(context, work.task),
        account_id=work.task.account_id,
        uploads=Uploads(context, attempt),
        workflow=context.workflows.graph_for(work.task.request),
    )


async def unknown(context: Context, work: Work, reason: str) -> Work | None:
    """submitting → reconciling: a job may exist. It is looked up by our handle, or given up as unknown."""
    now = context.now()
    attempt = replace(work.current, state="unknown")
    found = context.router.of(attempt)
    traits = found[1].traits_of(work.task.operation, attempt.model, found[0]) if found else None
    if traits is not None and not traits.look_up:
        before = await context.reads.unknowns(work.task.id)
        if context.router.resubmits(attempt.channel) and before < _MOST_RESUBMITS:
            # The job that may exist keeps its slot for as long as it could run.
            attempt = replace(attempt, ended_at=now, slot_until=now + traits.deadline)
            return await again(context, replace(work, attempt=None), attempt, backoff(before, 1.0))
        error = TaskError("submission_unknown", f"The upstream may or may not have taken the job ({reason}).")
        work = replace(work, attempt=attempt)
        await fail(context, work, error, attempt_state="unknown", keep_slot_until=now + traits.deadline)
        return None
    task = replace(work.task, state="reconciling")
    change = context.moved(work.task, Change(task=task, attempt=attempt), "reconciling", reason)
    await context.commit(change, due=now + 1.0)
    return None


async def _prepare(context: Context, work: Work, channel: Channel, provider: Provider) -> Work | Refused | NeverSent:
    """Do the repeatable part, then commit that what follows may not be repeated."""
    attempt = work.current
    try:
        async with _reading(context, work) as media:
            prepared = await provider.prepare(channel, await _submission(context, work), media)
    except (GatewayError, FetchError) as error:
        return _kept(context, work, error)
    except Exception:
        _log.exception("adapter_failed", provider=provider.name)
        context.router.circuit_of(attempt).trouble(attempt.id)
        return NeverSent("the job could not be prepared")
    if isinstance(prepared, Refused | NeverSent):
        _note(context, attempt, prepared)
        return prepared
    now = context.now()
    attempt = replace(attempt, state="submitting", prepared=prepared, submitted_at=now)
    change = context.moved(work.task, Change(task=work.task, attempt=attempt))
    await context.commit(change, keep_lease=True)
    return Work(change.task, attempt, work.outputs)


async def _refused(context: Context, work: Work, refusal: Refused) -> Work | None:
    attempt = closed(work.current, "refused", context.now(), refusal.error)
    if refusal.capacity:
        # Never shown to the client: the task waits, and the attempt does not count against the channel.
        return await again(context, work, replace(attempt, error=TaskError("capacity", refusal.error.message)))
    if refusal.elsewhere:
        return await again(context, work, attempt)
    await fail(context, work, refusal.error, attempt_state="refused")
    return None


async def _never_sent(context: Context, work: Work, outcome: NeverSent) -> Work | None:
    now = context.now()
    error = TaskError("upstream_failed", f"The upstream could not be reached: {outcome.reason}.")
    if outcome.inputs:
        error = TaskError("invalid_request", f"A file of the request cannot be had: {outcome.reason}.", "inputs")
    attempt = closed(work.current, "never_sent", now, error)
    deadline = work.task.deadline or now + context.limits.unreachable
    if now >= deadline:
        await fail(context, work, error, attempt_state="never_sent")
        return None
    # A channel in trouble is left alone by its circuit; where the media cannot be had, only this task has to wait.
    rests = context.router.circuit_of(attempt).pause() > 0
    seconds = 0.0 if rests else backoff(attempt.number - 1, 1.0)
    return await again(context, work, attempt, seconds, deadline=deadline)

"""Questions to upstreams about jobs under way. Those of a channel that were claimed together are one question, where it
has lists; and what an answer changes nothing for writes nothing but when it is asked about again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import structlog
from msgspec.structs import replace

from telecine.providers.base import Channel, Provider, Traits
from telecine.providers.outcomes import PollOutcome, Running
from telecine.tasks.context import Context
from telecine.tasks.outcomes import seen, wait_after
from telecine.tasks.poll import answered, heard
from telecine.tasks.reads import Work
from telecine.tasks.underway import Underway

_log = structlog.get_logger(__name__)


def listed(context: Context, job: Underway) -> bool:
    """Whether one question may be about this job and others of its channel."""
    found = _upstream(context, job)
    return found is not None and found[2].listed


async def ask(context: Context, jobs: Sequence[Underway]) -> tuple[dict[int, float], list[Underway]]:
    """One question about jobs of one channel. The tasks for which nothing has changed, each with the seconds until it
    comes again; and the other jobs, with what was told of them. What a list leaves out is no verdict."""
    told: Mapping[str, PollOutcome] = {}
    if len(jobs) > 1 and (found := _upstream(context, jobs[0])) is not None:
        channel, provider, _ = found
        try:
            told = await provider.poll_many(channel, [one.job for one in jobs])
        except Exception:
            _log.exception("adapter_failed", provider=provider.name)
    waits = {one.task_id: _unchanged(context, one, told.get(one.handle)) for one in jobs}
    others = [replace(one, told=told.get(one.handle)) for one in jobs if waits[one.task_id] is None]
    return {task_id: seconds for task_id, seconds in waits.items() if seconds is not None}, others


async def follow(context: Context, job: Underway) -> Work | None:
    """Ask about one job, unless something was told of it already. Its task, where that has something to do at once."""
    if (found := _upstream(context, job)) is None:
        return await context.reads.work(job.task_id)
    channel, provider, _ = found
    async with context.library.spool() as spool:
        answer = job.told
        if answer is None:
            answer = await answered(provider.poll(channel, replace(job.job, spool=spool)), provider)
        seconds = _unchanged(context, job, answer)
        if seconds is not None:
            await context.rest(job.task_id, seconds)
            return None
        work = await context.reads.work(job.task_id)
        return await heard(context, work, answer) if work is not None else None


def _upstream(context: Context, job: Underway) -> tuple[Channel, Provider, Traits] | None:
    """Who is asked; None where that takes a whole step: the channel is gone, or the job is to be stopped first."""
    found = context.router.at(job.channel, job.address, job.provider)
    if found is None:
        return None
    traits = found[1].traits_of(job.operation, job.model, found[0])
    return None if job.cancel and traits.cancel else (*found, traits)


def _unchanged(context: Context, job: Underway, answer: PollOutcome | None) -> float | None:
    """Seconds until the job is asked about again, where `answer` changes nothing for its task."""
    now = context.now()
    late = job.deadline is not None and now >= job.deadline
    if not isinstance(answer, Running) or job.state != "running" or late or seen(job, answer, now):
        return None
    return wait_after(context, job, job.operation, answer)

"""An attempt is over, and its task is not: back to the queue, where the next step chooses a channel anew."""

from __future__ import annotations

from msgspec.structs import replace

from telecine.nouns.errors import GatewayError
from telecine.nouns.task import Attempt
from telecine.providers.outcomes import Failed
from telecine.tasks.candidates import candidates
from telecine.tasks.context import Context
from telecine.tasks.ending import closed, fail, slot_of
from telecine.tasks.reads import Work
from telecine.tasks.writes import Change


async def again(
    context: Context,
    work: Work,
    attempt: Attempt,
    seconds: float = 0.0,
    *,
    deadline: float | None = None,
    event: str = "queued",
) -> Work | None:
    """→ queued, at once or in `seconds`; `attempt` is the one that is over. The hold and what clients have seen stay,
    and so does `expires_at`: a create that was answered with a task is never replayed as a refusal.

    `deadline`: when to stop trying channels that cannot be reached.
    """
    task = replace(work.task, state="queued", deadline=deadline)
    change = Change(task=task, attempt=attempt, free=slot_of(work.attempt))
    detail = attempt.error.message if attempt.error else None
    change = context.moved(work.task, change, event, detail)
    if seconds > 0:
        await context.commit(change, due=context.now() + seconds)
        return None
    await context.commit(change, keep_lease=True)
    return await context.reads.work(task.id)  # read anew: its owner may have cancelled it meanwhile


async def failed(context: Context, work: Work, outcome: Failed) -> Work | None:
    """The upstream itself said so, readably: → failed, or → queued where another channel may try."""
    if not await _elsewhere(context, work, outcome):
        await fail(context, work, outcome.error)
        return None
    return await again(context, work, closed(work.current, "ended", context.now(), outcome.error), event="failover")


async def _elsewhere(context: Context, work: Work, outcome: Failed) -> bool:
    """Whether `[limits] failovers` lets another channel try, for the same hold."""
    task = work.task
    if not context.limits.failovers:
        return False  # some vendors bill jobs that failed, so the operator has to ask for it
    if outcome.error.code != "upstream_failed":  # the request's own fault, which is the same everywhere
        return False
    if task.cancel_requested_at is not None:
        return False  # nobody wants it any more
    if await context.reads.failures(task.id) >= context.limits.failovers:
        return False
    try:
        routes = await candidates(context, work)
    except GatewayError:
        return False
    return any(route.channel.name != work.current.channel for route in routes)

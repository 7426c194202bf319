"""What follows from what an upstream says: accepted, still at work, done."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from msgspec.structs import replace

from telecine.nouns.task import MAIN, Attempt, Output, Task, link_of
from telecine.providers.base import MOST_LINK, Channel, Provider, Traits
from telecine.providers.outcomes import Running, Succeeded, UpstreamOutput
from telecine.tasks.context import Context
from telecine.tasks.ending import closed, slot_of
from telecine.tasks.pace import asked, together
from telecine.tasks.reads import Work
from telecine.tasks.references import job_handle, output_handles
from telecine.tasks.underway import Underway
from telecine.tasks.writes import Change

MOST_OUTPUTS = 128
"""A workflow may make a hundred pictures, with texts beside them; an upstream that claims to have made more is not
believed."""


async def running(
    context: Context, work: Work, upstream_id: str, outcome: Running | None = None, *, surely: bool = False
) -> None:
    """→ running: the upstream has the job. `outcome` is what it said of it, where it has been asked already.

    `surely` as with `Context.commit`.
    """
    now = context.now()
    attempt = work.current
    traits = traits_of(context, work)
    submitted = attempt.submitted_at or now
    attempt = replace(attempt, state="accepted", upstream_id=upstream_id, accepted_at=attempt.accepted_at or now)
    task = replace(
        work.task,
        state="running",
        deadline=submitted + traits.deadline,
        expires_at=submitted + traits.retention,
    )
    if outcome is not None:
        task = replace(task, **seen(task, outcome, now))
    change = Change(task=task, attempt=attempt, handles=job_handle(task, attempt))
    change = context.moved(work.task, change, "running")
    await context.commit(change, due=now + wait_after(context, attempt, task.operation, outcome), surely=surely)


async def progressed(context: Context, work: Work, outcome: Running) -> None:
    """running → running: commit only what has changed, then come again."""
    task, now = work.task, context.now()
    seconds = wait_after(context, work.current, task.operation, outcome)
    changes = seen(task, outcome, now)
    if not changes:
        await context.rest(task.id, seconds)
        return
    change = Change(task=replace(task, **changes))
    change = context.moved(task, change, "progress", f"{change.task.progress}")
    await context.commit(change, due=now + seconds)


async def collecting(context: Context, work: Work, result: Succeeded, *, surely: bool = False) -> Work:
    """→ collecting: the upstream is done. Its slot is free from here on; what it made is still to be fetched.

    `surely` as with `Context.commit`.
    """
    now = context.now()
    attempt = work.current
    outputs = noted(work.task.id, result.outputs[:MOST_OUTPUTS])
    if attempt.accepted_at is not None:
        context.pace.learn(attempt.provider, attempt.model, now - attempt.accepted_at)
    task = replace(
        work.task, state="collecting", started_at=work.task.started_at or now, usage=result.usage, facts=result.facts
    )
    units = result.usage.units
    ended = replace(closed(attempt, "ended", now), units=units, cost=context.router.cost(attempt.channel, units))
    handles = () if attempt.accepted_at is not None else job_handle(task, attempt)
    handles += output_handles(task, attempt, outputs)
    change = Change(task=task, attempt=ended, new_outputs=outputs, free=slot_of(attempt), handles=handles)
    change = context.moved(work.task, change, "collecting")
    await context.commit(change, keep_lease=True, surely=surely)
    return Work(change.task, ended, outputs)


def noted(task_id: int, found: Sequence[UpstreamOutput]) -> tuple[Output, ...]:
    """The rows of what the upstream made. A text is here already; the rest is still to be fetched."""
    outputs: list[Output] = []
    item = -1
    for index, one in enumerate(found):
        if one.item is not None:
            item = one.item
        elif one.part == MAIN:
            item += 1
        outputs.append(_noted(task_id, index, max(item, 0), one))
    return tuple(outputs)


def _noted(task_id: int, index: int, item: int, found: UpstreamOutput) -> Output:
    output = Output(
        task_id=task_id,
        index=index,
        item=item,
        part=found.part,
        kind=found.kind,
        upstream_url=found.url or None,
        upstream_id=found.upstream_id,
        upstream_expires_at=found.expires_at,
        facts=found.facts,
    )
    if found.text is None:
        return output
    content = found.text.encode()
    return replace(
        output,
        state="stored",
        text=found.text,
        content_type="text/plain",
        bytes=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
    )


def seen(task: Task | Underway, outcome: Running, now: float) -> dict[str, object]:
    """What `outcome` changes of the task: progress never falls, and 100 is kept for the end. A preview stays until
    another one is told."""
    told = outcome.preview.url if outcome.preview is not None else ""
    said = {
        "started_at": task.started_at or (now if outcome.started else None),
        "progress": max(task.progress, min(outcome.progress or 0, 99)),
        "preview_url": (link_of(told) if len(told) <= MOST_LINK else None) or task.preview_url,
    }
    return {name: value for name, value in said.items() if value != getattr(task, name)}


def upstream_of(context: Context, attempt: Attempt | Underway) -> tuple[Channel, Provider]:
    """Where its job is, and by whom it is asked about. Raises ChannelGoneError."""
    found = context.router.at(attempt.channel, attempt.address, attempt.provider)
    if found is None:
        raise ChannelGoneError(attempt.channel)
    return found


def traits_of(context: Context, work: Work) -> Traits:
    """What the attempt's provider declares. Raises ChannelGoneError."""
    channel, provider = upstream_of(context, work.current)
    return provider.traits_of(work.task.operation, work.current.model, channel)


def wait_after(context: Context, attempt: Attempt | Underway, operation: str, outcome: Running | None) -> float:
    """Seconds until the next poll; what the upstream asks for is obeyed. Raises ChannelGoneError."""
    now = context.now()
    channel, provider = upstream_of(context, attempt)
    traits = provider.traits_of(operation, attempt.model, channel)
    own = context.pace.after(attempt.provider, attempt.model, now - (attempt.accepted_at or now), traits)
    own = together(own, now, traits)
    return max(own, asked(outcome.retry_after)) if outcome is not None else own


class ChannelGoneError(Exception):
    """The attempt's channel is not configured any more where it was, so its upstream cannot be asked."""

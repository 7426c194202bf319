"""One task, one step after the other, as long as there is something to do at once."""

from __future__ import annotations

from msgspec.structs import replace

from telecine.nouns.errors import TaskError
from telecine.tasks.collect import bury, collect, keep_on
from telecine.tasks.context import Context
from telecine.tasks.draft import wait
from telecine.tasks.ending import fail
from telecine.tasks.outcomes import ChannelGoneError
from telecine.tasks.pick import pick, picks
from telecine.tasks.poll import poll, reconcile, recover
from telecine.tasks.questions import follow
from telecine.tasks.reads import Work
from telecine.tasks.schedule import Known
from telecine.tasks.start import start
from telecine.tasks.submit import submit
from telecine.tasks.underway import Underway
from telecine.tasks.writes import Change


async def advance(context: Context, task_id: int, known: Known = None) -> None:
    """Run the steps of a leased task until it rests, waits or has ended. Raises StaleError when the lease is lost.

    `known`: the task as this process has just committed it, perhaps with its first attempt; or its job that is to be
    asked about. Otherwise it is read.
    """
    fresh = isinstance(known, Work)
    work = await follow(context, known) if isinstance(known, Underway) else known or await context.reads.work(task_id)
    while work is not None:
        await context.go_on(work.task)
        work, fresh = await _step(context, work, fresh)


async def _step(context: Context, work: Work, fresh: bool) -> tuple[Work | None, bool]:
    """One step. `fresh` says that this process has just begun the attempt, so that nothing can have been sent yet."""
    task = work.task
    if task.ended and task.deleted_at is not None:
        await bury(context, work)
        return None, False
    try:
        match task.state:
            case "draft":
                await wait(context, work)
            case "queued" if picks(task.request):
                await pick(context, work)
            case "queued":
                begun = await start(context, work)
                return begun, begun is not None
            case "submitting":
                return (await submit(context, work) if fresh else await recover(context, work)), False
            case "running":
                return await poll(context, work), False
            case "reconciling":
                return await reconcile(context, work), False
            case "collecting":
                await collect(context, work)
            case _:
                await keep_on(context, work)
    except ChannelGoneError as error:
        await _orphaned(context, work, error)
    return None, False


async def _orphaned(context: Context, work: Work, error: ChannelGoneError) -> None:
    """The channel is no longer configured, or is elsewhere now. It may come back, so the task waits, until the upstream
    forgets the job; nobody else is asked about it."""
    until = work.task.expires_at or work.task.created_at + 86400.0
    if context.now() < until:
        await context.rest(work.task.id, 60.0)
        return
    if work.task.ended:
        outputs = tuple(replace(one, state="lost") if one.state == "pending" else one for one in work.outputs)
        await context.commit(context.moved(work.task, Change(task=work.task, outputs=outputs), "outputs_lost"))
        return
    message = f"The channel '{error}' that ran the job was removed or moved before the job ended."
    await fail(context, work, TaskError("expired", message))

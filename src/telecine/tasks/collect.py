"""collecting → succeeded: keep what was made. A file that cannot be stored now does not fail the task; it is tried
again until the upstream's link expires."""

from __future__ import annotations

import asyncio

import structlog
from msgspec.structs import replace

from telecine.accounts.ledger import Settlement
from telecine.accounts.prices import used
from telecine.net.client import FetchError
from telecine.nouns.money import MOST_MICROS
from telecine.nouns.task import Output, Task, Usage
from telecine.providers.base import Channel, Job, Provider, Succeeded
from telecine.tasks.context import Context
from telecine.tasks.ending import charged, released
from telecine.tasks.pace import backoff
from telecine.tasks.reads import Work
from telecine.tasks.settle import ChannelGoneError
from telecine.tasks.writes import Change

_log = structlog.get_logger(__name__)
_TRIES_BEFORE_SUCCESS = 3
_LONGEST_WAIT = 3600.0
_LEAST_SECONDS, _MOST_SECONDS = 0.1, 3600.0
"""An upstream that tells of a length outside these counts in something else."""
_MOST_TIMES = 10
"""The same, where the length was asked for: so many times that, or so small a part of it."""


async def collect(context: Context, work: Work) -> None:
    """Fetch every output that is still pending. Success does not wait for more than three tries."""
    work = await _store(context, work)
    pending = [output for output in work.outputs if output.state == "pending"]
    tries = max((output.tries for output in pending), default=0)
    if pending and tries < _TRIES_BEFORE_SUCCESS:
        change = context.moved(work.task, Change(task=work.task, outputs=work.outputs), "collect_retry")
        await context.commit(change, due=context.now() + backoff(tries - 1, 1.0))
        return
    now = context.now()
    usage = _usage(work.task.usage or Usage(), work.outputs, work.task.request.duration)
    task = replace(work.task, state="succeeded", progress=100, ended_at=now, usage=usage)
    task, settlement = _priced(context, task, usage, work.outputs, now)
    change = Change(task=task, outputs=work.outputs, settlement=settlement)
    change = context.moved(work.task, change, "succeeded")
    await context.commit(change, due=context.now() + backoff(tries, 2.0, _LONGEST_WAIT) if pending else None)
    if usage.tokens is not None:
        context.tokens.count(task.account_id, task.key_id, usage.tokens.total, now)


def _priced(
    context: Context, task: Task, usage: Usage, outputs: tuple[Output, ...], now: float
) -> tuple[Task, Settlement | None]:
    """Charge what was really made. The sandbox costs nothing, unless its channel says so."""
    if not task.prices:
        return task, None
    if task.sandbox and not context.router.charges(task.channel or ""):
        return released(task, now)
    amount = used(task.prices, usage, outputs, task.request, task.held)
    return charged(task, amount if amount <= MOST_MICROS else task.held, now)  # no upstream is believed that much


async def keep_on(context: Context, work: Work) -> None:
    """succeeded, with outputs that could not be stored yet."""
    if work.task.deleted_at is None and any(output.state == "pending" for output in work.outputs):
        work = await _store(context, work)
    pending = [output for output in work.outputs if output.state == "pending"]
    change = context.moved(work.task, Change(task=work.task, outputs=work.outputs))
    tries = max((output.tries for output in pending), default=0)
    await context.commit(change, due=context.now() + backoff(tries, 2.0, _LONGEST_WAIT) if pending else None)


async def bury(context: Context, work: Work) -> None:
    """A deleted task that has ended: its files go once no signed link to them can be valid any more."""
    now = context.now()
    gone_at = (work.task.deleted_at or now) + context.link_seconds
    if now < gone_at:
        await context.rest(work.task.id, gone_at - now)
        return
    keys = [key for output in work.outputs for key in (output.object_key, output.poster_key) if key]
    keys += [item.object_key for item in work.task.request.inputs if item.object_key]
    await context.library.forget(keys)
    outputs = tuple(replace(output, state="lost", object_key=None, poster_key=None) for output in work.outputs)
    change = context.moved(work.task, Change(task=work.task, outputs=outputs), "files_deleted")
    await context.commit(change, buried=True)


async def _store(context: Context, work: Work) -> Work:
    found = context.router.of(work.attempt) if work.attempt else None
    if found is None or work.attempt is None:
        raise ChannelGoneError(work.attempt.channel if work.attempt else "")
    channel, provider = found
    async with asyncio.TaskGroup() as group:
        storing = {
            output.index: group.create_task(_store_one(context, work, channel, provider, output))
            for output in work.outputs
            if output.state == "pending"
        }
    outputs = (storing[one.index].result() if one.index in storing else one for one in work.outputs)
    return replace(work, outputs=tuple(outputs))


async def _store_one(context: Context, work: Work, channel: Channel, provider: Provider, output: Output) -> Output:
    try:
        return await context.library.keep(provider, channel, output, work.task.account_id)
    except (FetchError, OSError) as error:  # OSError: our own disk, which is no failure of the job either
        tried = replace(output, tries=output.tries + 1)
        if isinstance(error, FetchError) and error.status is not None and 400 <= error.status < 500:
            tried = await _fresh_link(context, work, channel, provider, tried)
    expires = tried.upstream_expires_at or work.task.expires_at
    return replace(tried, state="lost") if expires is not None and context.now() >= expires else tried


async def _fresh_link(context: Context, work: Work, channel: Channel, provider: Provider, output: Output) -> Output:
    """The link is dead, but the job is still known: asked again, most upstreams hand out a new one."""
    attempt = work.attempt
    if attempt is None or attempt.upstream_id is None:
        return output
    job = Job(work.task.operation, attempt.model, attempt.handle, attempt.upstream_id, attempt.created_at)
    try:
        outcome = await provider.poll(channel, job)
    except Exception:
        _log.exception("adapter_failed", provider=provider.name)
        return output
    if not isinstance(outcome, Succeeded) or output.index >= len(outcome.outputs):
        return output
    fresh = outcome.outputs[output.index]
    return replace(output, upstream_url=fresh.url, upstream_expires_at=fresh.expires_at)


def _usage(usage: Usage, outputs: tuple[Output, ...], asked: float | None) -> Usage:
    """What was really made: as probed where every file is here, else in the upstream's own words, as far as they can be
    believed. `asked`: the seconds that each output was to have."""
    images = sum(1 for output in outputs if output.kind == "image")
    lasting = [output for output in outputs if output.kind != "image"]
    probed = [output.duration for output in lasting if output.state == "stored" and output.duration is not None]
    if probed and len(probed) == len(lasting):
        seconds: float | None = round(sum(probed), 3)
    else:
        seconds = _believed(usage.seconds, len(outputs), asked)
    return replace(usage, seconds=seconds, images=images or usage.images)


def _believed(told: float | None, outputs: int, asked: float | None) -> float | None:
    """The length that the upstream tells of all outputs together; None where it is none, or another unit (frames,
    milliseconds, minutes) passed off as seconds."""
    least, most = (_LEAST_SECONDS, _MOST_SECONDS) if asked is None else (asked / _MOST_TIMES, asked * _MOST_TIMES)
    return told if told is not None and least <= told / max(outputs, 1) <= most else None

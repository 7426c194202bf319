"""collecting → succeeded: keep what was made. A file that cannot be stored now does not fail the task while clients can
have it from the upstream; it is tried again until the upstream's link expires."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

import msgspec
import structlog
from msgspec.structs import replace

from telecine.accounts.ledger import Settlement
from telecine.accounts.metering import measured
from telecine.accounts.prices import used
from telecine.assets.outputs import shared
from telecine.net.client import FetchError
from telecine.nouns.billed import Billed
from telecine.nouns.errors import TaskError
from telecine.nouns.money import MOST_MICROS, amount_of
from telecine.nouns.operations import makes_of
from telecine.nouns.task import Output, Task, Usage
from telecine.providers.base import Channel, Job, Provider
from telecine.providers.outcomes import Succeeded
from telecine.tasks.contents import content_keys, drop, settled
from telecine.tasks.context import Context
from telecine.tasks.ending import charged, fail, released
from telecine.tasks.grids import grid_of
from telecine.tasks.outcomes import ChannelGoneError
from telecine.tasks.pace import backoff
from telecine.tasks.reads import Work
from telecine.tasks.writes import Change

_log = structlog.get_logger(__name__)
_TRIES_BEFORE_SUCCESS = 3
_LONGEST_WAIT = 3600.0
_LONGEST_WAIT_OF_CLIENTS: Final = 120.0
_PATIENCE: Final = 86400.0
"""Seconds for which a job that is done waits for a file that clients can have from nobody else."""
_PATIENCE_DEAD: Final = 3600.0
"""The same, where the upstream answers that there is no such file."""
_PASSING: Final = frozenset({408, 425, 429})
"""Answers of a file host that say nothing about the file."""
_NO_FILES: Final = TaskError("upstream_failed", "The upstream finished the job, but none of its files could be had.")


class Tried(msgspec.Struct, frozen=True):
    """An output after a try to store it. `dead`: its link answers that there is no such file."""

    output: Output
    dead: bool = False

    @property
    def pending(self) -> bool:
        return self.output.state == "pending"

    @property
    def shown(self) -> bool:
        """Whether clients can have the file, from us or from the upstream."""
        return self.output.state == "stored" or (self.pending and not self.dead and self._linked)

    @property
    def _linked(self) -> bool:
        return self.output.upstream_link is not None


async def collect(context: Context, work: Work) -> None:
    """Fetch every output that is still pending.

    Success does not wait for more than three tries, unless clients could not have as many results as were asked for;
    and a job none of whose results can be had has failed. Companions are tried as often before success, and as long
    after it; but no job waits longer for them, or fails for want of them.
    """
    before, tried = work.outputs, await _store(context, work)
    work = replace(work, outputs=tuple(one.output for one in tried))
    if _waits(work, tried):
        tries = max(one.output.tries for one in tried if one.pending)
        early = tries < _TRIES_BEFORE_SUCCESS
        change = Change(task=work.task, outputs=work.outputs)
        change = context.moved(work.task, change, "collect_retry" if early else None)
        await context.commit(change, due=context.now() + backoff(tries - 1, 1.0, _LONGEST_WAIT_OF_CLIENTS))
    elif any(one.shown for one in tried if one.output.main):
        await _succeed(context, work)
    else:
        await fail(context, work, _NO_FILES)
    await drop(context, before, work.outputs)


def _waits(work: Work, tried: Sequence[Tried]) -> bool:
    """Whether the job is not over yet."""
    if any(one.pending and one.output.tries < _TRIES_BEFORE_SUCCESS for one in tried):
        return True
    results = _results(work, tried)
    there = len({one.output.item for one in results if one.shown})
    return there < work.task.request.count and not all(one.shown for one in results if one.pending)


def _results(work: Work, tried: Sequence[Tried]) -> list[Tried]:
    """What was asked for: the main parts of the kind that the operation makes; of any kind where it made none of it."""
    mains = [one for one in tried if one.output.main]
    kind = makes_of(work.task.request)
    return [one for one in mains if one.output.kind == kind] or mains


async def _succeed(context: Context, work: Work) -> None:
    asked = _asked(context, work)
    usage = measured(work.task.usage or Usage(), work.outputs, asked.count or work.task.request.count, asked.duration)
    task = replace(work.task, state="succeeded", progress=100, ended_at=context.now(), usage=usage)
    task, settlement, detail = _priced(context, replace(work, task=task), usage, asked)
    grid = await grid_of(context, work)
    change = Change(task=task, outputs=work.outputs, new_outputs=grid, settlement=settlement)
    change = context.moved(work.task, change, "succeeded", detail)
    await context.commit(change, due=_next_try(context, work.outputs))
    if usage.tokens is not None:
        context.tokens.count(task.account_id, task.key_id, usage.tokens.total, context.now())


def _asked(context: Context, work: Work) -> Billed:
    """What was ordered: the seconds that each file was to have, by the vendor's own default where the client said
    nothing, and how many results."""
    request, attempt = work.task.request, work.attempt
    found = context.router.of(attempt) if attempt is not None else None
    asked = Billed()
    if attempt is not None and found is not None:
        try:
            asked = found[1].check(request, attempt.model, found[0])
        except Exception:  # of a job that is done, nothing is refused any more
            _log.exception("adapter_failed", provider=found[1].name)
    return asked if request.duration is None else replace(asked, duration=request.duration)


def _priced(context: Context, work: Work, usage: Usage, asked: Billed) -> tuple[Task, Settlement | None, str | None]:
    """Charge what was really made, and say where that is more than was held. The sandbox costs nothing, unless its
    channel says so."""
    task, now = work.task, context.now()
    if not task.prices:
        return task, None, None
    if task.sandbox and not context.router.charges(task.channel or ""):
        return (*released(task, now), None)
    told = used(task.prices, usage, work.outputs, task.request, task.held, asked=asked.duration, count=asked.count)
    amount = told if told <= MOST_MICROS else task.held  # no upstream is believed that much
    if task.most is not None and amount > task.most:
        _log.warning("charge_bounded", task=task.id, told=amount_of(amount), charged=amount_of(task.most))
        amount = task.most
    detail = None
    if amount > task.held:
        detail = f"charged {amount_of(amount)}, {amount_of(amount - task.held)} more than was held"
        detail += f"; unbounded it would be {amount_of(told)}" if told > amount else ""
    return (*charged(task, amount, now), detail)


def _next_try(context: Context, outputs: Sequence[Output]) -> float | None:
    """When to try again what is not stored yet; None where nothing is left to store."""
    tries = [output.tries for output in outputs if output.state == "pending"]
    return context.now() + backoff(max(tries), 2.0, _LONGEST_WAIT) if tries else None


async def keep_on(context: Context, work: Work) -> None:
    """succeeded, with outputs that could not be stored yet."""
    before = work.outputs
    grid: tuple[Output, ...] = ()
    if work.task.deleted_at is None and any(output.state == "pending" for output in work.outputs):
        work = replace(work, outputs=tuple(one.output for one in await _store(context, work)))
        grid = await grid_of(context, work)
    change = context.moved(work.task, Change(task=work.task, outputs=work.outputs, new_outputs=grid))
    await context.commit(change, due=_next_try(context, work.outputs))
    await drop(context, before, work.outputs)


async def bury(context: Context, work: Work) -> None:
    """A deleted task that has ended: its files go once no signed link to them can be valid any more."""
    now = context.now()
    gone_at = (work.task.deleted_at or now) + context.link_seconds
    if now < gone_at:
        await context.rest(work.task.id, gone_at - now)
        return
    keys = [key for output in work.outputs for key in (output.object_key, output.poster_key) if key]
    keys += [*work.task.request.own_keys, *content_keys(work.outputs)]
    both = await context.database.read(lambda connection: shared(connection, [work.task.id]))
    await context.library.forget([key for key in keys if key not in both])
    outputs = tuple(replace(one, state="lost", object_key=None, poster_key=None, text=None) for one in work.outputs)
    change = context.moved(work.task, Change(task=work.task, outputs=outputs, forgets=True), "files_deleted")
    await context.commit(change, buried=True)


async def _store(context: Context, work: Work) -> list[Tried]:
    """Try to store what is pending; every output, in order."""
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
    return [storing[one.index].result() if one.index in storing else Tried(one) for one in work.outputs]


async def _store_one(context: Context, work: Work, channel: Channel, provider: Provider, output: Output) -> Tried:
    try:
        return Tried(settled(await context.library.keep(provider, channel, output, work.task.account_id)))
    except (FetchError, OSError) as error:  # OSError: our own disk, which is no failure of the job either
        tried = Tried(replace(output, tries=output.tries + 1), _is_dead(error))
        if tried.dead:
            tried = replace(tried, output=await _fresh_link(context, work, channel, provider, tried.output))
    lost = _is_lost(context, work, tried)
    return replace(tried, output=settled(replace(tried.output, state="lost"))) if lost else tried


def _is_dead(error: FetchError | OSError) -> bool:
    """Whether the file's host has answered that there is no such file, whoever asks."""
    status = error.status if isinstance(error, FetchError) else None
    return status is not None and 400 <= status < 500 and status not in _PASSING


def _is_lost(context: Context, work: Work, tried: Tried) -> bool:
    """Whether nobody will ever have the file: its link has expired, or clients have waited long enough for it.

    That it has expired is the upstream's word by its own clock, so one failure is not enough.
    """
    now = context.now()
    expires = tried.output.upstream_expires_at or work.task.expires_at
    if expires is not None and now >= expires and tried.output.tries >= _TRIES_BEFORE_SUCCESS:
        return True
    if tried.shown or (work.task.ended and (tried.output.main or not tried.dead)):
        return False
    done = work.attempt.ended_at if work.attempt is not None else None
    return done is not None and now >= done + (_PATIENCE_DEAD if tried.dead else _PATIENCE)


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
    if (fresh.kind, fresh.part) != (output.kind, output.part):  # it lists them in another order by now
        return output
    return replace(output, upstream_url=fresh.url, upstream_expires_at=fresh.expires_at)

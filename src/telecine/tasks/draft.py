"""Drafts: tasks that wait for their client to complete them, held for and expiring like any."""

from __future__ import annotations

import secrets
from typing import Final

from msgspec.structs import replace

from telecine.accounts.principal import Principal
from telecine.nouns.catalogue import Catalogue
from telecine.nouns.errors import GatewayError, TaskError
from telecine.nouns.request import GenerationRequest
from telecine.nouns.task import Task
from telecine.tasks.admit import check_names, understood
from telecine.tasks.context import Context
from telecine.tasks.ending import cancel, fail, released
from telecine.tasks.idempotency import fingerprint
from telecine.tasks.instead import forget_unused
from telecine.tasks.plan import planned
from telecine.tasks.reads import Work
from telecine.tasks.steps import first_kind
from telecine.tasks.writes import Change, Complete, StaleError

_EXPIRED: Final = TaskError("expired", "The draft was not completed in time.")


async def wait(context: Context, work: Work) -> None:
    """draft: nothing happens until its client completes it, or its time is over."""
    task, now = work.task, context.now()
    if task.cancel_requested_at is not None:
        await cancel(context, work)
    elif task.deadline is None or now >= task.deadline:
        await fail(context, work, _EXPIRED)
    else:
        await context.rest(task.id, task.deadline - now)


async def complete(
    context: Context, catalogue: Catalogue, principal: Principal, before: Task, request: GenerationRequest
) -> bool:
    """draft → queued, with `request` in the place of its own; False where that has happened already.

    Raises GatewayError, and then it is what it was: `conflict` where it is no draft, or has ended meanwhile.
    """
    if principal.key_id != before.key_id or principal.account_id != before.account_id:
        raise GatewayError("permission", "A draft is completed with the key that made it.", param="id")
    request = understood(context, request)
    if before.state != "draft":
        if _same(before, request):
            return False
        raise _no_draft()
    check_names(request)
    plan = await planned(context, catalogue, principal, request)
    done, cost = await plan.request(context, principal.account_id), plan.cost
    now = context.now()
    task = replace(
        before,
        state="queued",
        operation=done.operation,
        model=done.model,
        request=done,
        source_task=done.follows,
        asked=plan.billed,
        prices=cost.prices if cost is not None else (),
        held=cost.hold if cost is not None else 0,
        most=cost.most if cost is not None else None,
        deadline=None,
    )
    settlement = None
    if cost is None:  # what was held is given back at once
        freed, settlement = released(before, now)
        task = replace(task, charged=freed.charged)
    change = context.moved(before, Change(task=task, settlement=settlement), "queued")
    write = Complete(
        before=before,
        change=change,
        now=now,
        token=secrets.randbits(62),
        kind=first_kind(task.operation, plan.routes),
        bound=principal.bound,
    )
    try:
        await context.database.write(write)
    except GatewayError:
        await forget_unused(context, done, request)
        raise
    except StaleError:
        await forget_unused(context, done, request)
        found = await context.reads.task(before.id)
        if found is not None and found[0].state != "draft" and _same(found[0], request):
            return False
        raise _no_draft() from None
    context.watch.changed(before.id)
    context.told()
    return True


def ended_as_draft(task: Task) -> bool:
    """Whether the task has ended, and was never completed: it has still its deadline then."""
    return task.ended and task.attempts == 0 and task.deadline is not None


def _same(task: Task, request: GenerationRequest) -> bool:
    """Whether the task was completed with this very request."""
    return not ended_as_draft(task) and fingerprint(task.request, task.dialect) == fingerprint(request, task.dialect)


def _no_draft() -> GatewayError:
    message = "The task is no draft: it has been completed, or has ended."
    return GatewayError("conflict", message, param="id", may_retry=False)

"""A new task: stored before anybody is answered, or the one that the same request has made before."""

from __future__ import annotations

import asyncio
from typing import NamedTuple

import msgspec
from msgspec.structs import replace
from sqlalchemy.exc import IntegrityError

from telecine.accounts.principal import Principal
from telecine.nouns.catalogue import Catalogue
from telecine.nouns.errors import GatewayError, invalid
from telecine.nouns.ids import parse_task_id
from telecine.nouns.request import GenerationRequest
from telecine.nouns.task import Task
from telecine.nouns.workflow import OPERATION
from telecine.store.inserts import DRAWS
from telecine.tasks.admit import check_names, understood
from telecine.tasks.context import Context
from telecine.tasks.idempotency import Idempotency, Once
from telecine.tasks.instead import forget_unused
from telecine.tasks.plan import planned
from telecine.tasks.reads import Work
from telecine.tasks.schedule import Schedule
from telecine.tasks.start import committed, first
from telecine.tasks.steps import first_kind
from telecine.tasks.writes import Create


class Origin(msgspec.Struct, frozen=True):
    """Where a task comes from: the dialect, which of its paths, and the task that it tries again."""

    dialect: str
    form: str | None = None
    retry_of: int | None = None
    draft: bool = False
    """Whether it waits for its client to complete it."""


class Made(NamedTuple):
    """A new task as it was committed."""

    task: Task
    step: asyncio.Task[None] | None
    """Its first step, which runs now, and whose commits `Context.awaited` knows until it is taken out there; None
    where the task waits."""


async def store(
    context: Context,
    catalogue: Catalogue,
    principal: Principal,
    request: GenerationRequest,
    origin: Origin,
    *,
    schedule: Schedule,
    said: Idempotency | None,
) -> Made | int:
    """The new task, committed; the id of the one that the request, sent again, has already.

    Where its account has a place for a step, its first attempt is begun in the same transaction. Raises GatewayError.
    """
    check_names(request)
    request = understood(context, request)
    if origin.draft and request.operation == OPERATION:
        raise GatewayError("unsupported_parameter", "A workflow takes no draft; leave it out.", param="draft")
    task = _new(context, principal, request, origin)
    again = request.external_id is not None or (said or Idempotency()) != Idempotency()
    earlier = await context.reads.already(Once.of(task, said)) if again else None
    if isinstance(earlier, GatewayError):
        raise earlier
    if earlier is not None:
        return earlier
    if request.external_id is not None:
        await _check_no_id(context, principal, request.external_id)
    plan = await planned(context, catalogue, principal, request, draft=origin.draft)
    done = plan.asked if origin.draft else await plan.request(context, principal.account_id)
    mark = None if plan.instead is None else Once.of(replace(task, request=plan.asked), said).fingerprint
    task = replace(task, request=done, operation=done.operation, source_task=done.follows, asked=plan.billed)
    if plan.cost is not None:
        task = replace(task, prices=plan.cost.prices, held=plan.cost.hold, most=plan.cost.most)
    try:
        made = await _drawn(context, schedule, Work(task, None, (), plan.routes), principal, mark=mark, said=said)
    except GatewayError:
        await forget_unused(context, done, request)
        raise
    if isinstance(made, Made):
        await forget_unused(context, request, done)
    else:
        await forget_unused(context, done, request)
    return made


async def _drawn(
    context: Context,
    schedule: Schedule,
    work: Work,
    principal: Principal,
    *,
    mark: bytes | None,
    said: Idempotency | None,
) -> Made | int:
    """The same, under an id that nobody else has drawn. Raises GatewayError."""
    for _ in range(DRAWS):
        try:
            return await _made(context, schedule, work, principal, mark=mark, said=said)
        except IntegrityError:
            # Another process has just used the same key or external id, so now that can be seen; or it has drawn the
            # same id, of the task, of its attempt or of a webhook.
            work = replace(work, task=replace(work.task, id=context.ids.next(context.now())))
    raise GatewayError("internal", "The task could not be stored; send the request again.")


async def _made(
    context: Context,
    schedule: Schedule,
    work: Work,
    principal: Principal,
    *,
    mark: bytes | None,
    said: Idempotency | None,
) -> Made | int:
    """`work`, committed and begun, or the earlier task. Raises GatewayError and IntegrityError."""
    task, kind = work.task, first_kind(work.task.operation, work.routes or ())
    place = None if task.state == "draft" else schedule.reserve(task.account_id, kind)
    try:
        told = context.deliveries(task, (), f"task.{task.status}")
        start, owner = (first(context, work), context.owner) if place is not None else (None, None)
        write = context.database.write(Create(task, owner, told, said, principal.bound, kind, start, mark))
        made = await (write if start is None else committed(context, start, write))
        if isinstance(made, int):
            return made
        if place is None or (start is not None and made is None):
            return Made(task, None)
        work = work if made is None else Work(made.change.task, made.attempt, ())
        context.awaited[task.id] = work.task
        step, place = schedule.begin(work, place), None
        return Made(work.task, step)
    finally:
        if place is not None:
            schedule.spare(place)


def _new(context: Context, principal: Principal, request: GenerationRequest, origin: Origin) -> Task:
    """The task as it begins, before its channels and its price are known."""
    now = context.now()
    return Task(
        id=context.ids.next(now),
        state="draft" if origin.draft else "queued",
        deadline=now + context.limits.draft if origin.draft else None,
        account_id=principal.account_id,
        key_id=principal.key_id,
        dialect=origin.dialect,
        form=origin.form,
        operation=request.operation,
        model=request.model,
        request=request,
        external_id=request.external_id,
        created_at=now,
        retry_of=origin.retry_of,
    )


async def _check_no_id(context: Context, principal: Principal, external_id: str) -> None:
    """Raise GatewayError where the external id is the id of a task of the account: a query could mean either."""
    number = parse_task_id(external_id)
    found = await context.reads.task(number) if number is not None else None
    if found is not None and found[0].account_id == principal.account_id:
        raise invalid("external_id: is the id of another task; choose another one.", "external_id")

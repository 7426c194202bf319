"""queued → submitting: choose a channel, take a slot in its pool, begin an attempt."""

from __future__ import annotations

import random
import secrets

from msgspec.structs import replace

from telecine.nouns.errors import GatewayError
from telecine.nouns.task import Attempt
from telecine.routing.router import Route
from telecine.tasks.context import Context
from telecine.tasks.ending import cancel, fail
from telecine.tasks.reads import Work
from telecine.tasks.writes import Alternative, Change, Start

# With several channels, one that this task does not stand in line for may get room first: look again after a while.
_LOOK_AGAIN = 20.0


async def start(context: Context, work: Work) -> Work | None:
    """Begin an attempt and go on with it; None where the task waits or has ended."""
    task = work.task
    if task.cancel_requested_at is not None:
        await cancel(context, work)
        return None
    try:
        routes = await _routes(context, work)
    except GatewayError as error:
        last = work.attempt.error if work.attempt and work.attempt.error else None
        await fail(context, work, last or error.as_task_error())
        return None
    pause = min(context.router.pause(route.channel.name) for route in routes)
    if pause > 0:
        await context.rest(task.id, pause * random.uniform(1.0, 1.2))  # noqa: S311  spreading load, not a secret
        return None
    open_routes = [route for route in routes if context.router.pause(route.channel.name) == 0]
    alternatives = tuple(_alternative(context, work, route) for route in open_routes)
    chosen = await context.write(
        Start(
            alternatives=alternatives,
            owner=context.owner,
            now=context.now(),
            token=secrets.randbits(62),
            park_due=context.now() + _LOOK_AGAIN * random.uniform(1.0, 1.5) if len(routes) > 1 else None,  # noqa: S311
        )
    )
    if chosen is None:
        return None
    change = alternatives[chosen].change
    return Work(change.task, change.new_attempt, ())


async def _routes(context: Context, work: Work) -> list[Route]:
    """The channels that may run the task now, best first. Raises GatewayError where none is left."""
    task = work.task
    only = None
    if task.source_task is not None:
        source = await context.reads.task(task.source_task)
        only = source[0].channel if source else None
    last = work.attempt.channel if work.attempt else None
    routes = context.router.candidates(task.request, only=only, without=last)
    if task.attempts:
        refusers = await context.reads.refusers(task.id)
        routes = [route for route in routes if route.channel.name not in refusers]
        if not routes:
            raise GatewayError("upstream_refused", "Every channel for this model refused the job.")
    return routes


def _alternative(context: Context, work: Work, route: Route) -> Alternative:
    now = context.now()
    number = work.task.attempts + 1
    identity = context.ids.next(now)
    traits = route.provider.traits
    attempt = Attempt(
        id=identity,
        task_id=work.task.id,
        number=number,
        channel=route.channel.name,
        provider=route.provider.name,
        model=route.model,
        state="preparing" if traits.prepares else "submitting",
        handle=str(identity),
        callback_token=secrets.token_urlsafe(24),
        pool=route.pool if route.slots is not None else "",
        weight=route.weight,
        slot_held=route.slots is not None,
        created_at=now,
        submitted_at=None if traits.prepares else now,
    )
    task = replace(
        work.task,
        state="submitting",
        channel=route.channel.name,
        attempt_id=identity,
        attempts=number,
        sandbox=route.provider.name == "sandbox",
    )
    change = context.moved(work.task, Change(task=task, new_attempt=attempt), "submitting", route.channel.name)
    return Alternative(change=change, slots=route.slots, quota=route.quota)

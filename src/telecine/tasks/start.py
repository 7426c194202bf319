"""queued → submitting: choose a channel, take a slot in its pool, begin an attempt."""

from __future__ import annotations

import contextlib
import random
import secrets
from collections.abc import Awaitable, Sequence
from typing import TypeVar

from msgspec.structs import replace
from sqlalchemy.exc import IntegrityError

from telecine.nouns.errors import GatewayError, TaskError
from telecine.nouns.task import Attempt
from telecine.routing.router import Route
from telecine.store.inserts import DRAWS
from telecine.tasks.candidates import candidates, last_error, others, patience
from telecine.tasks.context import Context
from telecine.tasks.ending import cancel, fail
from telecine.tasks.reads import Work
from telecine.tasks.writes import Alternative, Change, Start

_NO_CHANNEL = TaskError("upstream_failed", "No channel for this model has worked for a while.")
# With several channels, one that this task does not stand in line for may get room first: look again after a while.
_LOOK_AGAIN = 20.0
T = TypeVar("T")


async def start(context: Context, work: Work) -> Work | None:
    """Begin an attempt and go on with it; None where the task waits or has ended."""
    task = work.task
    if task.cancel_requested_at is not None:
        await cancel(context, work)
        return None
    try:
        known = await candidates(context, work)
    except GatewayError as error:
        await fail(context, work, last_error(work) or error.as_task_error())
        return None
    routes = others(context, work, known)
    pauses = {route.channel.name: context.router.circuit(route.channel.name).pause() for route in routes}
    pause = min(pauses.values())
    if pause > 0:
        await _wait(context, work, routes, pause if len(routes) == len(known) else min(pause, _LOOK_AGAIN))
        return None
    ready = [route for route in routes if pauses[route.channel.name] == 0]
    chosen = await _draw(context, work, ready, alone=len(known) == 1)
    if chosen is None:
        return None
    return Work(chosen.change.task, chosen.attempt, ())


def first(context: Context, work: Work) -> Start | None:
    """How a task begins that is about to be created; None where all its channels rest."""
    known = work.routes or ()
    ready = [route for route in known if context.router.circuit(route.channel.name).pause() == 0]
    return _started(context, work, ready, alone=len(known) == 1) if ready else None


async def committed(context: Context, start: Start, commit: Awaitable[T]) -> T:
    """What `commit` brings, which is an alternative of `start` where that was begun.

    Their circuits are taken before the commit and given back after it, so that no two tasks are the same probe.
    """
    circuits = {one.attempt.id: context.router.circuit_of(one.attempt) for one in start.alternatives}
    for attempt, circuit in circuits.items():
        circuit.take(attempt)
    begun = None
    try:
        found = await commit
        begun = found.attempt.id if isinstance(found, Alternative) else None
    finally:
        for attempt, circuit in circuits.items():
            if attempt != begun:
                circuit.spare(attempt)
    return found


async def _draw(context: Context, work: Work, routes: Sequence[Route], *, alone: bool) -> Alternative | None:
    """Begin an attempt on the first of `routes` that has room, under an id that nobody else has drawn; None where the
    task stands in line."""
    for left in reversed(range(DRAWS)):
        start = _started(context, work, routes, alone=alone)
        with contextlib.suppress(*([IntegrityError] if left else [])):
            return await committed(context, start, context.write(start))
    return None


def _started(context: Context, work: Work, routes: Sequence[Route], *, alone: bool) -> Start:
    now = context.now()
    return Start(
        alternatives=tuple(_alternative(context, work, route, now) for route in routes),
        owner=context.owner,
        now=now,
        token=secrets.randbits(62),
        park_due=None if alone else now + _LOOK_AGAIN * random.uniform(1.0, 1.5),  # noqa: S311
    )


async def _wait(context: Context, work: Work, routes: Sequence[Route], pause: float) -> None:
    """All of `routes` rest for `pause` seconds: come again after that, or give up."""
    now, until = context.now(), patience(context, work, routes)
    if until is not None and now >= until:
        await fail(context, work, last_error(work) or _NO_CHANNEL)
        return
    wait = pause * random.uniform(1.0, 1.2)  # noqa: S311  spreading load, not a secret
    await context.rest(work.task.id, wait if until is None else min(wait, until - now))


def _alternative(context: Context, work: Work, route: Route, now: float) -> Alternative:
    number = work.task.attempts + 1
    identity = context.ids.next(now)
    traits = route.provider.traits_of(work.task.operation, route.model, route.channel)
    prepared = traits.prepared(work.task.request)
    attempt = Attempt(
        id=identity,
        task_id=work.task.id,
        number=number,
        channel=route.channel.name,
        address=route.channel.address,
        provider=route.provider.name,
        model=route.model,
        state="preparing" if prepared else "submitting",
        handle=str(identity),
        callback_token=secrets.token_urlsafe(24),
        pool=route.pool if route.slots is not None else "",
        weight=route.weight,
        slot_held=route.slots is not None,
        created_at=now,
        submitted_at=None if prepared else now,
    )
    task = replace(
        work.task,
        state="submitting",
        channel=route.channel.name,
        attempt_id=identity,
        attempts=number,
        asked=route.billed,
        sandbox=route.provider.terms.free,
    )
    change = context.moved(work.task, Change(task=task, new_attempt=attempt), "submitting", route.channel.name)
    return Alternative(change=change, slots=route.slots, quota=route.quota)

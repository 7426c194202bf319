"""Which channels may still run a task, and when it has waited for them long enough."""

from __future__ import annotations

from collections.abc import Sequence

from telecine.nouns.billed import Billed
from telecine.nouns.errors import GatewayError, TaskError
from telecine.nouns.operations import OPERATIONS
from telecine.nouns.request import GenerationRequest
from telecine.providers.base import Channel, Provider, Traits, no_address
from telecine.routing.router import Place, Route, Router
from telecine.tasks.context import Context
from telecine.tasks.reads import Work
from telecine.tasks.references import place_of


def routes_of(
    router: Router, request: GenerationRequest, *, after: Place | None = None, without: str | None = None
) -> list[Route]:
    """The channels that can run `request`, best first; never empty. Raises GatewayError: see `Router.choose`."""

    def fits(provider: Provider, channel: Channel, model: str) -> Billed:
        billed = provider.check(request, model, channel)
        if not router.public and request.inputs:
            _check_urls(request, provider.traits_of(request.operation, model, channel))
        return billed

    return router.choose(
        request.model,
        fits,
        slots=lambda route: _slots(request, route),
        fewer=bool(getattr(request.parameters, "fewer", None)),
        after=after,
        without=without,
    )


def _slots(request: GenerationRequest, route: Route) -> int:
    """How many slots it takes: a grid is one job at whoever makes grids, however many pictures it shows."""
    if OPERATIONS[request.operation].slots != "count":
        return 1
    grid = getattr(request.parameters, "grid", None)
    one = grid and route.provider.traits_of(request.operation, route.model, route.channel).grids
    return 1 if one else request.count


def _check_urls(request: GenerationRequest, traits: Traits) -> None:
    """Raise GatewayError for a file that came inline: the upstream would have to fetch it here, and cannot."""
    for item in request.inputs:
        kept = traits.keeps and item.asset_id is not None
        if item.url is None and traits.by_url(item.role) and not kept:
            raise no_address(item.role)


async def candidates(context: Context, work: Work) -> list[Route]:
    """The channels that may run the task, best first, the one that was tried just now last.

    None that refused it, or whose job for it failed. Raises GatewayError where none is left.
    """
    if work.routes is not None:
        return list(work.routes)
    task = work.task
    last = work.attempt.channel if work.attempt else None
    routes = routes_of(context.router, task.request, after=await place_of(context, task), without=last)
    if task.attempts:
        averse = await context.reads.averse(task.id)
        routes = [route for route in routes if route.channel.name not in averse]
        if not routes:
            raise GatewayError("upstream_refused", "Every channel for this model refused the job.")
    return routes


def others(context: Context, work: Work, routes: Sequence[Route]) -> Sequence[Route]:
    """`routes` without the channel that could not be reached just now: another one goes first, even if it is full or
    rests. Once its circuit has closed, or the task's patience is over, it counts again.
    """
    last = work.attempt
    if last is None or last.state != "never_sent" or context.router.circuit(last.channel).state == "closed":
        return routes
    if context.now() >= (work.task.deadline or 0.0):
        return routes
    return [route for route in routes if route.channel.name != last.channel] or routes


def patience(context: Context, work: Work, routes: Sequence[Route]) -> float | None:
    """When a task gives up on `routes`, which all rest (seconds since the epoch): only one attempt at a time tries
    them, and it may never be this task's. None: a channel that is merely full is waited for.
    """
    since = [context.router.circuit(route.channel.name).failing_since for route in routes]
    failing = [one for one in since if one is not None]
    if len(failing) < len(routes):
        return None
    waits = work.attempt.ended_at if work.attempt and work.attempt.ended_at else work.task.created_at
    return work.task.deadline or max(waits, *failing) + context.limits.unreachable


def last_error(work: Work) -> TaskError | None:
    """What the last attempt ended with, as far as it is the client's business."""
    error = work.attempt.error if work.attempt else None
    return None if error is None or error.code == "capacity" else error

"""Where a task stands that waits for an upstream slot or a channel's quota, and how long that may take."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from telecine.nouns.errors import GatewayError
from telecine.nouns.rate import limited_channel
from telecine.nouns.task import Task
from telecine.routing.router import Route
from telecine.tasks.candidates import routes_of
from telecine.tasks.context import Context
from telecine.tasks.use import Use
from telecine.tasks.view import Place


async def places(context: Context, tasks: Sequence[Task]) -> dict[int, Place]:
    """The place of each task that stands in a line, by task id; those that wait for nothing have none."""
    waiting = {task.id: task for task in tasks if task.state == "queued"}
    if not waiting:
        return {}
    found = await context.reads.positions(tuple(waiting))
    channels = {channel for line, _ in found.values() if (channel := limited_channel(line)) is not None}
    uses = await context.reads.uses(channels)
    return {
        task_id: Place(position, _estimate(context, waiting[task_id], line, position, uses))
        for task_id, (line, position) in found.items()
    }


def _estimate(context: Context, task: Task, line: str, position: int, uses: Mapping[str, Use]) -> int | None:
    """Seconds until it is the task's turn; None where its line is no longer configured."""
    channel = limited_channel(line)
    try:
        routes = routes_of(context.router, task.request)
    except GatewayError:
        return None
    if channel is None:
        return next(
            (_slot(context, task, route, position) for route in routes if route.pool == line and route.slots), None
        )
    quota = next((route.quota for route in routes if route.channel.name == channel), None)
    if quota is None:
        return None
    now = context.now()
    return math.ceil(uses.get(channel, Use()).turn(quota, now, position) - now)


def _slot(context: Context, task: Task, route: Route, position: int) -> int:
    """By how long such jobs take."""
    traits = route.provider.traits_of(task.operation, route.model)
    typical = context.pace.typical(route.provider.name, route.model, traits)
    return math.ceil(typical * position / (route.slots or 1))

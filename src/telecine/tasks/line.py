"""Where a task stands that waits for an upstream slot, and how long that may take."""

from __future__ import annotations

import math
from collections.abc import Sequence

from telecine.nouns.errors import GatewayError
from telecine.nouns.task import Task
from telecine.tasks.context import Context
from telecine.tasks.view import Place


async def places(context: Context, tasks: Sequence[Task]) -> dict[int, Place]:
    """The place of each task that stands in a line, by task id; those that wait for nothing have none."""
    waiting = {task.id: task for task in tasks if task.state == "queued"}
    if not waiting:
        return {}
    found = await context.reads.positions(tuple(waiting))
    return {
        task_id: Place(position, _estimate(context, waiting[task_id], pool, position))
        for task_id, (pool, position) in found.items()
    }


def _estimate(context: Context, task: Task, pool: str, position: int) -> int | None:
    """Seconds until it is the task's turn, by how long such jobs have taken; None where too few have been seen."""
    try:
        routes = context.router.candidates(task.request)
    except GatewayError:
        return None
    route = next((route for route in routes if route.pool == pool and route.slots), None)
    if route is None or not route.slots:
        return None
    typical = context.pace.typical(route.provider.name, route.model)
    return None if typical is None else math.ceil(typical * position / route.slots)

"""The drawings under way: for equal jobs one, in worker processes, each account's in turn."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterable
from functools import partial
from typing import Final

from msgspec.structs import replace

from telecine.nouns.errors import TaskError
from telecine.providers.sandbox import render
from telecine.providers.sandbox.jobs import Jobs, SandboxJob
from telecine.workers import WorkerError, Workers

_CRASHES: Final = 3
"""Drawings that may come to nothing before the job fails."""
_SMOOTHING: Final = 0.1
_EARLY: Final = 0.25
"""The share of the likely wait after which a job in a queue is worth asking about again."""


class Drawings:
    """Draws jobs, and says in `jobs` how that went."""

    def __init__(self, jobs: Jobs, workers: Workers) -> None:
        self._jobs = jobs
        self._workers = workers
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._queues: dict[int, dict[bytes, int]] = {}
        """By account, what is drawn, in the order in which it was begun, with numbers that rise."""
        self._numbers = itertools.count()
        self._took = 0.0
        """How long a drawing took of late, in seconds."""
        self._closed = False

    def start(self, job: SandboxJob) -> float:
        """See to it that the job, or an equal one, is being drawn; seconds for which asking is of no use."""
        queue, likeness = self._queues.setdefault(job.account_id, {}), job.likeness
        if likeness not in queue and job.handle not in self._tasks and not self._closed:
            queue[likeness] = next(self._numbers)
            task = asyncio.create_task(self._draw(job), name=f"sandbox {job.handle}")
            self._tasks[job.handle] = task

            def ended(task: asyncio.Task[None]) -> None:
                del self._tasks[job.handle], queue[likeness]
                if not queue:
                    del self._queues[job.account_id]
                if not task.cancelled():
                    task.exception()  # seen; the next poll starts another

            task.add_done_callback(ended)
        ahead = queue[likeness] - next(iter(queue.values())) if likeness in queue else 0
        return ahead * self._took * _EARLY

    async def stop(self, handles: Iterable[str]) -> None:
        """Stop what is being drawn for these jobs; others that wait for it begin anew when they are asked about."""
        tasks = [self._tasks[handle] for handle in handles if handle in self._tasks]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def close(self) -> None:
        """Stop all, and start no more."""
        self._closed = True
        await self.stop(list(self._tasks))

    async def _draw(self, job: SandboxJob) -> None:
        inputs, targets = self._jobs.inputs(job), self._jobs.outputs(job)
        try:
            took = await self._workers.run(
                render.render, job, inputs, targets, seconds=render.seconds_for(job), account_id=job.account_id
            )
        except WorkerError as error:
            await self._jobs.run(partial(self._jobs.change, job.handle, partial(_crashed, error)))
        else:
            self._took += (took - self._took) * _SMOOTHING
            await self._jobs.run(partial(self._jobs.drawn, job, round(took, 3)))


def _crashed(error: WorkerError, job: SandboxJob) -> SandboxJob:
    job = replace(job, crashes=job.crashes + 1)
    if error.declined:
        return replace(job, error=TaskError("invalid_request", f"The sandbox cannot draw this: {error}.", "inputs"))
    if job.crashes >= _CRASHES:
        return replace(job, error=TaskError("upstream_failed", f"The sandbox could not draw this: {error}."))
    return job

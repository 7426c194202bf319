"""Who runs a task's next step, and when: what tasks want of a schedule, whatever carries it.

When a task comes again is committed with the step that says so, or with the wish of its owner (`tasks/writes/`), so no
schedule is ever out of step with the records, and one that was lost is made anew from them
(`telecine.tasks.writes.rebuild`). What is left to a schedule is to find what is due, and to have it run. Guaranteed:

- what has something left to do is run when it is due, or as soon after that as there is a place for its account;
- one step of a task at a time, in whatever process: its lease, which the records hold, decides who may run it;
- a wish that comes while a step runs is heeded after that step;
- a step that breaks leaves its task scheduled, and nothing else is held up by it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

from telecine.loops import Loop
from telecine.tasks.context import Context
from telecine.tasks.reads import Work
from telecine.tasks.steps import Kind, Place
from telecine.tasks.underway import Underway

Known = Work | Underway | None
"""What is known of a task whose step begins: see `telecine.tasks.advance.advance`."""
Advance = Callable[[Context, int, Known], Awaitable[None]]
"""Runs the steps of a leased task until it rests, waits or has ended: `telecine.tasks.advance.advance`."""


class Schedule(Protocol):
    """The schedule as one process sees it."""

    def run(self, advance: Advance) -> tuple[Loop, ...]:
        """Have `advance` run what is due, for as long as these loops run. Called once, before anything else."""
        ...

    async def schedule(self, task_id: int, due: float) -> None:
        """Have a task run at `due` (seconds since the epoch), unless it comes sooner anyhow. One that has nothing left
        to do stays as it is."""
        ...

    def reserve(self, account_id: int, kind: Kind) -> Place | None:
        """A place for the first step of a task that is about to be committed, where there is one now; for `begin`, or
        `spare`."""
        ...

    def spare(self, place: Place) -> None:
        """Nothing is begun there."""
        ...

    def begin(self, work: Work, place: Place) -> asyncio.Task[None]:
        """Run the first steps of a task that this process has just committed, leased, in the place that was reserved
        for them; whoever waits may go away."""
        ...

    def underway(self, task_id: int) -> asyncio.Task[None] | None:
        """The step of the task that runs in this process now."""
        ...

    async def heed(self, task_id: int, seconds: float) -> None:
        """A wish about the task was just committed, which has made it due. Wait for the step that heeds it, where that
        runs in this process: `seconds` at most, and as long for one that is under way already."""
        ...

    def nudge(self) -> None:
        """Something has fallen due in the records: look at once."""
        ...

    async def stop(self, grace: float) -> list[str]:
        """Take no more work, and let the steps under way finish for `grace` seconds. The names of those that heeded no
        cancel."""
        ...

"""The schedule in a table of the records' own database: `telecine.tasks.schedule.Schedule` for one process or several.

The engine claims due tasks, a lease each, and runs `advance` for them; it extends the leases of long steps and never
runs a task that it does not hold.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from functools import partial
from typing import Final

import structlog

from telecine.loops import LEAVING, Loop, end
from telecine.tasks.context import Context
from telecine.tasks.questions import ask, listed
from telecine.tasks.reads import Work
from telecine.tasks.schedule import Advance, Known
from telecine.tasks.steps import Kind, Place, Steps
from telecine.tasks.underway import Underway
from telecine.tasks.writes import LEASE_SECONDS, Claim, Claimed, Extend, Mark, StaleError

_log = structlog.get_logger(__name__)

_CLAIM: Final = 256
_TICK: Final = 1.0
_GATHER: Final = 0.02
"""Between two claims: what falls due in the meantime is claimed in one statement."""
_AFTER_BUG: Final = 30.0
EXTEND_SECONDS: Final = LEASE_SECONDS / 3


class Engine:
    """Runs steps in this process, which accounts share."""

    def __init__(self, context: Context, *, most: int = 1024) -> None:
        """`most`: see telecine.tasks.steps.Steps; 0 runs none but those that this process creates."""
        self._context = context
        self._advance: Advance = _nothing
        self.steps = Steps(most)
        self._idle = not most
        self._running: dict[int, asyncio.Task[None]] = {}
        self._next: dict[int, tuple[Place, float]] = {}
        """Claimed in the very batch that ended their last step, whose coroutine has not returned yet; since when."""
        self._claims = Loop("claims", self._claim_due, context.clock, every=_TICK)
        self._leases = Loop("leases", self._extend, context.clock, every=EXTEND_SECONDS, first=EXTEND_SECONDS)
        self._unheard: list[int] = []
        """The tokens of claims that were not answered."""
        self._stopping = False
        self._full: set[tuple[Kind, int]] = set()
        """Whose steps had to wait at the last claim: how late those begin says nothing of this process."""
        self.last_claim: float | None = None
        """When the schedule was last read, by the clock's `elapsed`: readiness looks at it."""
        self.lateness: Callable[[float], None] = lambda _: None
        """Told how late each step begins, in seconds."""

    @property
    def running(self) -> int:
        """How many steps are under way."""
        return len(self._running)

    def run(self, advance: Advance) -> tuple[Loop, ...]:
        """Have `advance` run what is due; the loops find due tasks, and keep them ours."""
        self._advance = advance
        return (self._claims, self._leases)

    async def schedule(self, task_id: int, due: float) -> None:
        """Have a task run at `due`, unless it comes sooner anyhow.

        Where its step runs just now, and `due` is still to come, that step's own word counts: it sees what is there.
        """
        await self._context.database.write(Mark(task_id, self._context.now(), due=due))
        self.nudge()

    def reserve(self, account_id: int, kind: Kind) -> Place | None:
        """A place for the first step of a task that is about to be committed, where there is one now."""
        if self._idle:
            return self.steps.add(kind, account_id)
        place = self.steps.try_take(kind, account_id)
        if place is None:
            self._full.add((kind, account_id))
        return place

    def spare(self, place: Place) -> None:
        """Give back what was reserved and is not used."""
        place.leave()
        if self._full:
            self.nudge()

    def begin(self, work: Work, place: Place) -> asyncio.Task[None]:
        """Run the steps of a task that this process has just committed, leased; whoever waits for it may go away."""
        since = self._context.clock.elapsed() - max(0.0, self._context.now() - work.task.created_at)
        return self._spawn(work.task.id, place, since, work)

    def underway(self, task_id: int) -> asyncio.Task[None] | None:
        """The step of `task_id` that runs in this process now."""
        return self._running.get(task_id)

    def nudge(self) -> None:
        """Something has fallen due: look at once."""
        self._claims.nudge()

    async def heed(self, task_id: int, seconds: float) -> None:
        """Wait for the step that is under way, and for the one that heeds what was just committed."""
        await self._over([task_id], seconds)
        await self.claim()
        await self._over([task_id], seconds)

    async def claim(self) -> tuple[int, float | None]:
        """Start the step of every task that is due now; how many, and when the next one is due."""
        if self._idle or self._stopping:
            return 0, None
        now, since = self._context.now(), self._context.clock.elapsed()
        waited = self._full | set(self.steps.full())
        found, upcoming = await self._claim(_CLAIM, now)
        self.last_claim = self._context.clock.elapsed()
        lists: dict[tuple[str, str, str], list[Underway]] = {}
        for one in found:
            if (one.kind, one.account_id) not in waited:
                self.lateness(now - one.due)
                self._context.pace.late(now - one.due)
            place, job = self.steps.add(one.kind, one.account_id), one.job
            if one.task_id in self._running:
                self._next[one.task_id] = place, since
            elif job is not None and listed(self._context, job):
                self._context.places[one.task_id] = place
                lists.setdefault((job.channel, job.address, job.provider), []).append(job)
            else:
                self._spawn(one.task_id, place, since, job)
        for jobs in lists.values():
            self._track([one.task_id for one in jobs], partial(self._ask, jobs), since)
        self._full = set(self.steps.full())
        return len(found), upcoming

    async def _claim(self, limit: int, now: float) -> tuple[list[Claimed], float | None]:
        """One claim; with the token of one that was not answered, for nobody knows what that has taken."""
        unheard = bool(self._unheard)
        token = self._unheard.pop() if unheard else secrets.randbits(62)
        answer: tuple[list[Claimed], float | None] | None = None
        try:
            answer = await self._context.database.write(
                Claim(self._context.owner, limit, now, self.steps, token, unheard)
            )
        finally:
            if answer is None:
                self._unheard.append(token)
        return answer

    async def drain(self) -> None:
        """Run everything that is due now, and what becomes due at once from it. For tests and one-off commands."""
        while (await self.claim())[0] or self._running:
            if self._running:
                await asyncio.wait(list(self._running.values()))

    async def stop(self, grace: float) -> list[str]:
        """Take no more work, let the steps under way finish for `grace` seconds, leave the rest to the next start.

        The names of the steps that heeded no cancel.
        """
        self._stopping = True
        await self._over(self._running, grace)
        return await end(set(self._running.values()), LEAVING)

    async def _over(self, task_ids: Collection[int], seconds: float) -> None:
        """Wait until no step of these tasks runs, for `seconds` at most: a list's is followed by one of what it has
        changed."""
        until = time.monotonic() + seconds
        while steps := {self._running[one] for one in task_ids if one in self._running}:
            _, left = await asyncio.wait(steps, timeout=max(0.0, until - time.monotonic()))
            if left:
                return

    def _spawn(self, task_id: int, place: Place, since: float, known: Known = None) -> asyncio.Task[None]:
        self._context.places[task_id] = place
        return self._track([task_id], partial(self._advance, self._context, task_id, known), since)

    def _track(
        self, task_ids: Sequence[int], steps: Callable[[], Awaitable[None]], since: float | None = None
    ) -> asyncio.Task[None]:
        """`since`: when the transaction that took their leases was begun, by the clock's `elapsed`; None where they are
        counted already."""
        step = asyncio.create_task(self._run(task_ids, steps), name=f"task {task_ids[0]}")
        for one in task_ids:
            self._running[one] = step
            if since is not None:
                self._context.leases[one] = since + LEASE_SECONDS
        step.add_done_callback(lambda done: self._ended(task_ids, done))
        return step

    def _ended(self, task_ids: Sequence[int], step: asyncio.Task[None]) -> None:
        for one in [one for one in task_ids if self._running.get(one) is step]:
            del self._running[one]
            self._context.leases.pop(one, None)
            place = self._context.places.pop(one, None)
            if place is not None:
                place.leave()
            following = self._next.pop(one, None)
            if following is not None and not self._stopping:
                self._spawn(one, *following)
        if self._full:
            self.nudge()

    async def _ask(self, jobs: Sequence[Underway]) -> None:
        """One step of many tasks: a question about all of their jobs. Where it changes something for a task, that takes
        a step of its own, which goes on with place and lease."""
        context, mine = self._context, {one.task_id for one in jobs}
        context.uncut |= mine  # whoever of them loses its lease stops none of the others
        try:
            rests, others = await ask(context, jobs)
        finally:
            context.uncut -= mine
        for job in others:
            if job.task_id in context.leases:
                self._track([job.task_id], partial(self._advance, context, job.task_id, job))
        if rests:
            await context.rest_all({one: seconds for one, seconds in rests.items() if one in context.leases})

    async def _run(self, task_ids: Sequence[int], steps: Callable[[], Awaitable[None]]) -> None:
        try:
            await steps()
        except StaleError:
            _log.info("lease_lost", task=task_ids[0])
        except Exception:
            # A bug, or the database: the tasks keep their state and are tried again, they do not fail for it.
            _log.exception("step_failed", task=task_ids[0])
            step = asyncio.current_task()
            try:
                await self._context.rest_all({one: _AFTER_BUG for one in task_ids if self._running.get(one) is step})
            except Exception:
                _log.exception("rest_failed", task=task_ids[0])  # then the leases run out, and they are claimed anew

    async def _claim_due(self) -> float:
        """A turn of the loop: claim what is due; seconds until the next."""
        claimed, upcoming = await self.claim()
        if claimed == _CLAIM:
            return 0.0
        await asyncio.sleep(_GATHER)
        return _TICK if upcoming is None else min(max(upcoming - self._context.now(), 0.0), _TICK)

    async def _extend(self) -> None:
        """A turn of the loop: keep the leases of the steps that run, and stop those that have lost theirs."""
        context = self._context
        steps = dict(self._running)
        if not steps:
            return
        now, since = context.now(), context.clock.elapsed()
        try:
            held = await context.database.write(Extend(context.owner, tuple(steps), now))
        except Exception:
            self._stop_lost(task_id for task_id in steps if context.leases.get(task_id, 0.0) <= context.clock.elapsed())
            raise
        for task_id in held:
            if self._running.get(task_id) is steps[task_id]:
                context.leases[task_id] = since + LEASE_SECONDS
        await asyncio.sleep(0)  # a step that gave its lease back in the very same batch returns now
        self._stop_lost(
            one for one, step in steps.items() if one not in held and self._running.get(one) is step and not step.done()
        )

    def _stop_lost(self, task_ids: Iterable[int]) -> None:
        """Whoever has these leases now goes on with their tasks."""
        for task_id in list(task_ids):
            _log.warning("lease_lost", task=task_id)
            self._context.leases.pop(task_id, None)
            if task_id not in self._context.uncut:
                self._running[task_id].cancel()


async def _nothing(_context: Context, _task_id: int, _known: Known) -> None:
    raise RuntimeError("nobody has said how to run a step")

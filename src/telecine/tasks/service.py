"""What dialects and the command line may do with tasks: `telecine.dialects.base.Tasks`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence, Set
from contextlib import aclosing

from msgspec.structs import replace

from telecine.accounts.principal import Principal
from telecine.nouns.catalogue import Catalogue
from telecine.nouns.errors import GatewayError
from telecine.nouns.request import GenerationRequest, Reference
from telecine.nouns.task import Attempt, Output, Task
from telecine.nouns.text import control_in
from telecine.tasks.admit import admit, check_names, not_found, owned, quote, understood
from telecine.tasks.context import Context
from telecine.tasks.create import Origin, store
from telecine.tasks.draft import complete, ended_as_draft
from telecine.tasks.events import News, Timelines, follow
from telecine.tasks.idempotency import HEADER, Idempotency, refused_at_once
from telecine.tasks.instead import may_be_done_instead
from telecine.tasks.line import places
from telecine.tasks.references import find
from telecine.tasks.retry import once_more
from telecine.tasks.schedule import Schedule
from telecine.tasks.view import Filter, Owner, Page, Place, View
from telecine.tasks.waiting import cancellation, join, until
from telecine.tasks.writes import Mark

_CANCEL_WAIT = 5.0


class TaskService:
    """Tasks of accounts. Another account's task, and a deleted one, is `not_found` everywhere."""

    def __init__(self, context: Context, schedule: Schedule, catalogue: Catalogue) -> None:
        self._context = context
        self._schedule = schedule
        self._catalogue = catalogue
        self._timelines = Timelines(context.database)

    async def create(
        self,
        principal: Principal,
        request: GenerationRequest,
        dialect: str,
        *,
        form: str | None = None,
        idempotency: Idempotency | None = None,
        draft: bool = False,
    ) -> View:
        """Store the task, then wait for its first step; see `telecine.dialects.base.Tasks.create`."""
        return await self._make(principal, request, Origin(dialect, form, draft=draft), idempotency)

    async def complete(self, principal: Principal, task_id: int, request: GenerationRequest) -> View:
        """Queue a draft with `request` in the place of its own; see `telecine.dialects.base.Tasks.complete`."""
        before = (await self.get(principal, task_id)).task
        brought = {*request.own_keys, *before.request.own_keys}
        try:
            done = await complete(self._context, self._catalogue, principal, before, request)
        except GatewayError:
            await self._forget_unused(task_id, brought)
            raise
        await self._forget_unused(task_id, brought)
        if done:
            await self._schedule.heed(task_id, self._context.limits.first_step)
        return await self.get(principal, task_id)

    async def _forget_unused(self, task_id: int, brought: Set[str]) -> None:
        """Delete those of the files that were `brought` which the records do not name, whatever a completion was
        answered: one that was committed unheard counts."""
        found = await self._context.reads.task(task_id)
        if found is not None:
            await self._context.library.forget(sorted(brought - set(found[0].request.own_keys)))

    async def retry(self, principal: Principal, task_id: int, *, idempotency: Idempotency | None = None) -> View:
        """Make a new task from the request of one that has ended. Its client's external id stays with the old one.

        What ended as a draft is one again: nobody has said yet that it is to be sent. An administrator's retry of
        another account's task is paid for by that account, and no key is counted.
        """
        before = (await self.get(principal, task_id)).task
        owner, request = await once_more(self._context, principal, before)
        origin = Origin(before.dialect, before.form, before.id, draft=ended_as_draft(before))
        return await self._make(owner, request, origin, idempotency)

    async def _make(
        self,
        principal: Principal,
        request: GenerationRequest,
        origin: Origin,
        said: Idempotency | None,
    ) -> View:
        """Whoever hangs up ends only the wait: what is committed is begun, too."""
        return await asyncio.shield(asyncio.ensure_future(self._made(principal, request, origin, said)))

    async def _made(
        self, principal: Principal, request: GenerationRequest, origin: Origin, said: Idempotency | None
    ) -> View:
        context = self._context
        try:
            made = await store(context, self._catalogue, principal, request, origin, schedule=self._schedule, said=said)
        except GatewayError:
            await context.library.forget(request.own_keys)
            raise
        if isinstance(made, int):
            await context.library.forget(request.own_keys)
            await join(context, self._schedule, made)
            return self._first_answer(await context.reads.task(made))
        if made.step is None:
            return self._view(made.task, ())
        try:
            done, _ = await asyncio.wait([made.step], timeout=context.limits.first_step)
        finally:
            task = context.awaited.pop(made.task.id)
        # From memory, where the step has come to its end and no output can be there yet.
        known = done and task.started_at is None
        return self._first_answer((task, ()) if known else await context.reads.task(task.id))

    def _first_answer(self, found: tuple[Task, tuple[Output, ...]] | None) -> View:
        """What a create answers with, each time that it is sent. Raises GatewayError."""
        if found is None or found[0].deleted_at is not None:
            message = "The task that was made for this request has been deleted; use a new key for a new one."
            raise GatewayError("conflict", message, param=HEADER, may_retry=False)
        refusal = refused_at_once(found[0], self._context.limits.first_step)
        if refusal is not None:
            raise refusal
        return self._view(*found)

    def check(self, principal: Principal, request: GenerationRequest) -> None:
        """Raise what `create` would, as far as that can be told without storing anything."""
        check_names(request)
        request = understood(self._context, request)
        if may_be_done_instead(request):  # which is seen once its source has been found
            return
        quote(self._context, principal, admit(self._context, self._catalogue, principal, request), request)

    async def get(self, principal: Principal, task_id: int) -> View:
        """One task. Raises GatewayError (`not_found`)."""
        return self._view(*owned(principal, await self._context.reads.task(task_id)))

    async def source(self, principal: Principal, reference: Reference) -> View | None:
        """The task that made what `reference` means; None where none of ours did. Raises GatewayError (`not_found`)."""
        found, _ = await find(self._context, principal, reference)
        return None if found.task is None else await self.get(principal, found.task)

    async def find_external(self, principal: Principal, external_id: str) -> View:
        """The task that the client named `external_id`. Raises GatewayError (`not_found`)."""
        if control_in(external_id):
            raise not_found()
        task_id = await self._context.reads.external(principal.account_id, external_id)
        if task_id is None:
            raise not_found()
        return await self.get(principal, task_id)

    async def list(self, principal: Principal, wanted: Filter) -> Page:
        """One page of the account's tasks, of every account's for an administrator."""
        rows, more = await self._context.reads.page(None if principal.admin else principal.account_id, wanted)
        return Page(tuple(self._view(*row) for row in rows), more)

    async def cancel(self, principal: Principal, task_id: int) -> View:
        """Ask for the task's end: at once where no job exists upstream, else as soon as the upstream lets it go."""
        view = await self.get(principal, task_id)
        if not view.task.ended:
            await self._mark(Mark(task_id, self._context.now(), cancel=True))
            view = await self.get(principal, task_id)
        return replace(view, cancellation=await cancellation(self._context, view.task))

    async def wait(self, principal: Principal, task_id: int, seconds: float) -> View:
        """The task once it has ended, or as it is after `seconds`."""
        view = await self.get(principal, task_id)
        if view.task.ended or seconds <= 0:
            return view
        await until(self._context, task_id, lambda task: task.ended or task.deleted_at is not None, seconds)
        return await self.get(principal, task_id)

    async def owners(self, principal: Principal, views: Sequence[View]) -> dict[int, Owner]:
        """By task id, whose the tasks are, for an administrator; others are told nothing, and it costs nothing."""
        return await self._context.reads.owners([view.task.id for view in views]) if principal.admin else {}

    async def places(self, views: Sequence[View]) -> dict[int, Place]:
        """By task id, the place of each task that stands in line for an upstream slot."""
        return await places(self._context, [view.task for view in views])

    async def delete(self, principal: Principal, task_id: int) -> View:
        """Put a tombstone on the task; one that still runs is cancelled too, and `View.cancellation` says how."""
        view = await self.get(principal, task_id)
        await self._mark(Mark(task_id, self._context.now(), cancel=not view.task.ended, delete=True))
        if view.task.ended or (found := await self._context.reads.task(task_id)) is None:
            return view
        return replace(view, cancellation=await cancellation(self._context, found[0]))

    async def news(self, principal: Principal, task_id: int, after: int = 0) -> AsyncGenerator[News | None]:
        """What has happened to the task since its event `after`, and what happens; see `follow`."""
        await self.get(principal, task_id)
        async with aclosing(follow(self._context, self._timelines, task_id, after)) as found:
            async for one in found:
                yield one

    async def shown(self, task_id: int) -> View:
        """One task, for whoever shows a ticket for it. Raises GatewayError (`not_found`)."""
        found = await self._context.reads.task(task_id)
        if found is None or found[0].deleted_at is not None:
            raise not_found()
        return self._view(*found)

    async def output(self, task_id: int, index: int) -> Output | None:
        """One output, for whoever has a signed link to it; None where it is gone."""
        found = await self._context.reads.task(task_id)
        if found is None or found[0].deleted_at is not None:
            return None
        return next((output for output in found[1] if output.index == index), None)

    async def find_callback(self, token: str) -> tuple[int, Attempt] | None:
        """The task id and the attempt that a provider's callback URL names."""
        return await self._context.reads.attempt_by_token(token)

    async def wake(self, task_id: int) -> None:
        """Make a task due now."""
        await self._schedule.schedule(task_id, self._context.now())

    async def _mark(self, mark: Mark) -> None:
        """Commit the mark, and give the step that heeds it a moment, so that the answer tells what came of it."""
        await self._context.database.write(mark)
        await self._schedule.heed(mark.task_id, _CANCEL_WAIT)

    def _view(self, task: Task, outputs: tuple[Output, ...]) -> View:
        if task.ended:
            return View(task, outputs)
        if task.state in ("draft", "queued", "submitting") or task.channel is None:
            return View(task, outputs, 2.0)
        provider = self._context.router.provider(task.channel)
        if provider is None:
            return View(task, outputs, 30.0)
        elapsed = self._context.now() - task.created_at
        traits = provider.traits_of(task.operation, task.model)
        return View(task, outputs, self._context.pace.after(provider.name, task.model, elapsed, traits))

"""The sandbox as a provider: jobs in files, drawn in worker processes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Final

import msgspec
from msgspec.structs import replace

from telecine.clock import Clock
from telecine.net.client import FetchError
from telecine.net.exchange import CHUNK
from telecine.nouns import catalogue
from telecine.nouns.billed import Billed
from telecine.nouns.catalogue import Catalogue
from telecine.nouns.errors import ErrorCode, GatewayError, TaskError
from telecine.nouns.request import GenerationRequest
from telecine.providers.base import Channel, Job, MediaReader, Provider, Submission, Terms, Traits
from telecine.providers.outcomes import (
    Accepted,
    Cancelled,
    CancelOutcome,
    Failed,
    Found,
    LookUpOutcome,
    Lost,
    NeverSent,
    NotCancellable,
    NotFound,
    PollOutcome,
    Refused,
    Running,
    SubmitOutcome,
    Succeeded,
    Unreadable,
    UpstreamOutput,
)
from telecine.providers.sandbox import directives
from telecine.providers.sandbox.drawings import Drawings
from telecine.providers.sandbox.intake import Intake
from telecine.providers.sandbox.jobs import Jobs, SandboxJob
from telecine.providers.sandbox.made import RETENTION, result
from telecine.providers.sandbox.plan import billed_of, plan, wording
from telecine.providers.sandbox.recipes import ONCE_MORE, recipe_of
from telecine.providers.sandbox.taking import begins_with_source, opening
from telecine.workers import Workers

_SWEEP_SECONDS: Final = 3600.0
_LOOKS: Final = 10
"""Polls in which a job that is to wait shows its progress."""


class SandboxProvider(Provider):
    """`root` is its folder, made when the first job comes; `known` are the models that it makes as they are known."""

    name = "sandbox"
    terms = Terms(free=True, remote=False)
    traits = Traits(
        look_up=True,
        unique_handle=True,
        cancel=True,
        visibility_lag=0.0,
        submit_timeout=30.0,
        deadline=600.0,
        retention=RETENTION,
        poll_floor=0.5,
        usual=1.0,
        polls_free=True,
        grids=True,
    )

    def __init__(self, root: Path, clock: Clock, workers: Workers, known: Catalogue | None = None) -> None:
        self._jobs = Jobs(root)
        self._clock = clock
        self._known = catalogue.load() if known is None else known
        self._intake = Intake(self._jobs, workers)
        self._drawings = Drawings(self._jobs, workers)
        self._swept_at = float("-inf")

    def traits_of(self, operation: str, model: str, channel: Channel | None = None) -> Traits:
        """The same for all that it draws."""
        return self.traits

    def check(self, request: GenerationRequest, model: str, channel: Channel | None = None) -> Billed:
        """What would be drawn. Raises GatewayError for unknown directives, for what is too large to draw, and for what
        was not taken."""
        return billed_of(request, plan(request, "", None, 0.0, self._known))

    async def submit(self, channel: Channel, submission: Submission, media: MediaReader) -> SubmitOutcome:
        """Note the job. The same handle again is the same job. Raises FetchError while media cannot be had."""
        try:
            code = directives.read(wording(submission.request))[0].refuse
            if code is not None:
                return _refusal(code)
            await self._sweep()
            item, recipe = opening(submission.request), recipe_of(submission.request)
            follows = begins_with_source(submission.request)
            has_files = item is not None or recipe.of or follows or recipe.draws in ONCE_MORE
            if has_files and await self._jobs.run(partial(self._jobs.read, submission.handle)) is not None:
                return Accepted(submission.handle)
            job = await self._planned(submission, media)
            submission.before_send()
            await self._jobs.run(partial(self._jobs.create, job))
        except GatewayError as error:
            return Refused(error.as_task_error())
        except (OSError, msgspec.DecodeError):
            return NeverSent("the sandbox cannot use its folder")
        return Accepted(submission.handle)

    async def _planned(self, submission: Submission, media: MediaReader) -> SandboxJob:
        """The job, with its files beside it. Raises GatewayError, FetchError."""
        request, handle = submission.request, submission.handle
        item, recipe = opening(request), recipe_of(request)
        size, sha256 = None, ""
        if item is not None:
            size, sha256 = await self._intake.opening(item, submission, media)
        elif begins_with_source(request):
            size, sha256 = await self._intake.opening_of_source(submission)
        given = await self._intake.all_of(submission, media) if recipe.of else ()
        before = await self._intake.before(submission) if recipe.draws in ONCE_MORE else None
        job = plan(request, handle, size, self._clock.now(), self._known, given=given, before=before)
        return replace(job, account_id=submission.account_id, picture_sha256=sha256)

    async def poll(self, channel: Channel, job: Job) -> PollOutcome:
        """What is noted of it and the clock say; starts the drawing when it is due. What is not noted is no job,
        and there never will be: nobody bills it."""
        outcome = await self._verdict(job.upstream_id or job.handle)
        return Lost("its file is gone", unbilled=True) if isinstance(outcome, NotFound) else outcome

    async def look_up(self, channel: Channel, job: Job) -> LookUpOutcome:
        """The same, by the handle, which is also the job's id."""
        outcome = await self._verdict(job.handle)
        return outcome if isinstance(outcome, NotFound | Unreadable) else Found(job.handle, outcome)

    async def collect(self, channel: Channel, output: UpstreamOutput) -> AsyncIterator[bytes]:
        """The file behind `sandbox:<handle>/<index>`. Raises FetchError where it is no longer kept."""
        handle, _, index = output.url.removeprefix("sandbox:").rpartition("/")
        path = await asyncio.to_thread(self._jobs.output, handle, int(index)) if index.isdecimal() else None
        if path is None:
            raise FetchError("the sandbox no longer keeps this file", status=404)
        file = await asyncio.to_thread(path.open, "rb")
        try:
            while chunk := await asyncio.to_thread(file.read, CHUNK):
                yield chunk
        finally:
            file.close()

    async def cancel(self, channel: Channel, job: Job) -> CancelOutcome:
        """Mark the job, and stop drawing it."""
        handle = job.upstream_id or job.handle
        try:
            marked = await self._jobs.run(partial(self._jobs.change, handle, self._marked_cancelled))
        except (OSError, msgspec.DecodeError):
            return Unreadable("what is noted of the job cannot be used")
        if marked is None:
            return Unreadable("there is no such job")
        if not marked.cancelled:
            return NotCancellable()
        await self._drawings.stop([handle])
        return Cancelled()

    async def ping(self, channel: Channel) -> str:
        """Whether jobs can be written. Raises FetchError."""
        try:
            await self._jobs.run(self._jobs.try_folder)
        except OSError:
            raise FetchError("the sandbox cannot use its folder", sent=False) from None
        return "The sandbox is ready."

    async def forget(self, handles: Sequence[str]) -> None:
        """Delete their files. Raises OSError."""
        await self._drawings.stop(handles)
        await self._jobs.run(partial(self._jobs.forget, handles))

    async def close(self) -> None:
        """Stop drawing; the jobs go on when they are next asked about, here or in another process."""
        await self._drawings.close()
        await self._jobs.close()

    async def _verdict(self, handle: str) -> Running | Succeeded | Failed | Unreadable | NotFound:
        try:
            job, ended = await self._jobs.run(partial(self._look, handle))
        except (OSError, msgspec.DecodeError):
            return Unreadable("what is noted of the job cannot be used")
        if job is None or ended is not None:
            return ended or NotFound()
        now = self._clock.now()
        wait = min(job.delay / _LOOKS, job.done_at - now) if now < job.done_at else self._drawings.start(job)
        return Running(_progress(job, now), retry_after=wait)

    def _look(self, handle: str) -> tuple[SandboxJob | None, Succeeded | Failed | Unreadable | None]:
        """The job, and what to say of it unless it is under way. Blocks."""
        job = self._jobs.read(handle)
        if job is None:
            return None, None
        if job.unreadable > 0:
            self._jobs.change(handle, lambda found: replace(found, unreadable=found.unreadable - 1))
            return job, Unreadable("the prompt asked for an unreadable answer")
        now = self._clock.now()
        return job, self._ended(job, now) or (self._ended(self._jobs.share(job), now) if now >= job.done_at else None)

    def _ended(self, job: SandboxJob, now: float) -> Succeeded | Failed | None:
        """How the job has ended; None while it has not. Blocks."""
        if job.cancelled:
            return Failed(TaskError("cancelled", "The job was cancelled."))
        if now < job.done_at:
            return None
        if job.fail is not None:
            return Failed(TaskError(job.fail, f"The prompt asked the sandbox to fail with '{job.fail}'."))
        if job.compute_seconds is not None and self._jobs.rendered(job):
            return result(job)
        return Failed(job.error) if job.error is not None else None

    def _marked_cancelled(self, job: SandboxJob) -> SandboxJob:
        return job if self._ended(job, self._clock.now()) else replace(job, cancelled=True)

    async def _sweep(self) -> None:
        """Once an hour, forget the jobs that nobody may ask about any more."""
        now = self._clock.now()
        if now >= self._swept_at + _SWEEP_SECONDS:
            self._swept_at = now
            with suppress(OSError):
                await self._jobs.run(partial(self._jobs.sweep, now - RETENTION))


def _refusal(code: ErrorCode) -> Refused:
    error = TaskError(code, f"The prompt asked the sandbox to refuse with '{code}'.")
    if code in ("rate_limited", "capacity"):
        return Refused(error, capacity=True, retry_after=1.0)
    return Refused(error)


def _progress(job: SandboxJob, now: float) -> int:
    """Per cent of the time that the job will probably take, which is its delay and then a while for drawing."""
    frames = job.duration * job.frame_rate if job.kind == "video" else job.count
    expected = job.delay + 1.0 + job.width * job.height * frames * 5e-9
    return max(0, min(99, int(99 * (now - job.created_at) / expected)))

"""What a job of the sandbox is drawn with: fetched, measured and kept beside it before the job is taken."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

from msgspec.structs import replace

from telecine.nouns.errors import invalid
from telecine.nouns.request import MediaInput, Role
from telecine.providers.base import MediaReader, Submission
from telecine.providers.sandbox import looking, render
from telecine.providers.sandbox.jobs import Jobs, SandboxJob
from telecine.providers.sandbox.recipes import FOLLOWING, Given, Look, look_of, recipe_of, shown
from telecine.workers import WorkerError, Workers

Result = TypeVar("Result")
_BYTES: Final[dict[Look, int]] = {"image": 50 << 20, "audio": 50 << 20, "video": 200 << 20}
_SECONDS: Final = 20.0
_NAMES: Final[dict[Look, str]] = {"image": "picture", "audio": "sound", "video": "video"}


class Intake:
    """Keeps the files of submissions."""

    def __init__(self, jobs: Jobs, workers: Workers) -> None:
        self._jobs = jobs
        self._workers = workers

    async def opening(
        self, item: MediaInput, submission: Submission, media: MediaReader
    ) -> tuple[tuple[int, int], str]:
        """Size and SHA-256 of the picture that it begins with, which is now ours. Raises GatewayError, FetchError."""
        file = await media.as_upload(item, _BYTES["image"])
        path, sha256 = await asyncio.to_thread(self._jobs.keep_input, submission.handle, file)
        width, height, _ = await self._measure(path, "image", submission)
        return (width, height), sha256

    async def opening_of_source(self, submission: Submission) -> tuple[tuple[int, int], str]:
        """The same of the picture that its source has made. Raises GatewayError."""
        role, made = await self._source(submission)
        if role == "video":
            raise invalid("The source is no picture.", "source")
        given = await self._kept(role, made, submission, 0)
        return (given.width, given.height), given.sha256

    async def before(self, submission: Submission) -> SandboxJob:
        """The job that is made once more. Raises GatewayError."""
        job = await self._job_of_source(submission)
        if job is None:
            raise invalid(_GONE, "source")
        return job

    async def all_of(self, submission: Submission, media: MediaReader) -> tuple[Given, ...]:
        """Everything else that the request is drawn with; what its source has made goes first.

        Raises GatewayError, FetchError.
        """
        found: list[Given] = []
        request = submission.request
        if request.source is not None and recipe_of(request).draws in FOLLOWING:
            role, path = await self._source(submission)
            found.append(await self._kept(role, path, submission, 0))
        for item in shown(request):
            path = await media.as_upload(item, _BYTES[look_of(item.role)])
            found.append(await self._kept(item.role, path, submission, len(found)))
        if recipe_of(request).draws == "repainted" and not any(one.role == "mask" for one in found):
            raise invalid("To draw a part of a picture anew takes a mask.", "inputs.mask")
        return tuple(found)

    async def _source(self, submission: Submission) -> tuple[Role, Path]:
        """The file that goes on: the one that is meant of those that the source has made, else the first; else the one
        that it was made of."""
        job = await self._job_of_source(submission)
        number = _number(submission)
        found = await asyncio.to_thread(self._file_of, job, number or 0) if job is not None else None
        if found is None:
            told = getattr(submission.request.parameters, "index", None)
            raise invalid(_GONE, "source" if told is None or job is None else "parameters.index")
        return found

    async def _job_of_source(self, submission: Submission) -> SandboxJob | None:
        handle = submission.source.upstream_id if submission.source is not None else None
        return await self._jobs.run(partial(self._jobs.read, handle)) if handle is not None else None

    def _file_of(self, job: SandboxJob, number: int) -> tuple[Role, Path] | None:
        """Blocks."""
        if job.kind in ("video", "image"):
            made = self._jobs.outputs(job)[: job.count][number : number + 1]
            role: Role = "video" if job.kind == "video" else "image"
            return (role, made[0]) if made and made[0].exists() else None
        kept = self._jobs.input(job.handle)
        return (job.given[0].role, kept) if job.given and kept.exists() else None

    async def _kept(self, role: Role, file: Path, submission: Submission, number: int) -> Given:
        path, sha256 = await asyncio.to_thread(self._jobs.keep_input, submission.handle, file, number)
        look = look_of(role)
        width, height, seconds = await self._measure(path, look, submission)
        given = replace(Given(role, look, sha256), width=width, height=height, seconds=seconds)
        if recipe_of(submission.request).draws == "described":
            given = replace(given, looks=await self._run(submission, "image", looking.look, path))
        return given

    async def _measure(self, path: Path, look: Look, submission: Submission) -> tuple[int, int, float]:
        return await self._run(submission, look, render.measure, path, look)

    async def _run(self, submission: Submission, look: Look, work: Callable[..., Result], *given: object) -> Result:
        """What `work` makes of a file, in a worker. Raises GatewayError where it can make nothing of it."""
        try:
            return await self._workers.run(
                work, *given, seconds=_SECONDS, lane="look", account_id=submission.account_id
            )
        except WorkerError as error:
            raise invalid(f"The {_NAMES[look]} cannot be used: {error}.", "inputs") from None


def _number(submission: Submission) -> int | None:
    """Which result of its source is meant, from 0 on. Raises GatewayError."""
    told = getattr(submission.request.parameters, "index", None)
    if told is None:
        return submission.source.item if submission.source is not None else None
    if told < 1:
        raise invalid("index: results are counted from 1 on.", "parameters.index")
    return int(told) - 1


_GONE: Final = "The sandbox no longer has the source, or never had it."

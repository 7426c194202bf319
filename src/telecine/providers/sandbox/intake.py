"""What a job of the sandbox is drawn with: fetched, measured and kept beside it before the job is taken."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path
from typing import Final

from msgspec.structs import replace

from telecine.nouns.errors import invalid
from telecine.nouns.request import MediaInput, Role
from telecine.providers.base import MediaReader, Submission
from telecine.providers.sandbox import render
from telecine.providers.sandbox.jobs import Jobs, SandboxJob
from telecine.providers.sandbox.recipes import FOLLOWING, Given, Look, look_of, recipe_of, shown
from telecine.workers import WorkerError, Workers

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

    async def all_of(self, submission: Submission, media: MediaReader) -> tuple[Given, ...]:
        """Everything else that the request is drawn with; what its source has made goes first.

        Raises GatewayError, FetchError.
        """
        found: list[Given] = []
        request = submission.request
        if request.source is not None and recipe_of(request.operation).draws in FOLLOWING:
            role, path = await self._source(submission)
            found.append(await self._kept(role, path, submission, 0))
        for item in shown(request):
            path = await media.as_upload(item, _BYTES[look_of(item.role)])
            found.append(await self._kept(item.role, path, submission, len(found)))
        return tuple(found)

    async def _source(self, submission: Submission) -> tuple[Role, Path]:
        """The file that goes on: the first that the source has made, else the one that it was made of."""
        handle = submission.source.upstream_id if submission.source is not None else None
        job = await self._jobs.run(partial(self._jobs.read, handle)) if handle is not None else None
        found = await asyncio.to_thread(self._file_of, job) if job is not None else None
        if found is None:
            raise invalid("The sandbox no longer has the source, or never had it.", "source")
        return found

    def _file_of(self, job: SandboxJob) -> tuple[Role, Path] | None:
        """Blocks."""
        if job.kind in ("video", "image"):
            made = self._jobs.outputs(job)[0]
            role: Role = "video" if job.kind == "video" else "image"
            return (role, made) if made.exists() else None
        kept = self._jobs.input(job.handle)
        return (job.given[0].role, kept) if job.given and kept.exists() else None

    async def _kept(self, role: Role, file: Path, submission: Submission, number: int) -> Given:
        path, sha256 = await asyncio.to_thread(self._jobs.keep_input, submission.handle, file, number)
        look = look_of(role)
        width, height, seconds = await self._measure(path, look, submission)
        return replace(Given(role, look, sha256), width=width, height=height, seconds=seconds)

    async def _measure(self, path: Path, look: Look, submission: Submission) -> tuple[int, int, float]:
        try:
            return await self._workers.run(
                render.measure, path, look, seconds=_SECONDS, lane="look", account_id=submission.account_id
            )
        except WorkerError as error:
            raise invalid(f"The {_NAMES[look]} cannot be used: {error}.", "inputs") from None

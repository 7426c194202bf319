"""Questions to upstreams about jobs: those of a channel that fall due together are one question, where it has lists."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final

import msgspec
import structlog

from telecine.providers.base import Channel, Job, PollOutcome, Provider

_log = structlog.get_logger(__name__)
_GATHER: Final = 0.02
"""Seconds for which others may join a question, as for claims."""


class _Question(msgspec.Struct):
    """One that has not been sent yet. Whoever began it sends it; the others wait for `answers`."""

    jobs: dict[str, Job]
    answers: asyncio.Future[Mapping[str, PollOutcome]]


class Questions:
    """The polls of this process. Each step that asks holds its own place, so that accounts share them as ever."""

    def __init__(self) -> None:
        self._open: dict[tuple[str, str, str], _Question] = {}

    async def poll(self, provider: Provider, channel: Channel, job: Job) -> PollOutcome:
        """What the upstream says of `job`. What a list leaves out is no verdict: such a job is asked about alone."""
        found: PollOutcome | None = None
        if provider.traits_of(job.operation, job.model).listed:
            found = await self._together(provider, channel, job)
        return await provider.poll(channel, job) if found is None else found

    async def _together(self, provider: Provider, channel: Channel, job: Job) -> PollOutcome | None:
        place = (provider.name, channel.name, channel.address)
        question = self._open.get(place)
        if question is not None:
            question.jobs[job.handle] = job
            return (await asyncio.shield(question.answers)).get(job.handle)
        question = _Question({job.handle: job}, asyncio.get_running_loop().create_future())
        self._open[place] = question
        answers: Mapping[str, PollOutcome] = {}
        try:
            await asyncio.sleep(_GATHER)
            del self._open[place]
            if len(question.jobs) > 1:
                answers = await provider.poll_many(channel, list(question.jobs.values()))
        except Exception:
            _log.exception("adapter_failed", provider=provider.name)
        finally:
            if self._open.get(place) is question:  # this step was stopped: the others ask for themselves
                del self._open[place]
            question.answers.set_result(answers)
        return answers.get(job.handle)

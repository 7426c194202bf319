"""The upstreams that go wrong in every way they can, and keep journals of it."""

from __future__ import annotations

import functools
import json
import random
from collections import Counter
from collections.abc import Callable
from typing import Any, Protocol, Self

from tests.upstreams.clip import mp4
from tests.upstreams.faults import Act, Entry, Fault, Place
from tests.upstreams.ima import FakeIma
from tests.upstreams.ima_jobs import FakeTask as FakeImaTask
from tests.upstreams.kling2 import FakeKling2
from tests.upstreams.kling_callbacks import Callbacks
from tests.upstreams.kling_jobs import FakeJob
from tests.upstreams.midjourney import FakeMidjourney
from tests.upstreams.midjourney_jobs import FULL, FakeTask, png
from tests.upstreams.openai_jobs import FakeVideo
from tests.upstreams.relay import FakeRelay, Form

SUBMIT_TIMEOUT = 3.0
"""Seconds for which the server waits for the answer to a submit."""
GOOD = frozenset({"succeed", "completed", "SUCCESS", "done"})
BAD = frozenset({"failed", "FAILURE"})
Job = FakeJob | FakeVideo | FakeTask | FakeImaTask


class Upstream(Protocol):
    """What the run needs of a fake: its faults, and what really happened in it."""

    port: int
    faults: list[Fault]
    fired: Counter[str]
    journal: list[Entry]

    def start(self) -> Self:
        """Begin to answer; what was under way when it was stopped has ended meanwhile."""
        ...

    def stop(self) -> None:
        """Refuse every connection from now on."""
        ...

    def autofinish(self, seconds: float | None) -> None:
        """Let jobs succeed by themselves after so long."""
        ...

    def soon(self, function: Callable[[], object]) -> None:
        """Run `function` on the upstream's own thread."""
        ...

    def upset(self, chance: random.Random) -> None:
        """Let something go wrong from now on."""
        ...

    def act_up(self, chance: random.Random) -> None:
        """Do something by itself now: fail a job, call back without a reason."""
        ...

    def named(self) -> list[tuple[str, str, Job]]:
        """Of every job: its id, the client's own name of it (the prompt), and the job."""
        ...

    def prompts(self) -> set[str]:
        """The names in all creates that came, also in those that made nothing."""
        ...

    def file_of(self, job: Any) -> bytes:
        """What a job has made."""
        ...


class KlingUpstream(FakeKling2):
    """Kling, both generations: it can be asked about our handle, refuses a second job with it, and calls back."""

    def __init__(self, **options: Any) -> None:
        super().__init__(honest=True, journal_queries=False, **options)
        self.forged: Counter[int] = Counter()
        """The answers that lies got, by their status."""
        self._forger = Callbacks(None, lambda kind, job, code, detail: self.forged.update([code]))

    def start(self) -> Self:
        super().start()
        self.soon(self.finish)
        return self

    def upset(self, chance: random.Random) -> None:
        self.faults.append(chance.choice([_creates, _kling_creates, _queries, _files])(chance))

    def act_up(self, chance: random.Random) -> None:
        jobs = list(self.jobs.values())[-100:]
        running = [one.task_id for one in jobs if not one.ended]
        if running and chance.random() < 0.1:
            self.fail(chance.choice(running))
        if jobs and chance.random() < 0.3:
            self._forge(chance.choice(jobs), chance)

    def _forge(self, job: FakeJob, chance: random.Random) -> None:
        """Say something untrue of a job, as a stranger who knows its URL; guess a URL; or say the truth once more."""
        url, word = str(self._hook(job)), chance.choice(["failed", "succeed", "succeeded", "brewing"])
        lie = {"task_id": job.task_id, "task_status": word, "id": job.task_id, "status": word}
        match chance.choice(["lie", "guess", "again"]):
            case "lie":
                self.soon(functools.partial(self._forger.send, job, url, lie))
            case "guess":
                self.soon(functools.partial(self._forger.send, job, url[:-4] + "AAAA", lie))
            case _:
                self.soon(lambda: self._callbacks.send(job, url, self._data(job)))

    def named(self) -> list[tuple[str, str, Job]]:
        return [(job.task_id, job.body["prompt"], job) for job in list(self.jobs.values())]

    def prompts(self) -> set[str]:
        return {json.loads(body)["prompt"] for body in self.creates[:]}

    def file_of(self, job: FakeJob) -> bytes:
        return self._content("png" if job.made == "images" else "mp4")

    async def closing(self) -> None:
        await self._forger.close()
        await super().closing()


class OpenAIUpstream(FakeRelay):
    """OpenAI, or a relay in another of its forms: it knows nothing of our handle, so whoever loses its answer never
    learns whether a job was made."""

    def __init__(self, form: Form, **options: Any) -> None:
        super().__init__(form, honest=True, journal_queries=False, **options)

    def start(self) -> Self:
        super().start()
        self.soon(self.finish)
        return self

    def upset(self, chance: random.Random) -> None:
        self.faults.append(chance.choice([_creates, _openai_creates, _queries, _files])(chance))

    def act_up(self, chance: random.Random) -> None:
        running = [one.id for one in list(self.jobs.values())[-100:] if not one.ended]
        if running and chance.random() < 0.1:
            self.fail(chance.choice(running))

    def named(self) -> list[tuple[str, str, Job]]:
        return [(job.id, job.fields["prompt"], job) for job in list(self.jobs.values())]

    def prompts(self) -> set[str]:
        return {fields["prompt"] for fields in self.creates[:]}

    def file_of(self, job: FakeVideo) -> bytes:
        return self.file


class MidjourneyUpstream(FakeMidjourney):
    """A Midjourney proxy: it has no handle of ours, but its list shows the `state` that we gave a task."""

    def __init__(self) -> None:
        super().__init__(apart=False, journal_queries=False)

    def start(self) -> Self:
        super().start()
        self.soon(self.finish)
        return self

    def upset(self, chance: random.Random) -> None:
        self.faults.append(chance.choice([_creates, _midjourney_creates, _queries, _files])(chance))

    def act_up(self, chance: random.Random) -> None:
        _fail_one(self, chance)

    def named(self) -> list[tuple[str, str, Job]]:
        return [(job.task_id, job.prompt, job) for job in list(self.jobs.values())]

    def prompts(self) -> set[str]:
        return {body["prompt"] for _, body in self.creates[:]}

    def file_of(self, job: Any) -> bytes:
        return png(64)


class ImaUpstream(FakeIma):
    """IMA, which knows nothing of our handle."""

    def __init__(self) -> None:
        super().__init__(honest=True)

    def start(self) -> Self:
        super().start()
        self.soon(self.finish)
        return self

    def upset(self, chance: random.Random) -> None:
        self.faults.append(chance.choice([_creates, _ima_creates, _queries, _files])(chance))

    def act_up(self, chance: random.Random) -> None:
        _fail_one(self, chance)

    def named(self) -> list[tuple[str, str, Job]]:
        return [(job.task_id, job.body["prompt"], job) for job in list(self.jobs.values())]

    def prompts(self) -> set[str]:
        return {body["prompt"] for body in self.creates[:]}

    def file_of(self, job: Any) -> bytes:
        return mp4(64, 64, 1, None)


def _fail_one(upstream: MidjourneyUpstream | ImaUpstream, chance: random.Random) -> None:
    """One of the last jobs fails, now and then."""
    jobs: list[FakeTask | FakeImaTask] = list(upstream.jobs.values())
    running = [one.task_id for one in jobs[-100:] if not one.ended]
    if running and chance.random() < 0.1:
        upstream.fail(chance.choice(running))


# Anything that an upstream does wrong, but for making two jobs of one request, which nobody could prevent.

_CREATE: tuple[Act, ...] = ("drop", "html", "broken", "delay", "refuse")
_QUERY: tuple[Act, ...] = ("html", "broken", "drop", "word", "delay")
_FILE: tuple[Act, ...] = ("cut", "html", "drop", "status", "drip")
_PLACES: dict[Place, tuple[Act, ...]] = {"create": _CREATE, "query": _QUERY, "file": _FILE}
KINDS = frozenset(f"{place} {act}" for place, acts in _PLACES.items() for act in acts)
"""Every kind of fault, in the words of `FaultyServer.fired`."""


def _creates(chance: random.Random) -> Fault:
    made = chance.random() < 0.5
    if chance.random() < 0.2:
        return Fault("create", "delay", seconds=chance.uniform(0.1, 0.8))
    if chance.random() < 0.1:  # nobody waits so long for it
        return Fault("create", "delay", seconds=SUBMIT_TIMEOUT + chance.uniform(0.2, 1.0))
    return Fault("create", chance.choice(_CREATE[:3]), created=made)


def _kling_creates(chance: random.Random) -> Fault:
    return Fault("create", "refuse", code=chance.choice([1302, 1303, 5000, 5001, 5002]), retry_after=1)


def _openai_creates(chance: random.Random) -> Fault:
    codes = ["rate_limit_exceeded", "insufficient_quota", "server_error"]
    return Fault("create", "refuse", code=chance.choice(codes), retry_after=1)


def _midjourney_creates(_: random.Random) -> Fault:
    return Fault("create", "refuse", code=FULL, retry_after=1)


def _ima_creates(chance: random.Random) -> Fault:
    code, status = chance.choice([("insufficient_user_quota", 403), ("rate_limit_exceeded", 429)])
    return Fault("create", "refuse", code=code, status=status, retry_after=1)


def _queries(chance: random.Random) -> Fault:
    return chance.choice(
        [
            Fault("query", "html", times=chance.randint(1, 5)),
            Fault("query", "html", status=404),
            Fault("query", "broken"),
            Fault("query", "drop", times=2),
            Fault("query", "word", message="brewing", times=2),
            Fault("query", "delay", seconds=0.3),
        ]
    )


def _files(chance: random.Random) -> Fault:
    return chance.choice(
        [
            Fault("file", "cut", times=chance.choice([1, 1, 3])),
            Fault("file", "html"),
            Fault("file", "drop"),
            Fault("file", "status", status=503),
            Fault("file", "drip", seconds=0.02),
        ]
    )

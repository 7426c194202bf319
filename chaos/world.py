"""Three upstreams that misbehave, and the server in front of them, which is killed again and again."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from tests.server.process import ServerProcess
from tests.upstreams.faults import Act, Fault
from tests.upstreams.kling import API_KEY as KLING_KEY
from tests.upstreams.kling import FakeKling
from tests.upstreams.openai_videos import API_KEY as OPENAI_KEY
from tests.upstreams.openai_videos import FakeOpenAI

MODEL = "kling-v2-5-turbo"
PRICE = "0.07"
"""For a second of what was really made."""
SECONDS = 1
"""The length of every upstream's file."""
BALANCE = 100_000
_JOB_SECONDS = 0.4
_TICK = 0.25
_MOST_FAULTS = 6
"""At one upstream at a time: it shall also get something done."""


class Upstream(Protocol):
    """What the run needs of a fake: its faults, and what really happened in it."""

    file: bytes
    faults: list[Fault]

    def soon(self, function: Callable[[], object]) -> None:
        """Run `function` on the upstream's own thread."""
        ...

    def upset(self, chance: random.Random) -> None:
        """Let something go wrong from now on."""
        ...

    def jobs_of(self) -> dict[str, list[str]]:
        """By the client's own name of the job: the status of every job that this upstream made for it."""
        ...


class KlingUpstream(FakeKling):
    """Kling: it can be asked about our handle, and refuses a second job with the same one."""

    def upset(self, chance: random.Random) -> None:
        self.faults.append(chance.choice([_creates, _kling_creates, _queries, _files])(chance))
        if chance.random() < 0.1 and (running := [one.task_id for one in list(self.jobs.values()) if not one.ended]):
            self.fail(chance.choice(running))

    def jobs_of(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for job in list(self.jobs.values()):
            found.setdefault(job.body["prompt"], []).append(job.status)
        return found


class OpenAIUpstream(FakeOpenAI):
    """OpenAI: it knows nothing of our handle, so whoever loses its answer never learns whether a job was made."""

    def upset(self, chance: random.Random) -> None:
        self.faults.append(chance.choice([_creates, _openai_creates, _queries, _files])(chance))
        if chance.random() < 0.1 and (running := [one.id for one in list(self.jobs.values()) if not one.ended]):
            self.fail(chance.choice(running))

    def jobs_of(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for job in list(self.jobs.values()):
            found.setdefault(job.fields["prompt"], []).append(job.status)
        return found


# Anything that an upstream does wrong, but for making two jobs of one request, which nobody could prevent.


def _creates(chance: random.Random) -> Fault:
    made = chance.random() < 0.5
    acts: tuple[Act, ...] = ("drop", "html", "broken")
    if chance.random() < 0.2:
        return Fault("create", "delay", seconds=chance.uniform(0.1, 0.8))
    return Fault("create", chance.choice(acts), created=made)


def _kling_creates(chance: random.Random) -> Fault:
    return Fault("create", "refuse", code=chance.choice([1302, 1303, 5000, 5001, 5002]), retry_after=1)


def _openai_creates(chance: random.Random) -> Fault:
    codes = ["rate_limit_exceeded", "insufficient_quota", "server_error"]
    return Fault("create", "refuse", code=chance.choice(codes), retry_after=1)


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
            Fault("file", "cut"),
            Fault("file", "html"),
            Fault("file", "drop"),
            Fault("file", "status", status=503),
            Fault("file", "drip", seconds=0.02),
        ]
    )


class World:
    """The upstreams and the server. `start` them first; `stop` ends everything."""

    def __init__(self, folder: Path, chance: random.Random) -> None:
        self._chance = chance
        # Files of different sizes, so that a file tells which upstream it came from.
        self._klings = [KlingUpstream(file_bytes=size, journal_queries=False) for size in (5000, 6000)]
        self._openai = OpenAIUpstream(file_bytes=7000, journal_queries=False)
        self._folder = folder
        self._server: ServerProcess | None = None
        self.kills = 0

    @property
    def upstreams(self) -> dict[str, Upstream]:
        """By the name of the channel."""
        return {"kling-main": self._klings[0], "kling-spare": self._klings[1], "openai-main": self._openai}

    @property
    def server(self) -> ServerProcess:
        assert self._server is not None
        return self._server

    def __enter__(self) -> World:
        for kling in self._klings:
            kling.autofinish(_JOB_SECONDS)
            kling.start()
        self._openai.autofinish(_JOB_SECONDS)
        self._openai.start()
        self._server = ServerProcess(self._folder, self._klings[0].base_url, KLING_KEY, channel=self._rest())
        self._server.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._server is not None:
            self._server.kill()
        for fake in (*self._klings, self._openai):
            fake.stop()

    def trouble(self, kills: int, seconds: float) -> None:
        """For at least `seconds`: upset the upstreams all the time, and kill the server at `kills` random moments."""
        moments = sorted(self._chance.uniform(0.1, 1.0) * seconds for _ in range(kills))
        begun = time.monotonic()
        while (passed := time.monotonic() - begun) < seconds or moments:
            for upstream in self.upstreams.values():
                if len(upstream.faults) < _MOST_FAULTS:
                    upstream.upset(self._chance)
            if moments and passed >= moments[0]:
                moments.pop(0)
                self.server.kill()
                self.kills += 1
                self.server.start()
            time.sleep(min(_TICK, max(0.01, moments[0] - passed)) if moments else _TICK)

    def calm(self) -> None:
        """No more faults: what is under way may end."""
        for upstream in self.upstreams.values():
            upstream.soon(upstream.faults.clear)

    def check_ledger(self) -> str:
        """Stop the server in an orderly way and run `telecine ledger check` on its data; empty where that is clean."""
        if status := self.server.stop():
            return f"the server ended with {status}"
        command = [sys.executable, "-m", "telecine", "ledger", "check", "--data", str(self._folder / "data")]
        command += ["--config", str(self._folder / "telecine.toml")]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        return f"{done.stdout}{done.stderr}" if done.returncode else ""

    def _rest(self) -> str:
        """Everything in the configuration besides the first channel."""
        return f"""
max_in_flight = 20

[[channels]]
name = "kling-spare"
provider = "kling"
base_url = "{self._klings[1].base_url}"
api_key = "{KLING_KEY}"
allow_private = true
max_in_flight = 20

[[channels]]
name = "openai-main"
provider = "openai"
base_url = "{self._openai.base_url}/v1"
api_key = "{OPENAI_KEY}"
allow_private = true
max_in_flight = 20
models = [{{ public = "{MODEL}", upstream = "sora-2" }}]

[[accounts]]
name = "default"
balance = {BALANCE}

[[prices]]
model = "{MODEL}"
unit = "second"
price = {PRICE}

[limits]
failovers = 1
"""

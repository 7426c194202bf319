"""Three upstreams that misbehave, a receiver, and the server between them."""

from __future__ import annotations

import random
import threading
from pathlib import Path
from typing import Any, Protocol

from tests.server.process import ServerProcess
from tests.upstreams.kling import API_KEY, FakeKling, Fault

MODEL = "kling-v2-5-turbo"
PRICE = "0.07"
BALANCE = 100_000


class Upstream(Protocol):
    """What the run needs of a fake: its faults, and what really happened in it."""

    @property
    def base_url(self) -> str: ...
    @property
    def file(self) -> bytes: ...

    def upset(self, chance: random.Random) -> None:
        """Let a few things go wrong from now on."""
        ...

    def jobs_of(self) -> dict[str, list[str]]:
        """By the client's own name of the job: the status of every job that this upstream made for it."""
        ...


class KlingUpstream(FakeKling):
    """Kling: it can be asked about our handle, and refuses a second job with the same one."""

    def upset(self, chance: random.Random) -> None:
        for _ in range(chance.randint(1, 4)):
            self.faults.append(_kling_fault(chance))

    def jobs_of(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for job in list(self.jobs.values()):
            found.setdefault(job.body["prompt"], []).append(job.status)
        return found


def _kling_fault(chance: random.Random) -> Fault:
    """Anything that an upstream does wrong, but for making two jobs of one request, which nobody could prevent."""
    made = chance.random() < 0.5
    return chance.choice(
        [
            Fault("create", "refuse", code=chance.choice([1302, 1303]), retry_after=1),
            Fault("create", "refuse", code=chance.choice([5000, 5001, 5002])),
            Fault("create", "drop", created=made),
            Fault("create", "html", created=made),
            Fault("create", "broken", created=made),
            Fault("create", "delay", seconds=0.5),
            Fault("query", "html", times=chance.randint(1, 5)),
            Fault("query", "broken"),
            Fault("query", "drop", times=2),
            Fault("query", "word", message="brewing", times=2),
            Fault("query", "refuse", code=5000),
            Fault("file", "cut"),
            Fault("file", "html"),
            Fault("file", "drop"),
            Fault("file", "drip", seconds=0.02),
        ]
    )


class World:
    """Everything that runs, and the two things that go wrong all the time: upstreams and kills."""

    def __init__(self, folder: Path, upstreams: list[Upstream], channels: str, chance: random.Random) -> None:
        self.upstreams = upstreams
        self.chance = chance
        self.server = ServerProcess(folder, upstreams[0].base_url, API_KEY, channel=channels)
        self.kills = 0
        self._calm = threading.Event()

    def trouble(self, kills: int, seconds: float) -> None:
        """Upset the upstreams and kill the server `kills` times at random moments, about `seconds` in all."""
        for _ in range(kills):
            for upstream in self.upstreams:
                upstream.upset(self.chance)
            self._calm.wait(self.chance.uniform(0.2, 1.8) * seconds / max(kills, 1))
            self.server.kill()
            self.kills += 1
            self.server.start()

    def calm(self) -> None:
        """No more faults: what is under way may end."""
        for upstream in self.upstreams:
            faults: list[Any] = getattr(upstream, "faults", [])
            faults.clear()
